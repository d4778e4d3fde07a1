//! What a server warns of when it is built.

use std::io::Write;
use std::sync::{Arc, Mutex};

use mcpc::{Server, tools};
use rmcp::model::{
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};

#[mcpc::tool]
async fn nap(minutes: u8) -> u8 {
    minutes
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a server warns of when it is built.
async fn warnings(server: Server) -> Vec<String> {
    warnings_at(server, "").await
}

/// What a server warns of that reads these lines.
async fn warnings_at(server: Server, lines: &'static str) -> Vec<String> {
    let log = Captured::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    server.serve_io(lines.as_bytes(), tokio::io::sink()).await.expect("no error");
    drop(guard);

    let log = String::from_utf8(log.0.lock().expect("no panic").clone()).expect("UTF-8");
    log.lines().filter(|line| line.contains("WARN")).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_background_tool_without_a_description_is_warned_of() {
    #[mcpc::background]
    async fn silent() {}
    /// Says what it does.
    #[mcpc::background]
    async fn described() {}

    let warnings = warnings(Server::new("silent").tools(tools![silent, described, nap])).await;
    let [warning] = warnings.as_slice() else { panic!("one warning: {warnings:?}") };
    assert!(warning.contains("a background tool has no description"), "{warning}");
    assert!(
        warning.contains("silent") && warning.contains("tests/logging/warnings.rs:"),
        "{warning}"
    );
}

#[tokio::test]
async fn a_server_without_tools_is_warned_of_unless_it_has_a_handler() {
    struct Prompts;
    impl ServerHandler for Prompts {}

    let found = warnings(Server::new("empty")).await;
    let [warning] = found.as_slice() else { panic!("one warning: {found:?}") };
    assert!(
        warning.contains("the server has no tools: give it some with `Server::tools`"),
        "{warning}"
    );
    assert!(warning.contains("empty"), "{warning}");
    for server in [Server::new("prompts").handler(Prompts), Server::new("tools").tools(tools![nap])]
    {
        assert_eq!(warnings(server).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_tool_that_the_handler_lists_too_is_warned_of_once() {
    struct Theirs;

    impl ServerHandler for Theirs {
        fn get_info(&self) -> ServerConfig {
            ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
        }

        async fn list_tools(
            &self,
            _: Option<PaginatedRequestParams>,
            _: RequestContext<RoleServer>,
        ) -> Result<ListToolsResult, ErrorData> {
            let tool = |name: &'static str| Tool::new(name, "Theirs.", serde_json::Map::new());
            Ok(ListToolsResult::with_all_items(vec![tool("nap"), tool("other")]))
        }
    }

    let lists = concat!(
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}"#,
        "\n",
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
        "\n",
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#,
        "\n",
    );
    let server = Server::new("both").tools(tools![nap]).handler(Theirs);
    let warnings = warnings_at(server, lists).await;
    let [warning] = warnings.as_slice() else { panic!("one warning: {warnings:?}") };
    assert!(warning.contains("the handler lists a tool that the server has, too"), "{warning}");
    assert!(warning.contains("nap"), "{warning}");
}
