//! Tools that are made at run time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcpc::content::CallToolResult;
use mcpc::{Call, DynamicTool, Sender, Server, Tools};
use serde_json::{Value, json};

use crate::support::{Mcpc, Plain, WithTasks};

type Arguments = serde_json::Map<String, Value>;

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where"},
            "days": {"type": "integer", "minimum": 1},
        },
        "required": ["city"],
        "additionalProperties": false,
    })
}

/// A tool that counts how often it was called.
fn forecast() -> DynamicTool {
    let calls = Arc::new(AtomicUsize::new(0));
    DynamicTool::plain("forecast", schema(), move |arguments: Arguments, call: Call| {
        let calls = Arc::clone(&calls);
        async move {
            let calls = calls.fetch_add(1, Ordering::SeqCst) + 1;
            match arguments["city"].as_str() {
                Some("Atlantis") => Err("it sank"),
                Some(city) => {
                    Ok(format!("{city} {calls} {} {}", call.session_id(), arguments.len()))
                }
                None => unreachable!("it was checked"),
            }
        }
    })
    .description("Says how the weather will be.")
    .title("Forecast")
    .read_only(true)
}

fn ride() -> DynamicTool {
    let ride = async |arguments: Arguments, call: Call, sender: Sender| {
        sender.send(arguments["city"].clone()).await;
        assert_eq!(call.task_id(), Some(sender.task_id()));
        Ok::<_, String>(CallToolResult::success(Vec::new()))
    };
    DynamicTool::background("ride", schema(), ride).description("Rides.").patience(Duration::ZERO)
}

