//! Tools that come and go while a service runs.

use std::time::Duration;

use mcpc::{DynamicTool, Sender, Server, Service, State, Tools, tools};
use serde_json::json;

use crate::support::messages::{INITIALIZE, INITIALIZED};
use crate::support::{Plain, Wire, WithTasks};

/// Says hello.
#[mcpc::tool]
async fn hello() -> &'static str {
    "hello"
}

/// Says its state.
#[mcpc::tool]
async fn stateful(state: State<u8>) -> u8 {
    *state
}

/// Works until it is asked to stop.
#[mcpc::background(patience = "0s")]
async fn work(sender: Sender) -> &'static str {
    sender.stopped().await;
    "stopped in time"
}

fn server() -> Server {
    Server::new("changes").tools(tools![hello]).dynamic_tools(true)
}

fn service() -> Service {
    server().build().expect("it can be built")
}

fn later() -> DynamicTool {
    DynamicTool::plain("later", json!({}), async |_, _| Ok::<_, String>("it is later"))
}

async fn expect_change(wire: &mut Wire) {
    assert_eq!(
        wire.value().await,
        json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
    );
}

/// Nothing is sent, not even later.
async fn expect_silence(wire: &mut Wire) {
    let line = tokio::time::timeout(Duration::from_secs(5), wire.lines.next_line()).await;
    assert!(line.is_err(), "{line:?}");
}

