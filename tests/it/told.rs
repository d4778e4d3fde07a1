//! What a task is told while it runs: by which tools, as what, and when it is not.

use std::time::Duration;

use mcpc::{DynamicTool, Receiver, Sender, Server, tools};
use serde_json::{Map, Value, json};

use crate::support::clients::{Mcpc, Plain, WithTasks};
use crate::support::messages::{call, meta_without_tasks, texts};
use crate::support::wire::Wire;

/// Two types of one name.
mod left {
    #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
    #[expect(dead_code, reason = "they are read by `Debug`")]
    pub(super) struct Step {
        pub(super) left: Vec<Step>,
    }
}

mod right {
    #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
    #[expect(dead_code, reason = "they are read by `Debug`")]
    pub(super) struct Step {
        pub(super) right: Vec<Step>,
    }
}

/// Goes left.
#[mcpc::background]
async fn go_left(mut told: Receiver<left::Step>) -> String {
    format!("{:?}", told.recv().await)
}

/// Goes right.
#[mcpc::background]
async fn go_right(mut told: Receiver<right::Step>) -> String {
    format!("{:?}", told.recv().await)
}

/// Goes right as well.
#[mcpc::background]
async fn go_right_again(mut told: Receiver<right::Step>) -> String {
    format!("{:?}", told.recv().await)
}

/// Whether a value fits a schema, by a library that knows nothing of ours.
fn fits(schema: &Value, value: &Value) -> bool {
    jsonschema::validator_for(schema).expect("a schema").is_valid(value)
}

#[tokio::test(start_paused = true)]
async fn types_of_one_name_are_told_apart_in_the_schema_of_messages() {
    let server = Server::new("ways").tools(tools![go_left, go_right, go_right_again]);
    let tool = Plain::connect(server).await.listed("message_task").await;
    let schema = &tool["inputSchema"];
    let message = |message: Value| json!({"task_id": "t", "message": message});
    let deep = |way: &str, last: &str| {
        let steps = (0..5).fold(json!({last: []}), |inner, _| json!({way: [inner]}));
        message(steps)
    };
    for way in ["left", "right"] {
        assert!(fits(schema, &deep(way, way)), "{way}: {schema}");
    }
    for (way, last) in [("left", "right"), ("right", "left")] {
        assert!(!fits(schema, &deep(way, last)), "{way}: {schema}");
    }
    let definitions = schema["$defs"].as_object().expect("they contain themselves");
    assert_eq!(
        definitions.keys().collect::<Vec<_>>(),
        ["Step", "go_right.Step", "go_right_again.Step"]
    );
}

/// A tool that goes where it is told, by a schema that refers to parts of itself.
fn drive() -> DynamicTool {
    let instructions = json!({
        "description": "Where to go next.",
        "definitions": {
            "step": {"type": "object", "properties": {"then": {"$ref": "#/definitions/step"}, "km": {"type": "integer"}}},
        },
        "anyOf": [{"type": "string", "enum": ["halt"]}, {"$ref": "#/definitions/step"}],
    });
    let run = async |_: Map<String, Value>, _, sender: Sender, mut told: Receiver<Value>| {
        let mut heard = Vec::new();
        while let Some(instruction) = told.recv().await {
            sender.send(&instruction).await;
            let halts = instruction == "halt";
            heard.push(instruction);
            if halts {
                break;
            }
        }
        Ok::<_, String>(Value::from(heard))
    };
    DynamicTool::told("drive", json!({}), instructions, run).description("Drives.")
}