fn server() -> Server {
    Server::new("dynamic").tools(forecast()).tools(ride())
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_was_made_at_run_time_is_listed_as_it_was_written() {
    let mut client = Plain::connect(server()).await;
    let listed = client.list().await;
    assert_eq!(
        listed[0],
        json!({
            "name": "forecast", "title": "Forecast", "description": "Says how the weather will be.",
            "inputSchema": schema(), "annotations": {"readOnlyHint": true},
        })
    );
    assert_eq!(
        listed[1],
        json!({"name": "ride", "description": "Rides.", "inputSchema": schema()})
    );
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_was_made_at_run_time_is_called_again_and_again() {
    let mut client = Plain::connect(server()).await;
    let oslo = || json!({"city": "Oslo", "days": 1});
    assert_eq!(client.ask("forecast", oslo()).await, ("Oslo 1 default 2".into(), false));
    assert_eq!(client.ask("forecast", oslo()).await, ("Oslo 2 default 2".into(), false));
    let sunk = client.ask("forecast", json!({"city": "Atlantis"})).await;
    assert_eq!(sunk, ("it sank".into(), true));
}

#[tokio::test(start_paused = true)]
async fn a_call_is_told_everything_that_the_schema_has_against_it() {
    let mut client = Plain::connect(server()).await;
    let (text, is_error) = client.ask("forecast", json!({"days": 0, "citi": "Oslo"})).await;
    assert!(is_error);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "argument `city` is missing",
            "argument `days`: 0 is not in 1..",
            "unknown argument `citi`; did you mean `city`?",
        ]
    );
    // What was meant is taken for it, unless it is to be exact.
    let meant = || json!({"city": "Oslo", "days": "3"});
    assert_eq!(client.ask("forecast", meant()).await.0, "Oslo 1 default 2");
    let mut exact = Plain::connect(server().exact_arguments(true)).await;
    let (text, is_error) = exact.ask("forecast", meant()).await;
    assert_eq!(
        (text.as_str(), is_error),
        (r#"argument `days`: expected a whole number, got the string "3""#, true)
    );
    // So is what a host adds to every call.
    let added =
        json!({"city": "Oslo", "sessionId": 1, "action": "", "chatInput": "", "toolCallId": ""});
    assert_eq!(client.ask("forecast", added).await.0, "Oslo 2 default 1");
    let mut ignoring = Plain::connect(server().ignore_unknown_arguments(true)).await;
    assert_eq!(
        ignoring.ask("forecast", json!({"city": "Oslo", "x": 1})).await.0,
        "Oslo 1 default 1"
    );
}

#[tokio::test(start_paused = true)]
async fn a_background_tool_that_was_made_at_run_time_is_a_task_to_every_client() {
    let mut client = Mcpc::connect(server()).await;
    let events = client.events("ride", json!({"city": "Oslo"})).await;
    let events: Vec<_> = events.iter().map(|(event, result)| (event.as_str(), result)).collect();
    assert_eq!(events[1..2], [("update", &json!("Oslo"))]);
    assert_eq!((events.len(), events[2].0), (3, "complete"));
    let mut client = WithTasks::open(server().task_patience(Duration::ZERO));
    let task_id = client.start("ride", json!({"city": "Oslo"})).await;
    let (result, _) = client.poll(&task_id).await;
    assert_eq!(result["content"][0]["text"], "Updates while it ran:\nOslo");
    // Of refused arguments there is no task.
    let refused = client.call("ride", json!({})).await;
    assert_eq!(refused["content"][0]["text"], "argument `city` is missing");
    let mut client = Plain::connect(server()).await;
    let (ticket, _) = client.ticket("ride", json!({"city": "Oslo"})).await;
    assert!(ticket.starts_with("`ride` was started"), "{ticket}");
}

#[test]
fn a_schema_that_is_not_one_of_objects_is_named_when_the_server_is_built() {
    let tool =
        |schema: Value| DynamicTool::plain("odd", schema, async |_, _| Ok::<_, String>("never"));
    let refused = |tool: DynamicTool| {
        Server::new("odd").tools(tool).check().expect_err("it is not built").to_string()
    };
    let expected = r#"expected an object with `"type": "object"`"#;
    assert_eq!(
        refused(tool(json!("string"))),
        format!(r#"the input schema of the tool `odd`: `"string"` is not one; {expected}"#)
    );
    assert_eq!(
        refused(tool(json!({"type": "array"}))),
        format!(r#"the input schema of the tool `odd`: its `type` is `"array"`; {expected}"#)
    );
    assert_eq!(
        refused(tool(json!({"properties": []}))),
        format!("the input schema of the tool `odd`: its `properties` are `[]`; {expected}")
    );
    assert_eq!(
        refused(tool(json!({})).output_schema(json!({"type": "string"}))),
        format!(r#"the output schema of the tool `odd`: its `type` is `"string"`; {expected}"#)
    );
    let two: Tools = [tool(json!({})), tool(json!({}))].into_iter().collect();
    let twice = Server::new("odd").tools(two).check().expect_err("it is not built").to_string();
    assert!(twice.starts_with("two tools are called `odd`: tests/it/tools/dynamic.rs:"), "{twice}");
}

#[tokio::test(start_paused = true)]
async fn what_is_returned_has_the_schema_of_its_type_or_the_one_that_was_written() {
    #[derive(serde::Serialize, schemars::JsonSchema)]
    struct Sum {
        sum: i64,
    }
    let sum = async |_: Arguments, _: Call| Ok::<_, String>(Sum { sum: 3 });
    let written = json!({"type": "object", "properties": {"sum": {"type": "number"}}});
    let tools: Tools = [
        DynamicTool::plain("typed", json!({}), sum),
        DynamicTool::plain("written", json!({}), sum).output_schema(written.clone()),
    ]
    .into_iter()
    .collect();
    let mut client = Plain::connect(Server::new("sums").tools(tools)).await;
    let listed = client.list().await;
    assert_eq!(listed[0]["inputSchema"], json!({"type": "object"}));
    assert_eq!(listed[0]["outputSchema"]["properties"]["sum"], json!({"type": "integer"}));
    assert_eq!(listed[1]["outputSchema"], written);
    let reply = client.reply("written", json!({})).await;
    assert_eq!(reply["result"]["structuredContent"], json!({"sum": 3}));
}

#[tokio::test(start_paused = true)]
async fn a_closure_that_panics_is_told_of_as_any_tool() {
    let tool = DynamicTool::plain("boom", json!({}), |_, _| {
        panic!("before its future");
        #[expect(unreachable_code, reason = "it says what it would return")]
        std::future::ready(Ok::<_, String>(()))
    });
    let mut client = Plain::connect(Server::new("boom").tools(tool)).await;
    let said = client.ask("boom", json!({})).await;
    assert_eq!(said, ("tool `boom` panicked: before its future".into(), true));
}
