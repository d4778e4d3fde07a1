//! Other transports than our own, and other methods than ours.

use std::time::Duration;

use mcpc::{Sender, Server, tools};
use rmcp::model::{
    GetPromptRequestParams, GetPromptResponse, GetPromptResult, Icon, Implementation,
    ListPromptsResult, PaginatedRequestParams, Prompt, PromptMessage, ProtocolVersion, Role,
    ServerCapabilities, ServerConfig, SubscriptionFilter,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::messages::{TASKS, request};
use crate::support::{INITIALIZE, INITIALIZED, Mcpc, Plain, Wire, WithTasks, parse};

#[mcpc::background]
async fn count(to: u64, updates: Sender) -> u64 {
    for i in 0..to {
        updates.send(i).await;
    }
    to
}

fn server() -> Server {
    Server::new("transports").tools(tools![count])
}

#[tokio::test]
async fn any_transport_of_rmcps_keeps_the_order() {
    let mut client = Mcpc::begin(Wire::open_over_rmcp(server())).await;
    for task in 0..10 {
        client.start(&format!("t{task}"), "count", json!({"to": 1_000})).await;
    }
    let mut seen = vec![Vec::new(); 10];
    while seen
        .iter()
        .any(|events: &Vec<(String, u64)>| events.last().is_none_or(|last| last.0 != "complete"))
    {
        let message = client.message().await;
        let task: usize =
            message["task_id"].as_str().and_then(|id| id[1..].parse().ok()).expect("ours");
        let event = message["event"].as_str().expect("an event").to_owned();
        seen[task].push((event, message["result"].as_u64().unwrap_or_default()));
    }
    for events in seen {
        assert_eq!(events.len(), 1_002);
        assert_eq!(events[0].0, "created");
        assert!(events[1..].iter().map(|(_, i)| *i).eq(0..=1_000));
    }
    assert_eq!(client.finish().await, [""; 0]);
}

/// What a runtime lacks is told before anything is read, and not by half of the calls.
#[test]
fn a_runtime_that_cannot_serve_is_told_of_at_once() {
    let serve = || server().serve_io(tokio::io::empty(), tokio::io::sink());
    let outside = futures::executor::block_on(serve()).expect_err("there is no runtime");
    let problem =
        "a server must be served inside a tokio runtime, like the one of `#[tokio::main]`";
    assert_eq!(outside.to_string(), problem);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let panic = std::panic::catch_unwind(|| runtime.block_on(serve()));
    let panic = panic.expect_err("there are no timers");
    let panic = panic.downcast_ref::<String>().expect("a text");
    assert!(panic.contains("Call `enable_time`"), "{panic}");
}

#[tokio::test]
async fn a_callback_looks_the_same_over_any_transport() {
    let mut ours = Mcpc::connect(server()).await;
    let mut theirs = Mcpc::begin(Wire::open_over_rmcp(server())).await;
    for client in [&mut ours, &mut theirs] {
        client.start("t", "count", json!({"to": 1})).await;
    }
    for _ in 0..3 {
        assert_eq!(ours.line().await, theirs.line().await);
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_another_transport_waits_for_tasks() {
    let mut client = Mcpc::begin(Wire::open_over_rmcp(server())).await;
    client.start("t", "count", json!({"to": 100})).await;
    assert_eq!(client.finish().await.len(), 102);
}

/// Sends for ever.
#[mcpc::background]
async fn babble(updates: Sender) {
    loop {
        updates.send("bla").await;
    }
}

/// On one thread, where a transport that spins would stand in everybody's way.
#[tokio::test]
async fn a_client_that_leaves_another_transport_is_let_go() {
    let grace = Duration::from_millis(50);
    let babbling = Server::new("babbling").tools(tools![babble]).grace(grace);
    let mut client = Mcpc::begin(Wire::open_over_rmcp(babbling)).await;
    client.start("t", "babble", json!({})).await;
    for _ in 0..10 {
        client.line().await;
    }
    let Wire { lines, input, server } = client.into_wire();
    drop((lines, input));
    let served = tokio::time::timeout(Duration::from_secs(30), server).await;
    served.expect("it ends").expect("no panic").expect("no error");
}

#[tokio::test]
async fn a_handler_that_panics_is_answered() {
    struct Panics;
    impl ServerHandler for Panics {
        async fn list_prompts(
            &self,
            _: Option<PaginatedRequestParams>,
            _: RequestContext<RoleServer>,
        ) -> Result<ListPromptsResult, ErrorData> {
            panic!("no prompts today")
        }
        fn get_info(&self) -> ServerConfig {
            ServerConfig::new(ServerCapabilities::builder().enable_prompts().build())
        }
    }
    let mut client = Plain::connect(server().handler(Panics)).await;
    let reply = client.request("prompts/list", Value::Null).await;
    assert_eq!(reply["error"]["code"], -32603);
}

/// A handler that never answers, and speaks one version only.
struct Silent;

impl ServerHandler for Silent {
    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        std::future::pending().await
    }

    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_prompts().build())
    }

    fn supported_protocol_versions(&self) -> std::borrow::Cow<'static, [ProtocolVersion]> {
        std::borrow::Cow::Borrowed(&[ProtocolVersion::V_2025_06_18])
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_leaves_unanswered_is_answered_at_the_end() {
    let mut client = Plain::connect(server().handler(Silent)).await;
    client.send(&request(1, "prompts/list", Value::Null)).await;
    sleep(Duration::from_secs(3600)).await;
    let rest = client.finish().await;
    let error =
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"the server has ended"}}"#;
    assert_eq!(rest, [error]);
}

