//! The client half over HTTP: MCP's Streamable HTTP, in the revisions with sessions and in the one without.
//!
//! Each request is a POST, whose response is the answer, or a stream of events that ends with it. What a server says
//! besides comes on one more stream, of the session. A stream that breaks is gone on with after its last event.

mod error;
mod events;
mod outgoing;
mod session;
mod setup;
mod streams;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client as HttpClient, Url};
use rmcp::RoleClient;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::Transport;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::error::unanswered;
use self::outgoing::{MirroredOfTools, Outgoing};
use self::session::Session;
use super::routes::Routes;
use crate::log::Boxed;
use crate::logging::event;

pub use error::HttpError;
pub(super) use error::{is_unanswered, lost};
pub(super) use setup::{Endpoint, Options};

/// How many messages of the server are read ahead.
const READ_AHEAD: usize = 64;

/// For how long a server has to hear of a request before it hears that it is taken back.
const HEAD_START: Duration = Duration::from_millis(200);

/// How long a call that is taken back may turn out to be a task.
const PATIENCE_WITH_TASKS: Duration = Duration::from_secs(2);

/// How long a server has to end a session.
const LAST_LIMIT: Duration = Duration::from_secs(5);

/// A connection over HTTP, as rmcp sees it.
#[derive(Debug)]
pub(super) struct Http {
    shared: Arc<Shared>,
    incoming: mpsc::Receiver<ServerJsonRpcMessage>,
}

#[derive(Debug)]
struct Shared {
    http: HttpClient,
    url: Url,
    /// Those of the user.
    headers: HeaderMap,
    answer_limit: Duration,
    routes: Routes,
    incoming: mpsc::Sender<ServerJsonRpcMessage>,
    session: Mutex<Session>,
    /// Held by who begins a session anew.
    beginning: tokio::sync::Mutex<()>,
    /// What is yet to be answered.
    exchanges: Mutex<HashMap<RequestId, Exchange>>,
    mirrored: Mutex<MirroredOfTools>,
    /// Why the connection did not begin.
    refused: Mutex<Option<HttpError>>,
    /// Fires when the connection ends.
    ended: CancellationToken,
}

/// A request that is yet to be answered.
#[derive(Clone, Debug)]
struct Exchange {
    /// Whether nothing but the end of its connection takes it back.
    is_alone: bool,
    taken_back: CancellationToken,
    /// Whether it may be answered with a task.
    may_be_task: bool,
    /// Whether the server has begun to answer.
    is_heard: watch::Receiver<bool>,
}

/// Locks what nothing panics half-way through a change of.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Http {
    pub(super) fn new(endpoint: &Endpoint, routes: Routes) -> Self {
        routes.set_has_headers();
        let (sender, incoming) = mpsc::channel(READ_AHEAD);
        let Endpoint { http, url, headers, answer_limit } = endpoint.clone();
        let shared = Shared {
            http,
            url,
            headers,
            answer_limit,
            routes,
            incoming: sender,
            session: Mutex::default(),
            beginning: tokio::sync::Mutex::default(),
            exchanges: Mutex::default(),
            mirrored: Mutex::default(),
            refused: Mutex::default(),
            ended: CancellationToken::new(),
        };
        Self { shared: Arc::new(shared), incoming }
    }

    /// Where it says why the connection did not begin.
    pub(super) fn refusal(&self) -> impl FnOnce() -> Option<HttpError> + use<> {
        let shared = Arc::clone(&self.shared);
        move || lock(&shared.refused).take()
    }

    fn request(&self, outgoing: Outgoing, id: RequestId) -> Boxed<'static, Result<(), HttpError>> {
        let (says_heard, mut is_heard) = watch::channel(false);
        let taken_back = CancellationToken::new();
        let Outgoing { is_alone, may_be_task, .. } = outgoing;
        let exchange = Exchange {
            is_alone,
            taken_back: taken_back.clone(),
            may_be_task,
            is_heard: is_heard.clone(),
        };
        lock(&self.shared.exchanges).insert(id.clone(), exchange);
        let (says_refused, is_refused) = oneshot::channel();
        let begins = outgoing.begins();
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let answered = tokio::select! {
                () = shared.ended.cancelled() => return,
                () = taken_back.cancelled() => Err(HttpError::TakenBack),
                answered = shared.ask(&outgoing, &says_heard) => answered,
            };
            lock(&shared.exchanges).remove(&id);
            match answered {
                Ok(()) => {}
                Err(error) if begins && !*says_heard.borrow() => {
                    lock(&shared.refused).get_or_insert(error.clone());
                    let _is_awaited = says_refused.send(error);
                }
                Err(error) => shared.hand_over(unanswered(id, &error)).await,
            }
        });
        match begins {
            true => Box::pin(async move {
                tokio::select! {
                    // Both are over once it is refused.
                    biased;
                    Ok(error) = is_refused => Err(error),
                    _ = is_heard.wait_for(|is| *is) => Ok(()),
                }
            }),
            // It has left: to wait for more may be to wait for its end.
            false => Box::pin(async { Ok(()) }),
        }
    }

    /// Takes a request back, as its revision does it.
    fn take_back(
        &self,
        id: &RequestId,
        outgoing: Outgoing,
    ) -> Boxed<'static, Result<(), HttpError>> {
        let exchange = lock(&self.shared.exchanges).get(id).cloned();
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            match exchange {
                Some(exchange) if exchange.is_alone => {
                    tokio::spawn(exchange.give_up());
                    return Ok(());
                }
                // They are two connections: what is taken back is to be there first.
                Some(Exchange { mut is_heard, .. }) => {
                    let _in_time = timeout(HEAD_START, is_heard.wait_for(|is| *is)).await;
                }
                None => {}
            }
            shared.tell(&outgoing).await
        })
    }
}

