//! Servers by hand on rmcp, over its own streamable HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use mcpc::client::{Answer, Client, Said, TaskError, Way, text};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientResult, ContentBlock,
    ElicitRequest, ElicitRequestParams, ErrorData, ProgressNotificationParam, ServerCapabilities,
    ServerConfig, ServerRequest,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::proxy::{Breaks, Proxy};
use super::url;

#[derive(Clone)]
struct ByHand;

impl ServerHandler for ByHand {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let said = |text: String| CallToolResult::success(vec![ContentBlock::text(text)]).into();
        match &*call.name {
            "count" => {
                let to = call.arguments.and_then(|it| it["to"].as_u64()).unwrap_or_default();
                for step in 1..=to {
                    sleep(Duration::from_millis(50)).await;
                    let Some(token) = context.meta.get_progress_token() else { continue };
                    let params = ProgressNotificationParam::new(token, step as f64);
                    let _ = context.peer.notify_progress(params.with_total(to as f64)).await;
                }
                Ok(said(to.to_string()))
            }
            "ask" => {
                let form: ElicitRequestParams = serde_json::from_value(json!({
                    "mode": "form", "message": "who?",
                    "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}},
                }))
                .expect("as MCP has it");
                let request = ServerRequest::ElicitRequest(ElicitRequest::new(form));
                let Ok(ClientResult::ElicitResult(answer)) =
                    context.peer.send_request(request).await
                else {
                    return Err(ErrorData::internal_error("no answer", None));
                };
                Ok(said(format!("hello {}", answer.content.unwrap_or_default()["name"])))
            }
            "forever" => {
                context.ct.cancelled().await;
                Ok(said("stopped".to_owned()))
            }
            _ => Err(ErrorData::invalid_params("unknown tool", None)),
        }
    }
}

async fn serve(config: StreamableHttpServerConfig) -> (SocketAddr, JoinSet<()>) {
    let sessions = Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(|| Ok(ByHand), sessions, config);
    let router = Router::new().route_service("/mcp", service);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.expect("it is served") });
    (address, serving)
}

async fn counts(client: &Client, to: u64) {
    let mut task = client.start("count", json!({ "to": to })).await.expect("started");
    assert_eq!(task.way(), Way::Progress);
    let mut steps = Vec::new();
    while let Some(said) = task.next().await {
        let Said::Progress { done, total: Some(total), .. } = said else { panic!("{said:?}") };
        assert_eq!(total, to as f64);
        steps.push(done as u64);
    }
    assert_eq!(steps, (1..=to).collect::<Vec<_>>());
    assert_eq!(task.result::<u64>().await.expect("a result"), to);
}

#[tokio::test]
async fn a_server_by_hand_counts_asks_and_is_stopped() {
    let (address, _serving) = serve(StreamableHttpServerConfig::default()).await;
    for builder in [Client::builder(), Client::builder().initialize()] {
        let builder = builder.on_question(async |_| Answer::accept(json!({"name": "Ada"})));
        let client = builder.connect_http(url(address)).await.expect("the server answers");
        assert!(client.mcpc().is_none());
        counts(&client, 5).await;
        let mut task = client.start("forever", json!({})).await.expect("started");
        sleep(Duration::from_millis(300)).await;
        task.stop().await.expect("it can be stopped");
        let error = task.result::<Value>().await.expect_err("it was stopped");
        assert!(matches!(error, TaskError::Stopped(_)), "{error:?}");
        let error = client.call("none", json!({})).await.expect_err("there is no such tool");
        assert_eq!(error.to_string(), "the server refused the call: unknown tool (-32602)");
        client.close().await;
    }
    let builder = Client::builder().initialize();
    let builder = builder.on_question(async |_| Answer::accept(json!({"name": "Ada"})));
    let client = builder.connect_http(url(address)).await.expect("the server answers");
    let asked = timeout(Duration::from_secs(10), client.call("ask", json!({}))).await;
    let reply = asked.expect("it is answered").expect("it is answered");
    assert_eq!(text(&reply), "hello \"Ada\"");
}

#[tokio::test]
async fn the_broken_stream_of_a_call_to_a_server_by_hand_is_gone_on_with() {
    let (address, _serving) = serve(StreamableHttpServerConfig::default()).await;
    let breaks = Breaks { request: "POST ", holds: "\"count\"", after: 900, times: 1 };
    let proxy = Proxy::to(address, breaks).await;
    let client = Client::builder().initialize().connect_http(url(proxy.address)).await;
    let client = client.expect("the server answers");
    counts(&client, 10).await;
    assert_eq!(proxy.broken(), 1);
}

#[tokio::test]
async fn a_server_by_hand_without_sessions_answers_in_json() {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true);
    let (address, _serving) = serve(config).await;
    for builder in [Client::builder(), Client::builder().initialize()] {
        let client = builder.connect_http(url(address)).await.expect("the server answers");
        let mut task = client.start("count", json!({"to": 3})).await.expect("started");
        assert_eq!(task.result::<u64>().await.expect("a result"), 3);
        client.close().await;
    }
}
