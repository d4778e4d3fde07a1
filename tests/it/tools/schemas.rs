//! Schemas that were written, and not made of types: what a call is checked by.

use mcpc::around::{Next, ToolCall};
use mcpc::{Server, tools};
use serde_json::json;

use crate::support::messages::call_written;
use crate::support::{Plain, text};

/// What a tool says of arguments that are written like this.
async fn written(server: Server, tool: &str, arguments: &str) -> String {
    let mut client = Plain::connect(server).await;
    client.wire.send(&call_written("1", tool, arguments)).await;
    text(&client.wire.value().await)
}

/// Says a number.
#[mcpc::tool]
async fn say(n: u128) -> String {
    n.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_number_that_was_changed_around_a_call_is_the_one_that_is_read() {
    let server = || Server::new("around").tools(tools![say]);
    let changing = server().around(|mut call: ToolCall, next: Next| {
        call.arguments_mut().insert("n".into(), json!(5.0));
        next.run(call)
    });
    let large = r#"{"n":123456789012345678901234}"#;
    assert_eq!(written(changing, "say", large).await, "5");
    let leaving = server().around(|call: ToolCall, next: Next| next.run(call));
    assert_eq!(written(leaving, "say", large).await, "123456789012345678901234");
}
