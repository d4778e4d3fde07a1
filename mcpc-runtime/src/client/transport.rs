//! Takes out of what a server sends what is for the tasks of this client.

use rmcp::RoleClient;
use rmcp::model::{
    CallToolResult, ClientJsonRpcMessage, ClientNotification, ClientRequest, GetExtensions as _,
    GetMeta as _, JsonRpcMessage, RequestId, RequestMetaObject, ServerJsonRpcMessage,
    ServerNotification, ServerResult,
};
use rmcp::transport::Transport;
use serde_json::Value;

use std::sync::Arc;

use super::heard::{Heard, Stage};
use super::routes::Routes;
use super::said::{Event, Said};
use super::status::Status;
use crate::message::{Message, TaskEvent};
use crate::names::CALLBACK_ID;
use crate::transport::{AnyError, Erased};

/// What a request of ours has among its extensions.
#[derive(Clone, Debug)]
pub(super) struct Ours {
    pub(super) heard: Arc<Heard>,
    /// Whether the server may tell how far the call is.
    pub(super) has_token: bool,
}

/// A client's transport that hears what the server says about the tasks of a [`Client`](super::Client).
///
/// It is made by [`wrap`](super::wrap), for a program that has an rmcp client already. All else passes through.
#[derive(Debug)]
pub struct Wrapped {
    inner: Erased<RoleClient>,
    routes: Routes,
    /// The request whose answer nobody waits for any more.
    ignored: Option<RequestId>,
}

impl Wrapped {
    pub(super) fn new(inner: Erased<RoleClient>, routes: Routes) -> Self {
        Self { inner, routes, ignored: None }
    }

    /// The answer to this request reaches nobody from now on.
    pub(super) fn ignore(&mut self, id: RequestId) {
        self.ignored = Some(id);
    }

    /// Notes which call is ours, and what the client says of itself.
    fn sent(&self, message: &mut ClientJsonRpcMessage) {
        match message {
            JsonRpcMessage::Request(request) => {
                self.note_capabilities(&request.request);
                let Some(Ours { heard, has_token }) = request.request.extensions_mut().remove()
                else {
                    return;
                };
                let meta = request.request.get_meta_mut();
                let token = match has_token {
                    true => meta.get_progress_token(),
                    false => {
                        meta.remove("progressToken");
                        None
                    }
                };
                self.routes.call(request.id.clone(), token, heard);
            }
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) =
                    &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.routes.answered(id);
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
    }

    fn note_capabilities(&self, request: &ClientRequest) {
        let capabilities = match request {
            ClientRequest::InitializeRequest(request) => Some(request.params.capabilities.clone()),
            ClientRequest::DiscoverRequest(request) => {
                let meta = request.extensions.get::<RequestMetaObject>();
                meta.and_then(RequestMetaObject::client_capabilities)
            }
            _ => None,
        };
        if let Some(capabilities) = capabilities {
            self.routes.set_capabilities(capabilities);
        }
    }

    /// Publishes what is ours of what the server sent, and returns whether it is nobody else's.
    fn heard(&self, message: &ServerJsonRpcMessage) -> bool {
        match message {
            JsonRpcMessage::Response(response) if self.ignored.as_ref() == Some(&response.id) => {
                true
            }
            JsonRpcMessage::Response(response) => self.replied(&response.id, &response.result),
            JsonRpcMessage::Error(error) if error.id.is_some() && self.ignored == error.id => true,
            JsonRpcMessage::Error(error) => {
                error.id.as_ref().map(|id| self.routes.answered(id));
                false
            }
            JsonRpcMessage::Notification(notification) => self.notified(&notification.notification),
            JsonRpcMessage::Request(_) => false,
        }
    }

    /// Of a reply that is nothing but the `created` of its own call, as all else in it may be anybody's text.
    /// It is published from here, and so always before the updates that follow it.
    fn replied(&self, id: &RequestId, result: &ServerResult) -> bool {
        if let ServerResult::CallToolResult(result) = result
            && matches!(id, RequestId::String(id) if **id == *CALLBACK_ID)
        {
            messages(result).for_each(|(message, bytes)| self.routes.message(message, bytes));
            return true;
        }
        let Some(heard) = self.routes.answered(id) else { return false };
        match result {
            ServerResult::CallToolResult(result) => {
                let task_id = heard.task_id();
                let created = messages(result).find(|(message, _)| {
                    message.task_event() == Some(TaskEvent::Created) && message.task_id == task_id
                });
                match created.filter(|_| task_id.is_some()) {
                    Some((message, bytes)) => self.routes.message(message, bytes),
                    // Whatever was said besides, it is no task: the reply decides.
                    None => heard.set_stage(Stage::Over),
                }
            }
            ServerResult::CreateTaskResult(created) => {
                self.routes.task(created.task.task_id.clone(), heard);
            }
            // That of 2025-11-25, which rmcp does not know.
            ServerResult::CustomResult(custom) => {
                if let Some((task_id, _)) = custom.0.get("task").and_then(Status::read) {
                    self.routes.task(task_id, heard);
                }
            }
            _ => {}
        }
        false
    }

