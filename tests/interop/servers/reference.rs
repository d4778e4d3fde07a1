//! The reference of MCPC, in both of its dialects.

use mcpc::client::{Client, Event, Said, Way};
use serde_json::{Value, json};

use super::{check_common, connect, python, run};

async fn check(environment: &str, version: &str, builder: mcpc::client::ClientBuilder) {
    let server = || python(environment, "reference.py");
    let client = connect(builder.clone(), server()).await;
    let info = client.mcpc().expect("it speaks MCPC");
    assert_eq!((info.mcpc_version.as_str(), info.mcpc_provider.as_str()), (version, "reference"));

    let (said, result) = run(&client, "work", json!({"steps": 3}), Way::Mcpc).await;
    let said: Vec<Value> = said
        .into_iter()
        .map(|said| match said {
            Said::Update(value) => value,
            other => panic!("{other:?}"),
        })
        .collect();
    let step = |step: u8| json!({"step": step, "text": "å∑🦀\"\n"});
    assert_eq!(said, [step(0), step(1), step(2)]);
    assert_eq!(result.expect("a result"), json!({"steps": 3}));

    // Many at once: of each everything, in its order.
    let mut tasks = Vec::new();
    for steps in 1..=20_usize {
        tasks.push((steps, client.start("work", json!({"steps": steps})).await.expect("sent")));
    }
    for (steps, mut task) in tasks {
        assert_eq!(task.result::<Value>().await.expect("a result"), json!({"steps": steps}));
        for expected in 0..steps {
            let Some(Said::Update(value)) = task.next().await else { panic!("an update") };
            assert_eq!(value["step"], expected);
        }
        assert!(task.next().await.is_none());
    }

    let mut events = client.events();
    client.call("emit", json!({"data": {"n": 1}})).await.expect("answered");
    let Some(Event::Emitted { event, data, .. }) = events.next().await else { panic!("an event") };
    assert_eq!((event.as_str(), data), ("emitted", json!({"n": 1})));

    check_common(client, Way::Mcpc, Way::Mcpc).await;
}

#[tokio::test]
async fn the_reference_0_2_1_is_understood() {
    check("0.2.1-1.6.0", "0.2.1", Client::builder().initialize()).await;
}

#[tokio::test]
async fn the_reference_0_2_6_is_understood() {
    check("0.2.6-1.6.0", "0.2.6", Client::builder().initialize()).await;
}

/// It dies of `server/discover`, and its process stays.
#[tokio::test]
async fn a_server_that_dies_of_the_newest_handshake_is_started_once_more() {
    check("0.2.1-1.6.0", "0.2.1", Client::builder()).await;
}
