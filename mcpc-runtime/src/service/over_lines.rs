//! Over lines, what is ours is answered without rmcp's loop, and so with the bytes with which its handler would answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[expect(deprecated, reason = "MCP has nothing else to tell such a client with")]
use rmcp::model::SetLevelRequestParams;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientRequest, ContentBlock,
    ErrorData, JsonObject, ListToolsResult, PaginatedRequestParams, RequestId, ServerCapabilities,
    ServerConfig,
};
use rmcp::service::{DynService, RequestContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::routes::{initialize, meta, requests, tool, tools, without_times};
use super::tests::{create, shared};
use super::{Connection, add_tasks};
use crate::control::Control;
use crate::log::Boxed;
use crate::output::{Body, Returns, Success};
use crate::parameter::CallArguments;
use crate::reply::Reply;
use crate::schema::Schemas;
use crate::task::Sender;
use crate::tool::{About, Definition, Kind};
use crate::transport::{Answer, Answers, AnyTransport, Asked, Bounds, End, Lines, Session, Wiring};

/// How many requests were answered without the loop.
struct Counted {
    answers: Arc<dyn Answers>,
    answered: AtomicUsize,
    /// How many of these were simple.
    simple: AtomicUsize,
}

impl Answers for Counted {
    fn answer(
        self: Arc<Self>,
        id: &RequestId,
        request: &mut ClientRequest,
        cancelled: &CancellationToken,
    ) -> Option<Answer> {
        let answer = Arc::clone(&self.answers).answer(id, request, cancelled)?;
        self.answered.fetch_add(1, Ordering::Relaxed);
        Some(answer)
    }

    fn simple(&self, name: &str) -> Option<(Arc<Definition>, Session)> {
        self.answers.simple(name)
    }

    fn answer_simple(
        self: Arc<Self>,
        tool: Arc<Definition>,
        arguments: CallArguments,
        asked: Asked,
    ) -> Boxed<'static, Reply> {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.simple.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&self.answers).answer_simple(tool, arguments, asked)
    }

    fn has_tasks(&self, version: Option<&str>) -> Option<Session> {
        self.answers.has_tasks(version)
    }

    fn get_task(self: Arc<Self>, task_id: String, asked: Asked) -> Boxed<'static, Reply> {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.simple.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&self.answers).get_task(task_id, asked)
    }
}

/// Leaves everything to the loop.
struct LeftToLoop;

impl Answers for LeftToLoop {
    fn answer(
        self: Arc<Self>,
        _: &RequestId,
        _: &mut ClientRequest,
        _: &CancellationToken,
    ) -> Option<Answer> {
        None
    }

    fn simple(&self, _: &str) -> Option<(Arc<Definition>, Session)> {
        None
    }

    fn answer_simple(
        self: Arc<Self>,
        _: Arc<Definition>,
        _: CallArguments,
        _: Asked,
    ) -> Boxed<'static, Reply> {
        unreachable!("no call is simple")
    }

    fn has_tasks(&self, _: Option<&str>) -> Option<Session> {
        None
    }

    fn get_task(self: Arc<Self>, _: String, _: Asked) -> Boxed<'static, Reply> {
        unreachable!("no tasks are here")
    }
}

/// A handler with a tool of its own.
struct Theirs;

impl ServerHandler for Theirs {
    fn get_info(&self) -> ServerConfig {
        let mut capabilities = ServerCapabilities::builder().enable_tools().build();
        capabilities.logging = Some(JsonObject::new());
        ServerConfig::new(capabilities)
    }

    #[expect(deprecated, reason = "as above")]
    async fn set_level(
        &self,
        _: SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = format!("theirs: {}", call.name);
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::default())
    }
}

/// What a server is asked, and what it is.
struct Scene {
    lines: Vec<String>,
    has_handler: bool,
    /// How many of the requests need no loop at least.
    direct: usize,
}

/// A tool whose body is made by a function.
fn with_body(
    name: &'static str,
    kind: Kind,
    body: impl Fn(Option<Sender>) -> Body + Send + Sync + 'static,
) -> Definition {
    let like = tool(name, || unreachable!());
    let about = About { kind, ..like.about };
    Definition::new(
        about,
        Box::new([]),
        Returns::reply(),
        Box::new(move |inputs| Some(body(inputs.sender.cloned()))),
    )
}

