//! The client half: greet a server, start tasks on it, and read what they send.
//!
#![doc = include_str!("../../docs/client.md")]

mod routes;
mod transport;

use std::sync::Mutex;
use std::time::Duration;

use rmcp::model::{CallToolRequestParams, CallToolResult, JsonObject, Tool};
use rmcp::service::{ClientInitializeError, RunningService, ServiceError};
use rmcp::transport::IntoTransport;
use rmcp::{Peer, RoleClient};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use uuid::Uuid;

use crate::log::Boxed;
use crate::logging::event;
use crate::message::ProtocolInfo;
use crate::names::{Dialect, MetadataKeys};
use crate::transport::Erased;
use routes::Routes;
use transport::Listening;

pub use routes::{Messages, Task};

/// How long a child process may take to end once its input has ended, before it is killed.
const EXIT_LIMIT: Duration = Duration::from_secs(15);

/// Why a client could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server's program could not be started.
    #[error("the server cannot be started")]
    Spawn(#[source] std::io::Error),
    /// The server did not accept the connection.
    #[error("the server did not accept the connection")]
    Initialize(#[source] Box<ClientInitializeError>),
    /// The server did not answer, or answered with a protocol error.
    #[error("the call failed")]
    Call(#[from] ServiceError),
    /// The arguments of a call are not an object.
    #[error("the arguments of a call must be an object")]
    Arguments,
    /// The server answers no MCPC handshake.
    #[error("the server does not speak MCPC")]
    NoMcpc,
    /// The server answered a call with something else than a new task: an error, or the result.
    #[error("no task was started: {}", text(.0))]
    NotStarted(Box<CallToolResult>),
}

/// The text of a reply, all of its parts together.
pub fn text(reply: &CallToolResult) -> String {
    let parts = reply.content.iter().filter_map(|content| content.as_text());
    parts.map(|part| part.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// A connection to an MCP server that may speak MCPC.
///
/// # Cancel safety
///
/// A [`call`](Self::call) or [`start`](Self::start) that is dropped before it completes is cancelled: the server is sent
/// `notifications/cancelled`, and stops what the call started.
#[derive(Debug)]
pub struct Client {
    running: RunningService<RoleClient, ()>,
    routes: Routes,
    session_id: String,
    keys: Mutex<MetadataKeys>,
    child: Option<Child>,
}

impl Client {
    /// Connects over any client transport of rmcp, and initializes the connection.
    ///
    /// # Errors
    ///
    /// When the server does not answer as MCP asks.
    pub async fn connect<T, E, A>(transport: T) -> Result<Self, ClientError>
    where
        T: IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        Self::over(Erased::new(transport.into_transport()), None).await
    }

    /// Starts a server as a child process and connects over its stdin and stdout. Its stderr is this
    /// process's own, unless `command` says otherwise. The child is killed if the client is dropped;
    /// [`close`](Self::close) lets it end in order.
    ///
    /// # Errors
    ///
    /// When the program cannot be started, or does not answer as MCP asks.
    pub async fn spawn(mut command: Command) -> Result<Self, ClientError> {
        use std::process::Stdio;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(ClientError::Spawn)?;
        let pipes = child.stdout.take().zip(child.stdin.take()).expect("both were just asked for");
        let transport = IntoTransport::<RoleClient, _, _>::into_transport(pipes);
        Self::over(Erased::new(transport), Some(child)).await
    }

    /// In a box, so that rmcp's loop is compiled here and not in the crate that awaits this.
    fn over(
        transport: Erased<RoleClient>,
        child: Option<Child>,
    ) -> Boxed<'static, Result<Self, ClientError>> {
        Box::pin(async move {
            let routes = Routes::default();
            let transport = Listening::new(transport, routes.clone());
            let running = rmcp::serve_client((), transport)
                .await
                .map_err(|error| ClientError::Initialize(Box::new(error)))?;
            let session_id = Uuid::new_v4().to_string();
            let keys = Mutex::new(Dialect::V0_2_1.metadata());
            Ok(Self { running, routes, session_id, keys, child })
        })
    }

    /// Sends the handshakes of [`Dialect::ALL`] in their order until one is answered, and uses that dialect from then on.
    ///
    /// # Errors
    ///
    /// [`ClientError::NoMcpc`] when the server answers none of them; [`ClientError::Call`] when the connection fails.
    pub async fn handshake(&self) -> Result<ProtocolInfo, ClientError> {
        for dialect in Dialect::ALL {
            let info = ProtocolInfo::new(dialect, "mcpc");
            let arguments = match dialect {
                Dialect::V0_2_1 | Dialect::V0_2_3 => json!({}),
                Dialect::V0_2_6 => json!({ "mcpc_info": info }),
            };
            let reply = match self.call(dialect.handshake(), arguments).await {
                Ok(reply) => reply,
                // That is how a server says that it knows no such tool.
                Err(ClientError::Call(ServiceError::McpError(_))) => continue,
                Err(error) => return Err(error),
            };
            if let Ok(info) = serde_json::from_str::<ProtocolInfo>(&text(&reply))
                && info.mcpc_enabled
            {
                *self.keys.lock().expect("only ever copied under this lock") = dialect.metadata();
                return Ok(info);
            }
        }
        Err(ClientError::NoMcpc)
    }

    /// The tools of the server.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub async fn tools(&self) -> Result<Vec<Tool>, ClientError> {
        Ok(self.peer().list_all_tools().await?)
    }

    /// Calls a tool without the ids of MCPC and returns the reply: a result, or the error of a tool. `null` arguments are
    /// none.
    ///
    /// # Errors
    ///
    /// When the server does not answer, or `arguments` is not an object.
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<CallToolResult, ClientError> {
        self.call_object(tool, object(arguments)?).await
    }

    /// Starts a background tool as a task of this client's session, with a new id, in the dialect of the last
    /// [`handshake`](Self::handshake), or of MCPC 0.2.1.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotStarted`] when the server answers with anything else than a new task;
    /// otherwise as [`call`](Self::call).
    pub async fn start(&self, tool: &str, arguments: Value) -> Result<Task, ClientError> {
        let mut arguments = object(arguments)?;
        let task_id = Uuid::new_v4().to_string();
        let keys = *self.keys.lock().expect("only ever copied under this lock");
        let ids = json!({ keys.session_id: self.session_id, keys.task_id: task_id });
        arguments.insert(keys.argument.to_owned(), ids);
        // Listens before the call, as nothing says that the reply is read before the first update.
        let task = self.routes.task(task_id);
        let reply = self.call_object(tool, arguments).await?;
        match task.is_started() {
            true => Ok(task),
            false => Err(ClientError::NotStarted(Box::new(reply))),
        }
    }

    /// Returns a stream of every message from now on, of all tasks and sessions, `created` included.
    #[must_use]
    pub fn messages(&self) -> Messages {
        self.routes.all()
    }

    /// The session that this client's tasks belong to.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// The connection, for everything else that MCP offers.
    #[must_use]
    pub fn peer(&self) -> &Peer<RoleClient> {
        self.running.peer()
    }

    /// Ends the connection. A child process has 15 seconds to end its tasks and itself, and is killed then.
    pub async fn close(self) {
        if let Err(error) = self.running.cancel().await {
            event!(warn, %error, "the connection's loop died");
        }
        if let Some(mut child) = self.child
            && tokio::time::timeout(EXIT_LIMIT, child.wait()).await.is_err()
        {
            event!(warn, "the server does not end; it is killed");
            let _ = child.kill().await;
        }
    }

    async fn call_object(
        &self,
        tool: &str,
        arguments: JsonObject,
    ) -> Result<CallToolResult, ClientError> {
        let call = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        Ok(self.peer().call_tool(call).await?)
    }
}

fn object(arguments: Value) -> Result<JsonObject, ClientError> {
    match arguments {
        Value::Object(arguments) => Ok(arguments),
        Value::Null => Ok(JsonObject::new()),
        _ => Err(ClientError::Arguments),
    }
}
