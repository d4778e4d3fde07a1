//! The tools of the user's own handler, beside the server's.

use mcpc::rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use mcpc::rmcp::service::RequestContext;
use mcpc::rmcp::{ErrorData, RoleServer, ServerHandler};
use mcpc::{Server, tools};
use serde_json::json;

use crate::support::{Plain, WithTasks};

/// Adds two numbers.
#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// A handler with tools on two pages, one of which the server has, too.
struct Theirs {
    declares: bool,
    fails: bool,
}

impl ServerHandler for Theirs {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(match self.declares {
            true => ServerCapabilities::builder().enable_tools().build(),
            false => ServerCapabilities::default(),
        })
    }

    async fn list_tools(
        &self,
        page: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if self.fails {
            return Err(ErrorData::internal_error("the backend is away", None));
        }
        let tool = |name: &'static str| Tool::new(name, "Theirs.", serde_json::Map::new());
        Ok(match page.and_then(|page| page.cursor).as_deref() {
            None => {
                let mut first = ListToolsResult::with_all_items(vec![tool("one"), tool("add")]);
                first.next_cursor = Some("more".to_owned());
                first
            }
            Some("more") => ListToolsResult::with_all_items(vec![tool("add"), tool("two")]),
            Some(other) => return Err(ErrorData::invalid_params(other.to_owned(), None)),
        })
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        match &*call.name {
            "panic" => panic!("theirs"),
            "echo" => {
                let text = serde_json::Value::from(call.arguments.unwrap_or_default()).to_string();
                Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
            }
            "one" | "two" => {
                let text = format!("{} of theirs", call.name);
                Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
            }
            other => Err(ErrorData::invalid_params(format!("no `{other}` here"), None)),
        }
    }
}

fn server(declares: bool, fails: bool) -> Server {
    Server::new("theirs").tools(tools![add]).handler(Theirs { declares, fails })
}

fn names(page: &serde_json::Value) -> Vec<&str> {
    let tools = page["result"]["tools"].as_array().into_iter().flatten();
    tools.map(|tool| tool["name"].as_str().expect("a name")).collect()
}

#[tokio::test(start_paused = true)]
async fn the_tools_of_a_handler_stand_after_those_of_the_server_page_by_page() {
    let mut client = Plain::connect(server(true, false)).await;
    let first = client.request("tools/list", json!({})).await;
    assert_eq!(names(&first), ["add", "one"]);
    assert_eq!(first["result"]["tools"][0]["description"], "Adds two numbers.");
    let cursor = json!({"cursor": first["result"]["nextCursor"]});
    let second = client.request("tools/list", cursor).await;
    assert_eq!(names(&second), ["two"]);
    assert_eq!(second["result"].get("nextCursor"), None);
    let wrong = client.request("tools/list", json!({"cursor": "wrong"})).await;
    assert_eq!(wrong["error"]["code"], -32602);
    let mut client = WithTasks::open(server(true, false));
    let first = client.request("tools/list", json!({})).await;
    assert_eq!(names(&first), ["add", "one"]);
    assert_eq!(first["result"]["resultType"], "complete");
}

#[tokio::test(start_paused = true)]
async fn a_call_of_a_name_that_is_not_the_servers_is_for_the_handler() {
    let mut client = Plain::connect(server(true, false)).await;
    assert_eq!(client.ask("add", json!({"a": 1, "b": 2})).await.0, "3");
    assert_eq!(client.ask("two", json!({})).await, ("two of theirs".into(), false));
    let reply = client.reply("three", json!({})).await;
    assert_eq!(reply["error"]["message"], "no `three` here");
    let reply = client.reply("panic", json!({})).await;
    assert_eq!(reply["error"]["message"], "the server's handler panicked");
    // The handshake of MCPC is nobody's tool.
    let reply = client.reply("is_mcpc_enabled", json!({})).await;
    assert!(reply["result"]["content"][0]["text"].as_str().is_some_and(|it| it.contains("theirs")));
}

#[tokio::test(start_paused = true)]
async fn a_tool_of_a_handler_gets_its_arguments_without_what_belongs_to_mcpc() {
    let mut client = Plain::connect(server(true, false)).await;
    let ids = json!({"mcpc_session_id": "s", "mcpc_task_id": "t"});
    let said = client.ask("echo", json!({"b": 1, "_metadata": ids, "a": 2})).await;
    assert_eq!(said, (r#"{"b":1,"a":2}"#.into(), false));
    let ids = json!({"session_id": "s", "task_id": "t"});
    assert_eq!(client.ask("echo", json!({"mcpc_params": ids})).await.0, "{}");
    // What is not MCPC's by its form is the tool's own.
    let own = json!({"_metadata": "mine"});
    assert_eq!(client.ask("echo", own.clone()).await.0, own.to_string());
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_declares_no_tools_is_not_asked_for_any() {
    let mut client = Plain::connect(server(false, false)).await;
    assert_eq!(client.names().await, ["add"]);
    let (text, is_error) = client.ask("two", json!({})).await;
    assert_eq!((text.as_str(), is_error), ("unknown tool `two`; expected one of `add`", true));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_cannot_list_its_tools_hides_none_of_the_servers() {
    let mut client = Plain::connect(server(true, true)).await;
    assert_eq!(client.names().await, ["add"]);
}