#[tokio::test(start_paused = true)]
async fn every_client_with_a_session_hears_of_a_change_and_can_call_what_is_new() {
    let service = service();
    let (mut one, info) = Plain::begin_and_see(Wire::to(&service)).await;
    let mut other = Plain::begin(Wire::to(&service)).await;
    assert_eq!(info["capabilities"]["tools"], json!({"listChanged": true}));
    assert_eq!(one.names().await, ["hello"]);
    assert_eq!(other.names().await, ["hello"]);
    service.add(later()).expect("it can be added");
    expect_change(&mut one).await;
    expect_change(&mut other).await;
    assert_eq!(one.names().await, ["hello", "later"]);
    assert_eq!(one.ask("later", json!({})).await.0, "it is later");
    assert!(service.remove("hello").expect("tools may change"));
    expect_change(&mut one).await;
    expect_change(&mut other).await;
    assert_eq!(other.names().await, ["later"]);
    let (text, is_error) = other.ask("hello", json!({})).await;
    assert_eq!((text.as_str(), is_error), ("unknown tool `hello`; expected one of `later`", true));
    // Nothing has changed.
    assert!(!service.remove("hello").expect("tools may change"));
    expect_silence(&mut one).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_hears_of_changes_once_its_session_has_begun() {
    let service = service();
    let mut wire = Wire::to(&service);
    wire.send(INITIALIZE).await;
    assert_eq!(wire.value().await["id"], "init");
    service.add(later()).expect("it can be added");
    expect_silence(&mut wire).await;
    wire.send(INITIALIZED).await;
    expect_change(&mut wire).await;
    wire.send(INITIALIZED).await;
    service.remove("later").expect("tools may change");
    expect_change(&mut wire).await;
    expect_silence(&mut wire).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_session_hears_of_changes_that_it_subscribes_to() {
    for server in [server(), server().handler(NoTools)] {
        let service = server.build().expect("it can be built");
        let mut client = WithTasks::over(Wire::to(&service));
        let info = client.request("server/discover", json!({})).await;
        assert_eq!(info["result"]["capabilities"]["tools"], json!({"listChanged": true}));
        let filter = json!({"notifications": {"toolsListChanged": true}});
        client.send_request("listen", "subscriptions/listen", filter).await;
        let acknowledged = client.value().await;
        assert_eq!(acknowledged["params"]["notifications"], json!({"toolsListChanged": true}));
        service.add(later()).expect("it can be added");
        let heard = client.value().await;
        assert_eq!(heard["method"], "notifications/tools/list_changed");
        let id = json!({"io.modelcontextprotocol/subscriptionId": "listen"});
        assert_eq!(heard["params"]["_meta"], id);
        // Both in one subscription.
        let task_id = {
            service.add(tools![work]).expect("it can be added");
            let _ = client.value().await;
            client.start("work", json!({})).await
        };
        client.cancel_request("listen").await;
        let filter = json!({"notifications": {"toolsListChanged": true, "taskIds": [task_id]}});
        client.send_request("both", "subscriptions/listen", filter).await;
        let acknowledged = client.value().await;
        let expected = json!({"toolsListChanged": true, "taskIds": [task_id]});
        assert_eq!(acknowledged["params"]["notifications"], expected);
        service.remove("later").expect("tools may change");
        let heard = client.value().await;
        assert_eq!(heard["method"], "notifications/tools/list_changed");
        assert_eq!(
            heard["params"]["_meta"],
            json!({"io.modelcontextprotocol/subscriptionId": "both"})
        );
    }
}

/// A handler of something else.
pub(super) struct NoTools;

impl mcpc::rmcp::ServerHandler for NoTools {}

#[tokio::test(start_paused = true)]
async fn the_tasks_of_a_removed_tool_go_on_and_can_be_asked_about() {
    let service = service();
    let mut client = Plain::begin(Wire::to(&service)).await;
    service.add(tools![work]).expect("it can be added");
    expect_change(&mut client).await;
    assert_eq!(client.names().await, ["hello", "work", "check_task", "stop_task", "message_task"]);
    let (_, task_id) = client.ticket("work", json!({})).await;
    service.remove("work").expect("tools may change");
    expect_change(&mut client).await;
    assert_eq!(client.names().await, ["hello", "check_task", "stop_task", "message_task"]);
    let (text, _) = client.check(&task_id, 0).await;
    assert!(text.starts_with(&format!("Task `{task_id}` (`work`) is running")), "{text}");
    client.stop(&task_id).await;
    let (text, _) = client.check(&task_id, 1).await;
    assert!(text.contains("stopped in time"), "{text}");
    // What looks after tasks does not come twice, and does not go.
    service.add(tools![work]).expect("it can be added");
    expect_change(&mut client).await;
    assert!(!service.remove("check_task").expect("tools may change"));
    assert_eq!(client.names().await, ["hello", "work", "check_task", "stop_task", "message_task"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_added_changes_nothing() {
    let service = service();
    let mut client = Plain::begin(Wire::to(&service)).await;
    let refused = |tools: Tools| service.add(tools).expect_err("it cannot").to_string();
    let text = refused(tools![work] + tools![hello]);
    assert!(text.starts_with("two tools are called `hello`: "), "{text}");
    let text = refused(tools![work].prefix("a b"));
    assert!(text.starts_with("the tool `a bwork` cannot have this name: "), "{text}");
    let text = refused(tools![stateful]);
    assert!(
        text.starts_with("the tool `stateful` takes `State<u8>`; give the server one"),
        "{text}"
    );
    assert_eq!(client.names().await, ["hello"]);
    expect_silence(&mut client).await;
}

#[tokio::test(start_paused = true)]
async fn the_tools_of_a_server_that_did_not_say_so_do_not_change() {
    let service = Server::new("fixed").tools(tools![hello]).build().expect("it can be built");
    let (mut client, info) = Plain::begin_and_see(Wire::to(&service)).await;
    assert_eq!(info["capabilities"], json!({"tools": {}}));
    let fixed =
        "the tools of this server do not change; build it with `Server::dynamic_tools(true)`";
    assert_eq!(service.add(later()).expect_err("they are fixed").to_string(), fixed);
    assert_eq!(service.remove("hello").expect_err("they are fixed").to_string(), fixed);
    assert_eq!(client.names().await, ["hello"]);
    let mut client = WithTasks::over(Wire::to(&service));
    let filter = json!({"notifications": {"toolsListChanged": true}});
    let reply = client.request("subscriptions/listen", filter).await;
    assert_eq!(reply["error"]["code"], -32601);
}