#[tokio::test]
async fn the_handlers_versions_are_those_of_the_tools() {
    let client = Plain::connect(server().handler(Silent)).await;
    let mut client = WithTasks::over(client.wire);
    client.send_call(1, "count", json!({"to": 1})).await;
    assert_eq!(client.value().await["error"]["code"], -32022);
}

#[tokio::test]
async fn an_inner_handler_answers_every_other_method_of_the_newest_protocol_too() {
    let server = server().task_patience(Duration::ZERO);
    let mut client = WithTasks::open(server.handler(Prompts).instructions("Count."));
    let info = client.request("server/discover", json!({})).await["result"].take();
    let tasks = json!({TASKS: {}});
    let capabilities = json!({"extensions": tasks, "logging": {}, "prompts": {}, "tools": {}});
    assert_eq!((&info["capabilities"], &info["instructions"]), (&capabilities, &json!("Count.")));
    let prompts = client.request("prompts/list", json!({})).await;
    assert_eq!(prompts["result"]["prompts"][0]["name"], "greet");
    assert_eq!(client.call("count", json!({"to": 1})).await["resultType"], "task");
    // This protocol has no such method any more.
    let reply = client.request("logging/setLevel", json!({"level": "info"})).await;
    assert_eq!(reply["error"]["code"], -32601);
}

/// As of this protocol nothing begins with `initialize`, whatever its parameters; before it, everything does.
#[tokio::test]
async fn an_initialize_of_the_newest_protocol_is_a_method_that_nobody_knows() {
    let initialize = parse(INITIALIZE);
    for wire in [Wire::open(server()), Wire::open_over_rmcp(server())] {
        let mut client = WithTasks::over(wire);
        for params in [json!({}), initialize["params"].clone()] {
            let reply = client.request("initialize", params.clone()).await;
            let message = "MCP has no `initialize` as of 2026-07-28";
            let error = json!({"code": -32601, "message": message});
            assert_eq!(reply["error"], error, "{params}");
        }
        // Nothing has begun, so this is nothing to end for.
        client.send(INITIALIZED).await;
        let mut client = WithTasks::over(Plain::begin(client.wire).await.wire);
        let reply = client.request("initialize", json!({})).await;
        assert_eq!(reply["error"]["code"], -32601);
        client.send(&request("old", "initialize", json!({}))).await;
        assert_eq!(client.value().await["error"]["code"], -32602);
    }
}

/// The same of `ping`, also before anything has begun.
#[tokio::test]
async fn a_ping_of_the_newest_protocol_is_a_method_that_nobody_knows() {
    for wire in [Wire::open(server()), Wire::open_over_rmcp(server())] {
        let mut client = WithTasks::over(wire);
        for _ in 0..2 {
            let reply = client.request("ping", json!({})).await;
            let message = "MCP has no `ping` as of 2026-07-28";
            assert_eq!(reply["error"], json!({"code": -32601, "message": message}), "{reply}");
            assert!(client.request("tools/list", json!({})).await["result"].is_object());
        }
    }
    let mut client = Plain::connect(server()).await;
    assert_eq!(client.request("ping", Value::Null).await["result"], json!({}));
}

/// A handler that has something to say about itself.
struct Known;

