//! What a tool knows of a request, what it asks, and what the server tells outside of calls.

use axum::http::Request;
use mcpc::{Call, NoAnswer, Sender, Server, tools};
use serde_json::json;

use crate::support::{Http, mcpc, text, ticket};

/// Tells who asks.
#[mcpc::tool]
async fn whoami(call: Call) -> String {
    let agent = call.http().and_then(|head| head.headers.get("user-agent")?.to_str().ok());
    let from_layer = call.http().and_then(|head| head.extensions.get::<u8>());
    format!("{:?} {agent:?} {from_layer:?}", call.principal())
}

/// Asks before it goes on.
#[mcpc::background]
async fn sure(sender: Sender) -> Result<String, NoAnswer> {
    Ok(format!("sure: {}", sender.ask::<bool>("Sure?").await?))
}

fn server() -> Server {
    Server::new("http").tools(tools![whoami, sure]).patience(std::time::Duration::ZERO)
}

#[tokio::test(start_paused = true)]
async fn a_call_knows_its_principal_the_head_of_its_request_and_what_a_layer_put_there() {
    let service = server().build().expect("it can be built");
    let http = service.http().principal(|request| {
        let user = request.headers.get("x-user")?;
        user.to_str().ok().map(str::to_owned)
    });
    let router = http.into_router().expect("it can be served");
    let router = router.layer(tower::util::MapRequestLayer::new(|mut request: Request<_>| {
        request.extensions_mut().insert(7_u8);
        request
    }));
    let client = Http::through(router).with("user-agent", "test").with("x-user", "ann");
    let known = r#"Some("ann") Some("test") Some(7)"#;
    assert_eq!(text(&client.begin().await.call(1, "whoami", json!({})).await), known);
    assert_eq!(text(&client.call_alone(1, "whoami", json!({})).await), known);
    let stdio = mcpc::testing::connect(server(), mcpc::testing::As::Mcpc).await;
    let outcome = stdio.call("whoami", json!({})).await;
    assert_eq!(outcome.result(), Ok("None None None"), "there is no request of HTTP");
}

#[tokio::test(start_paused = true)]
async fn what_a_task_asks_goes_to_the_stream_of_its_session_and_the_answer_comes_by_a_request() {
    let client = Http::to(&server().build().expect("it can be built"));
    let mut begin = crate::support::initialize("2025-11-25");
    begin["params"]["capabilities"] = json!({"elicitation": {"form": {}}});
    let session = client.begin_with(begin).await;
    let mut stream = session.listen(None).await;
    let task_id = ticket(&session.call(1, "sure", json!({})).await);
    let asked = stream.events.message().await;
    assert_eq!(
        (&asked["method"], &asked["params"]["message"]),
        (&json!("elicitation/create"), &json!("Sure?"))
    );
    let answer =
        json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept", "content": {}}});
    assert_eq!(session.post(&[], answer).await.status.as_u16(), 202);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let check = json!({"task_id": task_id});
    let checked = session.call(2, "check_task", check).await;
    assert!(text(&checked).contains("sure: true"), "{checked}");
}

#[tokio::test(start_paused = true)]
async fn events_go_to_the_sessions_that_are_meant_and_wait_for_one_that_is_away() {
    let service = server().build().expect("it can be built");
    let events = service.events();
    let client = Http::to(&service);
    let (speaks_mcpc, plain) = (client.begin().await, client.begin().await);
    // Its metadata shows what it speaks, and which session it names.
    speaks_mcpc.call(1, "whoami", mcpc("t", json!({}))).await;
    events.emit("started", json!({"build": 7})).expect("it has a name");
    let mut stream = speaks_mcpc.listen(None).await;
    let event = stream.events.callback().await;
    assert_eq!(
        (&event["event"], &event["session_id"]),
        (&json!("started"), &json!("s")),
        "{event}"
    );
    let mut stream = plain.listen(None).await;
    let message = stream.events.message().await;
    assert_eq!(message["method"], "notifications/message");
    assert_eq!(message["params"]["data"], json!({"event": "started", "data": {"build": 7}}));
}