    #[expect(deprecated, reason = "MCP has nothing else to tell such a client with")]
    fn notified(&self, notification: &ServerNotification) -> bool {
        match notification {
            ServerNotification::ProgressNotification(progress) => {
                let params = &progress.params;
                let said = Said::Progress {
                    done: params.progress,
                    total: params.total,
                    text: params.message.clone(),
                };
                let bytes = params.message.as_ref().map_or(0, String::len);
                self.routes.progress(&params.progress_token, said, bytes)
            }
            ServerNotification::TaskStatusNotification(status) => {
                serde_json::to_value(&status.params).is_ok_and(|task| self.routes.status(&task))
            }
            ServerNotification::CustomNotification(custom)
                if custom.method.starts_with("notifications/tasks") =>
            {
                custom.params.as_ref().is_some_and(|task| self.routes.status(task))
            }
            ServerNotification::LoggingMessageNotification(logging) => {
                let params = &logging.params;
                self.routes.event(|| {
                    let level = serde_json::to_value(params.level).unwrap_or_default();
                    let level = level.as_str().unwrap_or_default().to_owned();
                    let bytes = params.data.to_string().len();
                    let (logger, data) = (params.logger.clone(), params.data.clone());
                    (Event::of_log_message(level, logger, data), bytes)
                });
                false
            }
            ServerNotification::ToolListChangedNotification(_) => {
                self.routes.event(|| (Event::ToolsChanged, 0));
                false
            }
            _ => false,
        }
    }
}

/// The messages of MCPC in a reply, and how many bytes each has.
fn messages(result: &CallToolResult) -> impl Iterator<Item = (Message, usize)> {
    let texts = result.content.iter().filter_map(|content| content.as_text());
    texts.filter_map(|content| Some((Message::parse(&content.text)?, content.text.len())))
}

impl Transport<RoleClient> for Wrapped {
    type Error = AnyError;

    fn send(
        &mut self,
        mut message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.sent(&mut message);
        self.inner.send(message)
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            let message = self.inner.receive().await;
            match &message {
                None => self.routes.close(),
                Some(message) if self.heard(message) => continue,
                Some(_) => {}
            }
            return message;
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.routes.close();
        self.inner.close().await
    }
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        self.routes.close();
    }
}

/// Reads along what rmcp does not tell: what a server of MCP 2025-11-25 declares of its tasks.
#[derive(Debug)]
pub(super) struct Tap<R> {
    inner: R,
    line: Vec<u8>,
    routes: Routes,
    /// Whether there is still something to find.
    reads: bool,
}

/// The longest line that is read along, as rmcp reads none that is longer.
const LONGEST: usize = 16 << 20;

impl<R> Tap<R> {
    pub(super) fn new(inner: R, routes: Routes) -> Self {
        Self { inner, line: Vec::new(), routes, reads: true }
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while self.reads
            && let Some(end) = memchr::memchr(b'\n', bytes)
        {
            self.line.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            self.reads = look_at_line(&self.line, &self.routes).unwrap_or(self.reads);
            self.line.clear();
        }
        if self.reads {
            self.line.extend_from_slice(bytes);
        }
        if self.line.len() > LONGEST {
            self.line.clear();
        }
    }
}

/// Reads along one message; returns whether the server has tasks, where it says so.
pub(super) fn look_at_line(line: &[u8], routes: &Routes) -> Option<bool> {
    let is_greeting = memchr::memmem::find(line, b"\"protocolVersion\"").is_some();
    let is_list = memchr::memmem::find(line, b"\"taskSupport\"").is_some();
    if !is_greeting && !is_list {
        return None;
    }
    let message = serde_json::from_slice::<Value>(line).ok()?;
    let result = &message["result"];
    for tool in result["tools"].as_array().into_iter().flatten() {
        let support = tool["execution"]["taskSupport"].as_str();
        let takes_tasks = matches!(support, Some("optional" | "required"));
        if let Some(name) = tool["name"].as_str() {
            routes.set_unread(|unread| {
                unread.tools.insert(name.to_owned(), takes_tasks);
            });
        }
    }
    let is_greeted = result["protocolVersion"].is_string();
    let has_tasks = result["capabilities"]["tasks"]["requests"]["tools"]["call"].is_object();
    if is_greeted {
        routes.set_unread(|unread| unread.has_tasks = has_tasks);
    }
    is_greeted.then_some(has_tasks)
}

impl<R: tokio::io::AsyncRead + Unpin> tokio::io::AsyncRead for Tap<R> {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = std::pin::Pin::new(&mut self.inner).poll_read(context, buffer);
        if self.reads {
            self.read(&buffer.filled()[before..]);
        }
        polled
    }
}