fn all_tools() -> Vec<Definition> {
    let mut all = tools();
    all.push(with_body("forever", Kind::Plain, |_| Box::pin(std::future::pending())));
    all.push(with_body("panics", Kind::Plain, |_| Box::pin(async { panic!("over") })));
    all.push(with_body("panics_first", Kind::Plain, |_| panic!("before")));
    all.push(with_body("slow", Kind::Plain, |_| {
        Box::pin(async {
            sleep(Duration::from_millis(10)).await;
            Ok(Success::of(CallToolResult::success(Vec::new())))
        })
    }));
    all.push(with_body("endless", Kind::Background, |_| Box::pin(std::future::pending())));
    all.push(with_body("emits", Kind::Background, |sender| {
        let sender = sender.expect("it starts a task");
        Box::pin(async move {
            sender.emit("happened", 1).await;
            Ok(Success::of(CallToolResult::success(Vec::new())))
        })
    }));
    let control = Control::new("", Duration::from_secs(1), 99);
    let control = control.tools(all.iter(), Schemas::default());
    all.extend(control);
    all
}

/// A server, a client's end of the connection to it, and how many requests it answers without the loop.
fn served(
    tools: Vec<Definition>,
    handler: Option<Theirs>,
    is_direct: bool,
) -> (impl Future<Output = ()> + Send + 'static, DuplexStream, Arc<Counted>) {
    let mut config = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
    config.capabilities.logging = Some(JsonObject::new());
    add_tasks(&mut config.capabilities);
    let mut shared = shared(tools, config);
    let inner = handler.map(|it| -> Arc<dyn DynService<RoleServer>> { Arc::new(it) });
    Arc::get_mut(&mut shared).expect("nobody else has it").inner = inner;
    let connection = Connection::new(shared);
    let answers = if is_direct { connection.answers() } else { Arc::new(LeftToLoop) };
    let counted =
        Arc::new(Counted { answers, answered: AtomicUsize::new(0), simple: AtomicUsize::new(0) });
    let wiring = Wiring {
        bounds: Bounds { message_bytes: 1 << 16, queued_bytes: 1 << 16 },
        versions: rmcp::Service::supported_protocol_versions(&connection),
        end: End::new(connection.ending().clone()),
        intake: connection.intake(),
        answers: counted.clone(),
    };
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (reader, writer) = tokio::io::split(theirs);
    let (lines, flush) = Lines::new(Box::new(reader), Box::new(writer), wiring);
    let serves = async move {
        let _runs = create(&connection).await;
        if let Ok(running) = rmcp::serve_server(connection, AnyTransport::Lines(lines)).await {
            running.waiting().await.expect("no panic");
        }
        flush.finish().await;
    };
    (serves, ours, counted)
}

/// Every line that a server writes to a client that writes these, one after the other, and how many requests it
/// answered without the loop, and as simple ones.
async fn said(scene: &Scene, is_direct: bool) -> (Vec<String>, [usize; 2]) {
    let handler = scene.has_handler.then_some(Theirs);
    let (serves, client, counted) = served(all_tools(), handler, is_direct);
    let asks = async {
        let (mut reader, mut writer) = tokio::io::split(client);
        for lines in &scene.lines {
            writer.write_all(lines.as_bytes()).await.expect("the server reads");
            // Until there is nothing left to do.
            sleep(Duration::from_millis(1)).await;
        }
        writer.shutdown().await.expect("the server reads");
        let mut said = String::new();
        reader.read_to_string(&mut said).await.expect("UTF-8");
        said.lines().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let ((), said) = tokio::join!(serves, asks);
    (said, [&counted.answered, &counted.simple].map(|count| count.load(Ordering::Relaxed)))
}

fn request(id: i64, method: &str, params: &Value) -> String {
    format!("{}\n", json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
}

fn call(id: i64, name: &str) -> String {
    request(id, "tools/call", &json!({"name": name}))
}

fn cancel(id: i64) -> String {
    let params = json!({"requestId": id});
    format!(
        "{}\n",
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})
    )
}

fn level(id: i64, level: &str) -> String {
    request(id, "logging/setLevel", &json!({"level": level}))
}

/// A call of a client of MCPC.
fn mcpc_call(id: i64, name: &str, task_id: &str) -> String {
    let arguments = json!({"mcpc_params": {"session_id": "s", "task_id": task_id}});
    request(id, "tools/call", &json!({"name": name, "arguments": arguments}))
}