#[tokio::test(start_paused = true)]
async fn a_tool_made_at_run_time_is_told_what_its_schema_says() {
    let server = Server::new("dynamic").tools(tools![go_right] + drive()).patience(Duration::ZERO);
    let mut client = Plain::connect(server).await;
    let tool = client.listed("message_task").await;
    let description = tool["description"].as_str().expect("a description");
    assert!(description.contains("A task of `drive` takes what its schema says"), "{description}");
    let schema = &tool["inputSchema"];
    let kinds = schema["properties"]["message"]["anyOf"].as_array().expect("kinds");
    let about = kinds[2]["description"].as_str().expect("a description");
    assert_eq!(about, "An instruction for a task of `drive`. Where to go next.");
    let message = |message: Value| json!({"task_id": "t", "message": message});
    assert!(fits(schema, &message(json!({"then": {"km": 3}}))), "{schema}");
    assert!(!fits(schema, &message(json!({"then": {"km": "far"}}))), "{schema}");

    let (_, id) = client.ticket("drive", json!({})).await;
    let mut say = async |message: Value| {
        client.ask("message_task", json!({"task_id": id, "message": message})).await
    };
    let (text, is_error) = say(json!({"then": {"km": "far"}})).await;
    assert!(is_error && text.starts_with("`drive` was not told: "), "{text}");
    // It is mended as any argument is.
    assert!(!say(json!({"km": "3"})).await.1);
    assert!(!say(json!("halt")).await.1);
    let (text, _) = client.check(&id, 50).await;
    assert!(text.contains("The result:\n[{\"km\":3},\"halt\"]"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_is_added_to_a_running_service_is_told_what_its_schema_says() {
    let server = Server::new("later").tools(tools![go_left]).dynamic_tools(true);
    let service = server.patience(Duration::ZERO).build().expect("it can be built");
    let mut client = Plain::begin(Wire::to(&service)).await;
    service.add(drive()).expect("it can be added");
    assert_eq!(client.value().await["method"], "notifications/tools/list_changed");
    let about = async |client: &mut Plain| {
        let tool = client.listed("message_task").await;
        tool["description"].as_str().expect("a description").to_owned()
    };
    let of_both = about(&mut client).await;
    assert!(of_both.contains("A task of `go_left` takes"), "{of_both}");
    assert!(of_both.contains("A task of `drive` takes"), "{of_both}");
    let names = client.names().await;
    assert_eq!(names, ["go_left", "drive", "check_task", "stop_task", "message_task"]);

    assert!(service.remove("drive").expect("tools may change"));
    assert_eq!(client.value().await["method"], "notifications/tools/list_changed");
    let of_one = about(&mut client).await;
    assert!(!of_one.contains("`drive`"), "{of_one}");
    let schema = &client.listed("message_task").await["inputSchema"];
    let message = json!({"task_id": "t", "message": {"left": []}});
    assert!(fits(schema, &message), "{schema}");
}

/// Goes by what it was made of, also once there is another tool of its name.
#[tokio::test(start_paused = true)]
async fn a_task_of_a_tool_that_is_gone_is_told_what_it_takes_until_it_ends() {
    let server = Server::new("later").tools(tools![go_left]).dynamic_tools(true);
    let service = server.patience(Duration::ZERO).build().expect("it can be built");
    service.add(drive()).expect("it can be added");
    let mut client = Plain::begin(Wire::to(&service)).await;
    let (_, id) = client.ticket("drive", json!({})).await;
    let say = async |client: &mut Plain, message: Value| {
        let (text, _) =
            client.ask("message_task", json!({"task_id": id, "message": message})).await;
        text
    };
    assert!(service.remove("drive").expect("tools may change"));
    assert_eq!(client.value().await["method"], "notifications/tools/list_changed");
    assert_eq!(say(&mut client, json!({"km": 3})).await, format!("Task `{id}` was told."));
    let run = async |_, _, _, _: Receiver<Value>| Ok::<_, String>(());
    let of_its_name = DynamicTool::told("drive", json!({}), json!({"type": "boolean"}), run);
    service.add(of_its_name).expect("the name is free");
    assert_eq!(client.value().await["method"], "notifications/tools/list_changed");
    let refusal = say(&mut client, json!(true)).await;
    assert!(refusal.starts_with("`drive` was not told: "), "{refusal}");
    assert_eq!(say(&mut client, json!("halt")).await, format!("Task `{id}` was told."));
    let (text, _) = client.check(&id, 50).await;
    assert!(text.contains("The result:\n[{\"km\":3},\"halt\"]"), "{text}");
}

#[tokio::test]
async fn instructions_by_a_schema_that_is_none_are_an_error_of_the_server() {
    for (instructions, problem) in [
        (json!("anything"), "it is the string \"anything\", and not a schema"),
        (
            json!({"$ref": "#/definitions/nowhere"}),
            "its reference `#/definitions/nowhere` leads nowhere; expected a part of this schema",
        ),
    ] {
        let run = async |_, _, _, _: Receiver<Value>| Ok::<_, String>(());
        let tool = DynamicTool::told("drive", json!({}), instructions, run);
        let error = Server::new("s").tools(tool).check().expect_err("it cannot be").to_string();
        assert_eq!(error, format!("the instruction schema of the tool `drive`: {problem}"));
    }
}

/// Hears the first thing that it is told.
#[mcpc::background]
async fn obey(updates: Sender, mut told: Receiver<String>) -> String {
    updates.status("listens");
    told.recv().await.unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_text_is_told_to_a_tool_made_at_run_time_as_it_is() {
    let run = async |_, _, _, mut told: Receiver<Value>| {
        Ok::<_, String>(told.recv().await.unwrap_or_default())
    };
    let tool = DynamicTool::told("echo", json!({}), r#"{"type": "string"}"#, run);
    let mut client = Mcpc::connect(Server::new("s").tools(tools![obey] + tool)).await;
    for tool in ["obey", "echo"] {
        client.begin_task(tool, tool, json!({})).await;
        client.call("m", "message_task", json!({"task_id": tool, "message": "3"})).await;
        let (mut said, told) = client.until_reply_to("m").await;
        assert_eq!(texts(&told), [format!("Task `{tool}` was told.")]);
        while !said.last().is_some_and(|last| texts(last)[0].contains("\"complete\"")) {
            said.push(client.value().await);
        }
        assert!(texts(&said[said.len() - 1])[0].contains("\"result\":\"3\""), "{tool}: {said:?}");
    }
}

/// Holds its call open.
#[mcpc::tool]
async fn hold() {
    std::future::pending::<()>().await;
}

fn busy() -> Server {
    let server = Server::new("busy").patience(Duration::ZERO).max_requests(1);
    server.tools(tools![hold, obey])
}

/// A task of [`obey`], of a client whose only other request is open.
async fn held() -> (Plain, String) {
    let mut client = Plain::connect(busy()).await;
    let (_, id) = client.ticket("obey", json!({})).await;
    client.call("hold", "hold", json!({})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    (client, id)
}

/// The code and the text of the error that a call is answered with.
async fn refused(client: &mut Plain, tool: &str, arguments: Value) -> (i64, String) {
    let reply = client.reply(tool, arguments).await;
    let error = &reply["error"];
    let text = error["message"].as_str().unwrap_or_else(|| panic!("no error: {reply}"));
    (error["code"].as_i64().expect("a code"), text.to_owned())
}

#[tokio::test(start_paused = true)]
async fn an_instruction_that_is_refused_as_there_are_too_many_requests_is_not_told() {
    let (mut client, id) = held().await;
    let first = json!({"task_id": id, "message": "first"});
    let (code, text) = refused(&mut client, "message_task", first).await;
    assert_eq!((code, &*text), (-32000, "1 requests are unanswered; try again later"));
    client.cancel("hold").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let second = json!({"task_id": id, "message": "second"});
    assert!(!client.ask("message_task", second).await.1);
    let (text, _) = client.check(&id, 50).await;
    assert!(text.contains("The result:\nsecond"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_refused_as_there_are_too_many_requests_stops_nothing() {
    let (mut client, id) = held().await;
    let (code, _) = refused(&mut client, "stop_task", json!({"task_id": id})).await;
    assert_eq!(code, -32000);
    client.cancel("hold").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let go_on = json!({"task_id": id, "message": "go on"});
    let told = client.ask("message_task", go_on).await;
    assert_eq!(told, (format!("Task `{id}` was told."), false));
    assert!(client.check(&id, 50).await.0.contains("The result:\ngo on"));
}

/// All of them are read before the first is handled.
#[tokio::test(start_paused = true)]
async fn of_requests_that_are_too_many_those_that_are_refused_do_nothing() {
    let mut client = Plain::connect(busy()).await;
    let (_, id) = client.ticket("obey", json!({})).await;
    let say = |text: &str| json!({"task_id": id, "message": text});
    let lines = ["one", "two", "three"].map(|text| call(text, "message_task", say(text)));
    client.send(&lines.join("\n")).await;
    let mut told = Vec::new();
    for _ in 0..3 {
        let reply = client.value().await;
        if reply["error"].is_null() {
            told.push(reply["id"].as_str().expect("an id").to_owned());
        }
    }
    let (text, _) = client.check(&id, 50).await;
    assert!(text.contains(&format!("The result:\n{}", told[0])), "{told:?}: {text}");
}

fn modern() -> WithTasks {
    WithTasks::open(Server::new("modern").tools(tools![obey]))
}

/// What each request of a client says of it, and one leaves out or says wrongly.
#[tokio::test(start_paused = true)]
async fn what_is_refused_for_what_its_client_says_of_itself_does_nothing() {
    const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    let mut client = modern();
    let id = client.start("obey", json!({})).await;
    let whole = client.meta.clone();
    let without = |key: &str| {
        let mut meta = whole.clone();
        meta.as_object_mut().expect("an object").remove(key);
        meta
    };
    let mut of_tomorrow = whole.clone();
    of_tomorrow[VERSION] = json!("2099-01-01");
    for meta in [
        without("io.modelcontextprotocol/clientCapabilities"),
        without(VERSION),
        of_tomorrow,
        json!({}),
    ] {
        client.meta = meta.clone();
        for (tool, arguments) in [
            ("message_task", json!({"task_id": id, "message": "refused"})),
            ("stop_task", json!({"task_id": id})),
        ] {
            let params = json!({"name": tool, "arguments": arguments});
            let reply = client.request("tools/call", params).await;
            assert!(reply["error"].is_object(), "{tool} with {meta}: {reply}");
        }
        let reply = client.cancel(&id).await;
        assert!(reply["error"].is_object(), "with {meta}: {reply}");
    }
    client.meta = meta_without_tasks();
    let reply = client.cancel(&id).await;
    assert_eq!(reply["error"]["code"], -32021, "{reply}");

    client.meta = whole;
    let told = client.call("message_task", json!({"task_id": id, "message": "let in"})).await;
    assert_eq!(told["content"][0]["text"], format!("Task `{id}` was told."), "{told}");
    let (result, _) = client.poll(&id).await;
    assert_eq!(
        result["content"][0]["text"].as_str().and_then(|it| it.lines().next()),
        Some("let in")
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_that_has_no_tasks_of_its_protocol_cancels_none() {
    let mut client =
        Plain::connect(Server::new("s").patience(Duration::ZERO).tools(tools![obey])).await;
    let (_, id) = client.ticket("obey", json!({})).await;
    let reply = client.request("tasks/cancel", json!({"taskId": id})).await;
    assert_eq!(reply["error"]["code"], -32601, "{reply}");
    assert!(!client.ask("message_task", json!({"task_id": id, "message": "on"})).await.1);
    assert!(client.check(&id, 50).await.0.contains("The result:\non"));
}

#[tokio::test(start_paused = true)]
async fn an_instruction_whose_ids_of_mcpc_are_none_is_not_told() {
    let mut client =
        Plain::connect(Server::new("s").patience(Duration::ZERO).tools(tools![obey])).await;
    let (_, id) = client.ticket("obey", json!({})).await;
    let wrong = json!({"task_id": id, "message": "first", "_metadata": {"mcpc_task_id": 5}});
    let (text, is_error) = client.ask("message_task", wrong).await;
    assert!(is_error, "{text}");
    assert!(!client.ask("message_task", json!({"task_id": id, "message": "second"})).await.1);
    let (text, _) = client.check(&id, 50).await;
    assert!(text.contains("The result:\nsecond"), "{text}");
}