impl ServerHandler for Known {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_prompts()
            .enable_prompts_list_changed()
            .build();
        let info = Implementation::new("theirs", "9.9.9")
            .with_title("A title")
            .with_description("A description")
            .with_website_url("https://example.com")
            .with_icons(vec![Icon::new("https://example.com/icon.png")]);
        ServerConfig::new(capabilities).with_server_info(info).with_instructions("Ask nicely.")
    }

    fn accepted_subscription_filter(
        &self,
        wanted: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(wanted.clone())
    }

    async fn listen(&self, _: SubscriptionContext) -> Result<(), ErrorData> {
        Ok(())
    }
}

#[tokio::test]
async fn what_a_handler_says_of_itself_reaches_the_client() {
    let info = json!({
        "name": "transports", "version": "1.2.3", "title": "A title", "description": "A description",
        "websiteUrl": "https://example.com", "icons": [{"src": "https://example.com/icon.png"}],
    });
    let known = || server().version("1.2.3").handler(Known);
    let (_client, result) = Plain::begin_and_see(Wire::open(known())).await;
    assert_eq!(result["serverInfo"], info);
    assert_eq!(result["instructions"], "Ask nicely.");
    assert_eq!(
        result["capabilities"],
        json!({"logging": {}, "prompts": {"listChanged": true}, "tools": {"listChanged": true}})
    );

    let mut client = WithTasks::open(known());
    let key = "io.modelcontextprotocol/serverInfo";
    let result = client.request("server/discover", json!({})).await["result"].take();
    assert_eq!(result["_meta"][key], info);
    assert_eq!(result["capabilities"]["tools"], json!({"listChanged": true}));
    let listen = json!({"notifications": {"toolsListChanged": true}});
    client.send_request("listen", "subscriptions/listen", listen).await;
    assert_eq!(client.value().await["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(client.value().await["result"]["_meta"][key], info);
}

#[tokio::test]
async fn what_a_server_says_of_itself_comes_before_what_its_handler_says() {
    let known = || {
        let server = server().version("1.2.3").title("Ours").website("https://ours.example");
        server.icons([Icon::new("https://ours.example/icon.svg")])
    };
    let info = |description: Value| {
        json!({
            "name": "transports", "version": "1.2.3", "title": "Ours", "description": description,
            "websiteUrl": "https://ours.example",
            "icons": [{"src": "https://ours.example/icon.svg"}],
        })
    };
    let key = "io.modelcontextprotocol/serverInfo";
    for (server, info) in [
        (&(|| known().handler(Known)) as &dyn Fn() -> Server, info(json!("A description"))),
        (&(|| known().description("Our own").handler(Known)), info(json!("Our own"))),
        (&(|| known().description("Our own")), info(json!("Our own"))),
    ] {
        let (_client, result) = Plain::begin_and_see(Wire::open(server())).await;
        assert_eq!(result["serverInfo"], info);
        let result = WithTasks::open(server()).request("server/discover", json!({})).await;
        assert_eq!(result["result"]["_meta"][key], info);
    }
}

#[tokio::test]
async fn a_method_that_nobody_knows_is_named() {
    let mut client = Plain::connect(server()).await;
    let reply = client.request("no/such", Value::Null).await;
    let error = json!({"code": -32601, "message": "unknown method `no/such`"});
    assert_eq!(reply["error"], error);
}

/// Prompts, which are none of our business.
struct Prompts;

impl ServerHandler for Prompts {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_prompts().build())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(vec![Prompt::new("greet", None::<String>, None)]))
    }

    async fn get_prompt(
        &self,
        _: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, "hello")]).into())
    }
}

#[tokio::test]
async fn an_inner_handler_answers_every_other_method() {
    let wire = Wire::open(server().handler(Prompts).instructions("Count."));
    let (mut client, info) = Plain::begin_and_see(wire).await;
    assert_eq!(info["capabilities"], json!({"logging": {}, "prompts": {}, "tools": {}}));
    assert_eq!(info["serverInfo"]["name"], "transports");
    assert_eq!(info["instructions"], "Count.");
    let prompts = client.request("prompts/list", Value::Null).await;
    assert_eq!(prompts["result"]["prompts"][0]["name"], "greet");
    let prompt = client.request("prompts/get", json!({"name": "greet"})).await;
    assert_eq!(prompt["result"]["messages"][0]["content"]["text"], "hello");
    assert_eq!(client.list().await[0]["name"], "count");
    assert!(client.ask("count", json!({"to": 2})).await.0.starts_with("2\n\n"));
}