/// The sessions of `both_routes_give_the_same_bytes`, and all that is asked there.
fn sessions() -> Vec<Scene> {
    let tasks = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    let forms = json!({"elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}});
    let sessions = [
        ("2024-11-05", Value::Null, 7),
        ("2025-11-25", Value::Null, 7),
        // The loop begins with the first request.
        ("", meta("2026-07-28", &json!({})), 12),
        ("", meta("2026-07-28", &tasks), 12),
        ("", meta("2026-07-28", &forms), 12),
        // These never begin.
        ("", meta("2099-01-01", &tasks), 0),
        ("", json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"}), 0),
        ("2025-11-25", meta("2026-07-28", &tasks), 13),
        ("2025-11-25", meta("2099-01-01", &tasks), 13),
        ("2025-11-25", json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"}), 13),
        ("2025-11-25", json!({"progressToken": 1}), 7),
    ];
    let scene = |(version, meta, direct): (&str, Value, usize)| {
        let mut lines = requests(&meta);
        if !version.is_empty() {
            lines.insert(0, initialize(version));
        }
        Scene { lines, has_handler: false, direct }
    };
    sessions.map(scene).into()
}

fn mistakes() -> Scene {
    let named = |id, name: &str, arguments: Value| {
        request(id, "tools/call", &json!({"name": name, "arguments": arguments}))
    };
    let lines = vec![
        initialize("2025-11-25"),
        call(1, "unknown"),
        request(2, "tools/call", &json!([])),
        request(3, "tools/call", &json!({"arguments": {}})),
        request(4, "no/such", &json!({})),
        request(5, "tasks/get", &json!({})),
        request(6, "tasks/get", &json!({"taskId": "t"})),
        request(7, "ping", &json!({})),
        request(8, "tools/list", &json!({})),
        call(9, "panics"),
        call(10, "panics_first"),
        call(11, "not_found"),
        named(12, "object", json!({"no": "such"})),
        named(13, "check_task", json!({})),
        named(14, "stop_task", json!({"task_id": "never"})),
        named(15, "stop_task", json!({"task_id": "t"})),
        named(16, "message_task", json!({})),
        named(17, "endless", json!({"_metadata": 7})),
        level(18, "error"),
        "not JSON\n".to_owned(),
        named(19, "check_task", json!({"task_id": "t", "wait_seconds": 9})),
    ];
    Scene { lines, has_handler: false, direct: 11 }
}

fn ids() -> Scene {
    let lines = vec![
        initialize("2025-11-25"),
        call(1, "forever"),
        call(1, "object"),
        request(1, "tools/list", &json!({})),
        cancel(1),
        call(1, "object"),
        call(2, "slow"),
        call(2, "object"),
        cancel(99),
        cancel(2),
        call(3, "object"),
        call(3, "object"),
        cancel(3),
        mcpc_call(4, "endless", "a"),
        mcpc_call(5, "endless", "a"),
        cancel(4),
        mcpc_call(6, "background", "b"),
        mcpc_call(7, "background", "b"),
        call(8, "is_mcpc_enabled"),
        mcpc_call(9, "background", "c"),
        mcpc_call(10, "endless", "d"),
        call(11, "forever"),
        cancel(10),
    ];
    Scene { lines, has_handler: false, direct: 12 }
}

fn busy() -> Scene {
    let mut lines = vec![initialize("2025-11-25")];
    lines.extend((1..10).map(|id| call(id, "forever")));
    lines.extend([
        call(10, "object"),
        call(11, "is_mcpc_enabled"),
        mcpc_call(12, "endless", "a"),
        level(13, "debug"),
        request(14, "ping", &json!({})),
        cancel(1),
        call(15, "object"),
        call(16, "forever"),
        call(17, "object"),
    ]);
    Scene { lines, has_handler: false, direct: 15 }
}

fn with_a_handler() -> Scene {
    let quiet = format!("{}{}", level(7, "error"), call(8, "emits"));
    let loud = format!("{}{}", level(9, "debug"), call(10, "emits"));
    let lines = vec![
        initialize("2025-11-25"),
        call(1, "of_the_handler"),
        call(2, "object"),
        level(3, "debug"),
        request(4, "tools/list", &json!({})),
        call(5, "panics"),
        quiet,
        loud,
        call(11, "is_mcpc_enabled"),
    ];
    Scene { lines, has_handler: true, direct: 5 }
}

/// Of a session that begins again, nothing more is answered without the loop.
fn begun_again() -> Scene {
    let lines = vec![
        call(1, "object"),
        request(2, "ping", &json!({})),
        initialize("2024-11-05"),
        call(3, "list"),
        initialize("2025-11-25"),
        call(4, "list"),
        call(5, "object"),
    ];
    Scene { lines, has_handler: false, direct: 1 }
}

fn of_2026() -> Scene {
    let forms = json!({"elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}});
    let mut meta = meta("2026-07-28", &forms);
    meta["progressToken"] = json!("p");
    let with_meta = |id, method: &str, mut params: Value| {
        params["_meta"] = meta.clone();
        request(id, method, &params)
    };
    let listen = json!({"notifications": {"taskIds": ["t", "never"]}});
    let lines = vec![
        with_meta(1, "server/discover", json!({})),
        with_meta(2, "tools/list", json!({})),
        with_meta(3, "subscriptions/listen", listen),
        with_meta(4, "tools/call", json!({"name": "background"})),
        with_meta(5, "tools/call", json!({"name": "slow"})),
        with_meta(6, "tools/call", json!({"name": "object", "requestState": "never"})),
        with_meta(7, "tools/call", json!({"name": "background", "requestState": "never"})),
        with_meta(8, "tools/call", json!({"name": "forever"})),
        with_meta(9, "tasks/cancel", json!({"taskId": "t"})),
        with_meta(10, "tasks/get", json!({"taskId": "t"})),
        with_meta(11, "initialize", json!({})),
        call(12, "object"),
        request(13, "tasks/get", &json!({"taskId": "t"})),
        level(14, "debug"),
        cancel(8),
        cancel(3),
    ];
    Scene { lines, has_handler: false, direct: 8 }
}

#[tokio::test(start_paused = true)]
async fn without_the_loop_everything_is_answered_with_the_same_bytes() {
    let mut scenes = sessions();
    scenes.extend([mistakes(), ids(), busy(), with_a_handler(), begun_again(), of_2026()]);
    let (mut compared, mut all_simple) = (0, 0);
    for scene in scenes {
        let (by_loop, none) = said(&scene, false).await;
        let (directly, [answered, simple]) = said(&scene, true).await;
        assert_eq!(none, [0, 0]);
        // What ends at once does so in any order.
        let lines = |said: &[String]| {
            let mut lines: Vec<_> = said.iter().map(|line| without_times(line)).collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(lines(&directly), lines(&by_loop), "asked {:#?}", scene.lines);
        assert_eq!(answered, scene.direct, "asked {:#?}", scene.lines);
        compared += directly.len();
        all_simple += simple;
    }
    assert!(compared > 150, "{compared} lines are too few to mean anything");
    assert!(all_simple > 50, "{all_simple} simple requests are too few to mean anything");
}

#[tokio::test(start_paused = true)]
async fn a_level_holds_for_the_call_that_is_read_after_it() {
    for handler in [true, false] {
        for is_direct in [true, false] {
            let handler = handler.then_some(Theirs);
            let (serves, mut client, _) = served(all_tools(), handler, is_direct);
            let serves = tokio::spawn(serves);
            let start = initialize("2025-11-25");
            let quiet = format!("{}{}", level(1, "error"), call(2, "emits"));
            let loud = format!("{}{}", level(3, "debug"), call(4, "emits"));
            for lines in [start, quiet, loud] {
                client.write_all(lines.as_bytes()).await.expect("the server reads");
                sleep(Duration::from_millis(1)).await;
            }
            client.shutdown().await.expect("the server reads");
            let mut said = String::new();
            client.read_to_string(&mut said).await.expect("UTF-8");
            assert_eq!(said.matches("happened").count(), 1, "{said}");
            serves.await.expect("no panic");
        }
    }
}

struct TellsWhenDropped(mpsc::UnboundedSender<()>);

impl Drop for TellsWhenDropped {
    fn drop(&mut self) {
        self.0.send(()).expect("it is heard");
    }
}

/// As the loop cancels its handlers.
#[tokio::test(start_paused = true)]
async fn a_body_is_dropped_at_once_with_what_serves_it() {
    for is_direct in [true, false] {
        let (dropped, mut is_dropped) = mpsc::unbounded_channel::<()>();
        let held = with_body("held", Kind::Plain, move |_| {
            let dropped = dropped.clone();
            Box::pin(async move {
                dropped.send(()).expect("it is heard");
                let _held = TellsWhenDropped(dropped);
                std::future::pending().await
            })
        });
        let (serves, mut client, counted) = served(vec![held], None, is_direct);
        let serves = tokio::spawn(serves);
        let lines = format!("{}{}", initialize("2025-11-25"), call(1, "held"));
        client.write_all(lines.as_bytes()).await.expect("the server reads");
        is_dropped.recv().await.expect("it runs");
        assert_eq!(counted.answered.load(Ordering::Relaxed), usize::from(is_direct));
        let began = Instant::now();
        serves.abort();
        is_dropped.recv().await.expect("it is dropped");
        assert_eq!(began.elapsed(), Duration::ZERO, "it has no grace");
    }
}