impl Exchange {
    /// Ends the connection, which takes back what stands alone. A call that may become a task is answered before long:
    /// its answer may be on its way, and the task would go on without anybody who knows of it.
    async fn give_up(mut self) {
        if self.may_be_task {
            let is_over = self.is_heard.wait_for(|_| false);
            let _in_time = timeout(PATIENCE_WITH_TASKS, is_over).await;
        }
        self.taken_back.cancel();
    }
}

/// Which request a message takes back.
fn taken_back(message: &ClientJsonRpcMessage) -> Option<RequestId> {
    let JsonRpcMessage::Notification(notification) = message else { return None };
    match &notification.notification {
        ClientNotification::CancelledNotification(cancelled) => cancelled.params.request_id.clone(),
        // Ours, which rmcp does not look at.
        ClientNotification::CustomNotification(custom)
            if custom.method == "notifications/cancelled" =>
        {
            let id = custom.params.as_ref().and_then(|params| params.get("requestId"));
            id.and_then(|id| serde_json::from_value(Value::clone(id)).ok())
        }
        _ => None,
    }
}

impl Transport<RoleClient> for Http {
    type Error = HttpError;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), HttpError>> + Send + 'static {
        let outgoing = Outgoing::new(&message, &lock(&self.shared.mirrored));
        if let Some(id) = outgoing.id.clone() {
            return self.request(outgoing, id);
        }
        if let Some(id) = taken_back(&message) {
            return self.take_back(&id, outgoing);
        }
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.tell(&outgoing).await })
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        tokio::select! {
            biased;
            message = self.incoming.recv() => message,
            () = self.shared.ended.cancelled() => None,
        }
    }

    async fn close(&mut self) -> Result<(), HttpError> {
        self.shared.ended.cancel();
        self.shared.leave().await;
        Ok(())
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.shared.ended.cancel();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let shared = Arc::clone(&self.shared);
            runtime.spawn(async move { shared.leave().await });
        }
    }
}

impl Shared {
    /// Hands a message over to who reads them.
    async fn hand_over(&self, message: ServerJsonRpcMessage) {
        // Nobody reads any more once the connection has ended.
        let _is_read = self.incoming.send(message).await;
    }

    /// Ends the session, if there is one.
    async fn leave(&self) {
        let session = std::mem::take(&mut *lock(&self.session));
        session.streams.cancel();
        if session.id.is_none() {
            return;
        }
        let request = self.http.delete(self.url.clone()).headers(self.headers_of(&session));
        match timeout(LAST_LIMIT, request.send()).await {
            Ok(Ok(response)) => {
                event!(debug, status = response.status().as_u16(), "the session ends")
            }
            Ok(Err(error)) => {
                event!(debug, %error, "the server was not told that the session ends")
            }
            Err(_) => event!(debug, "the server does not answer that the session ends"),
        }
    }
}
