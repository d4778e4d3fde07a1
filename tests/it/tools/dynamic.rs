//! Tools that are made at run time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcpc::content::CallToolResult;
use mcpc::{Call, DynamicTool, Icon, Sender, Server, Tools};
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
    assert_eq!(
        refused(tool(json!([1]))),
        "the input schema of the tool `odd`: it is an array, and not a schema"
    );
    assert_eq!(
        refused(tool(json!({"type": "array"}))),
        r#"the input schema of the tool `odd`: it has `"type": "array"`; expected `"type": "object"`"#
    );
    assert_eq!(
        refused(tool(json!({"properties": []}))),
        "the input schema of the tool `odd`: its `properties` are `[]`; expected an object"
    );
    assert_eq!(
        refused(DynamicTool::plain("odd", "{", async |_, _| Ok::<_, String>(1))),
        "the input schema of the tool `odd`: it is not JSON: EOF while parsing an object at line 1 column 1"
    );
    let number = DynamicTool::plain("odd", json!({}), async |_, _| Ok::<_, String>(1));
    assert_eq!(
        refused(number.output_schema(json!({"type": "string"}))),
        r#"the output schema of the tool `odd`: it has `"type": "string"`; expected `"type": "object"`"#
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

#[test]
fn an_output_schema_of_what_is_never_structured_is_an_error() {
    let refused = |tool: DynamicTool| {
        let tool = tool.output_schema(json!({"type": "object"}));
        Server::new("odd").tools(tool).check().err().map(|error| error.to_string())
    };
    let expected = "the output schema of the tool `odd`: the tool returns what is never structured content; \
                    expected an object";
    let text = DynamicTool::plain("odd", json!({}), async |_, _| Ok::<_, String>("text"));
    assert_eq!(refused(text).as_deref(), Some(expected));
    let nothing = DynamicTool::plain("odd", json!({}), async |_, _| Ok::<_, String>(()));
    assert_eq!(refused(nothing).as_deref(), Some(expected));
    let image =
        |_, _| std::future::ready(Ok::<_, String>(Vec::<mcpc::content::ContentBlock>::new()));
    assert_eq!(refused(DynamicTool::plain("odd", json!({}), image)).as_deref(), Some(expected));
    let json = DynamicTool::plain("odd", json!({}), async |_, _| Ok::<_, String>(json!({})));
    assert_eq!(refused(json), None);
    let reply = async |_, _| Ok::<_, String>(CallToolResult::success(Vec::new()));
    assert_eq!(refused(DynamicTool::plain("odd", json!({}), reply)), None);
}

#[tokio::test(start_paused = true)]
async fn what_was_promised_to_be_structured_is_so_whatever_it_is() {
    let give = async |mut arguments: Arguments, _: Call| {
        Ok::<_, String>(arguments.remove("it").unwrap_or_default())
    };
    let tool = DynamicTool::plain("give", json!({}), give).output_schema(json!({}));
    let mut client = Plain::connect(Server::new("promises").tools(tool)).await;
    for (it, structured) in [
        (json!({"a": 1}), json!({"a": 1})),
        (json!(5), json!({"result": 5})),
        (json!([5]), json!({"result": [5]})),
        (json!("text"), json!({"result": "text"})),
        (json!(null), json!({"result": null})),
    ] {
        let result = client.result("give", json!({"it": it})).await;
        assert_eq!(result["structuredContent"], structured, "{result}");
    }
}

#[test]
fn what_cannot_be_meant_of_a_tool_is_an_error_as_in_an_attribute() {
    let plain = || DynamicTool::plain("odd", json!({}), async |_, _| Ok::<_, String>("never"));
    let background =
        || DynamicTool::background("odd", json!({}), async |_, _, _| Ok::<_, String>("never"));
    let refused = |tool: DynamicTool| {
        let refused = Server::new("odd").tools(tool).check().err();
        refused.map(|error| error.to_string().replace("the tool `odd`: ", ""))
    };
    let is = |text: &str| Some(text.to_owned());
    let second = Duration::from_secs(1);
    assert_eq!(refused(plain().timeout(Duration::ZERO)), is("`timeout` must not be zero"));
    assert_eq!(refused(background().retention(Duration::ZERO)), is("`retention` must not be zero"));
    assert_eq!(refused(plain().patience(second)), is("`patience` is for background tools"));
    assert_eq!(refused(plain().retention(second)), is("`retention` is for background tools"));
    assert_eq!(refused(background().patience(Duration::ZERO).retention(second)), None);
    let icon = "the icon `icon.svg` does not start with `https://`, `http://` or `data:`";
    assert_eq!(refused(plain().icons([Icon::new("icon.svg")])), is(icon));
}

#[tokio::test(start_paused = true)]
async fn a_tool_takes_what_rmcp_makes_and_lists_its_icons_and_its_meta() {
    #[derive(schemars::JsonSchema)]
    #[allow(dead_code, reason = "it is only described")]
    struct Place {
        city: String,
    }
    let schema = mcpc::rmcp::handler::server::tool::schema_for_type::<Place>();
    let meta = Arguments::from_iter([("a.example/b".to_owned(), json!(1))]);
    let of_arc = DynamicTool::plain("arc", schema.clone(), async |_, _| Ok::<_, String>(""));
    let of_map = DynamicTool::plain("map", (*schema).clone(), async |_, _| Ok::<_, String>(""));
    let of_arc = of_arc.icons([Icon::new("https://a.example/b.svg")]).meta(meta);
    let mut client = Plain::connect(Server::new("rmcp").tools(of_arc).tools(of_map)).await;
    let listed = client.list().await;
    assert_eq!(listed[0]["inputSchema"], Value::from((*schema).clone()));
    assert_eq!(listed[1]["inputSchema"], listed[0]["inputSchema"]);
    assert_eq!(listed[0]["icons"], json!([{"src": "https://a.example/b.svg"}]));
    assert_eq!(listed[0]["_meta"], json!({"a.example/b": 1}));
}

#[test]
fn the_addresses_of_a_server_are_those_that_a_tool_may_have() {
    let refused = |server: Server| server.check().err().map(|error| error.to_string());
    let server = || Server::new("addresses").icons([Icon::new("https://a.example/b.svg")]);
    assert_eq!(refused(server().website("https://a.example")), None);
    assert_eq!(
        refused(server().website("a.example")).as_deref(),
        Some(
            "`Server::website` is \"a.example\"; expected an address that starts with `https://` or `http://`"
        )
    );
    assert_eq!(
        refused(server().icons([Icon::new("b.svg")])).as_deref(),
        Some(
            "`Server::icons` is \"b.svg\"; expected an address that starts with `https://`, `http://` or `data:`"
        )
    );
}
