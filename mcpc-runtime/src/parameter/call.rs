//! What a call shows of itself and of its client.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use rmcp::RoleServer;
use rmcp::model::Implementation;
use rmcp::service::RequestContext;
use serde::Serialize;

use crate::context::Context;
use crate::delivery::{
    Elicitation, LeastLevel, LogLevel, LogMessages, LogOfRequests, PeerHandle, Shows,
};
use crate::error;
use crate::events::{Listener, named};
use crate::message::{Json, server_event};
use crate::outbox::{Gate, Outbox, TextCallback};
use crate::question::{Answer, Asked, Conversation, NoAnswer, Question, Response, Room, in_time};
use crate::task::{Sender, Tasks};

/// The call that a tool answers: its ids, its client, and rmcp's view of the request.
///
/// A tool takes it as a parameter. A clone is another handle to the same call.
///
#[doc = include_str!("../../docs/call.md")]
///
/// It says what the client says of itself, which proves nothing.
#[derive(Clone)]
pub struct Call(Arc<Parts>);

/// To whom a request belongs, among its extensions.
#[cfg(feature = "http")]
#[derive(Clone, Debug)]
pub(crate) struct Principal(pub(crate) Arc<str>);

struct Parts {
    session_id: Box<str>,
    task_id: Option<Box<str>>,
    context: RequestContext<RoleServer>,
    /// The same peer; counted, as the call may be there for as long as its user likes.
    peer: PeerHandle,
    asks: Asks,
    /// For what a plain tool asks.
    room: Room,
    logs: Logs,
    /// The queue of a client that speaks MCPC.
    callbacks: Option<Outbox>,
}

/// Where what a call logs goes.
enum Logs {
    /// As its request says.
    OfCall(Option<Arc<LogMessages>>),
    /// As that of its requests says which is open.
    OfRequests(LogOfRequests),
}

/// How a call asks.
enum Asks {
    /// The task that it started does.
    Task(Sender),
    /// The reply to its request does.
    ByReply(Conversation),
    /// A request to its client does, if that shows what is asked.
    ByRequest,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("session_id", &self.0.session_id)
            .field("task_id", &self.0.task_id)
            .finish_non_exhaustive()
    }
}

impl Call {
    /// The session the call belongs to, as an MCPC client named it; `default` where it named none.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.0.session_id
    }

    /// In a background tool, the id of the task that the call started. In a plain tool, the id that an
    /// MCPC client gave the call, if it did.
    #[must_use]
    pub fn task_id(&self) -> Option<&str> {
        self.0.task_id.as_deref()
    }

    /// What the client calls itself, if it said so: when it connected, or in the request's own
    /// metadata (MCP 2026-07-28).
    #[must_use]
    pub fn client(&self) -> Option<Implementation> {
        self.0.context.client_info()
    }

    /// To whom the request belongs, over HTTP, if the server [tells](crate::http::HttpServer::principal).
    #[cfg(feature = "http")]
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        self.0.context.extensions.get::<Principal>().map(|principal| &*principal.0)
    }

    /// The head of the request, over HTTP: its headers, and the extensions that layers around the server put there.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn http(&self) -> Option<&axum::http::request::Parts> {
        self.0.context.extensions.get()
    }

    /// Asks something, and waits for the answer: as [`Sender::ask`], which says what can be asked.
    ///
    /// In a plain tool, the call stays open meanwhile, so only a client that shows forms can be asked. In a background tool,
    /// this is the `Sender`'s; but a client of MCP's tasks is asked by the reply to its call as long as that is open, which
    /// is for [`task_patience`](crate::server::Server::task_patience): so it learns of no task before it has agreed to what
    /// the task is about.
    ///
    /// # Errors
    ///
    /// As [`Sender::ask`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, it withdraws the question.
    pub fn ask<T: Answer>(
        &self,
        question: impl Into<Question>,
    ) -> BoxFuture<'_, Result<T, NoAnswer>> {
        let Question { text, timeout } = question.into();
        Box::pin(in_time(timeout, async move {
            let ask = async |asked: Asked| self.asking(&asked).await;
            T::asked(text)?.until_it_is_read(ask).await
        }))
    }

    /// Has the user open an address: as [`Sender::ask_url`].
    ///
    /// # Errors
    ///
    /// As [`Sender::ask_url`].
    pub async fn ask_url(
        &self,
        question: impl Into<Question>,
        url: impl Into<String>,
    ) -> Result<(), NoAnswer> {
        let Question { text, timeout } = question.into();
        in_time(timeout, self.asking(&Asked::at(text, url.into()))).await?.agreed()
    }

    async fn asking(&self, asked: &Asked) -> Result<Response, NoAnswer> {
        if let Asks::Task(sender) = &self.0.asks {
            return sender.asking(&Asked { by_call: true, ..asked.clone() }).await;
        }
        let shows = Shows::of(self.0.context.client_capabilities().as_ref());
        if !shows.shows(&asked.form) {
            return Err(NoAnswer::Unreachable);
        }
        let _place = self.0.room.enter()?;
        match (&self.0.asks, Elicitation::of(&self.0.peer, shows, &asked.form)) {
            (Asks::ByReply(conversation), _) => conversation.ask(asked).await,
            (_, Some(elicitation)) => elicitation.ask(asked).await,
            (_, None) => Err(NoAnswer::Unreachable),
        }
    }

    /// Logs something to the client, as a logging notification of the tool. Waits while the client is slow.
    ///
    /// Up to MCP 2025-11-25 a client hears of what its session wants, which is everything from [`LogLevel::Info`] on until it
    /// says otherwise; later, of what the call asked for, and until its reply, or that of the call that brought an answer. `data` is usually a text. It is written
    /// before this returns; what cannot be written as JSON is told of in its place.
    ///
    /// Of eight hosts that were measured, none shows such a notification. What a person is to see goes through
    /// [`Sender::progress`](crate::task::Sender::progress) and its like; what an operator is to see, through `tracing`.
    ///
    /// # Cancel safety
    ///
    /// It is logged when the future completes, and not at all if it is dropped before.
    pub fn log<T: Serialize>(&self, level: LogLevel, data: T) -> BoxFuture<'_, ()> {
        Box::pin(self.logging(level, json(&data)))
    }

    fn log_messages(&self) -> Option<Arc<LogMessages>> {
        match &self.0.logs {
            Logs::OfCall(log_messages) => log_messages.clone(),
            Logs::OfRequests(logs) => logs.now(),
        }
    }

    async fn logging(&self, level: LogLevel, data: Json) {
        // A tool that only ever logs must let others have their turn.
        tokio::task::coop::consume_budget().await;
        if let Some(log_messages) = self.log_messages() {
            log_messages.log(level, &data).await;
        }
    }

    /// Sends a server event, which belongs to the session of the call: as
    /// [`Sender::emit`](crate::task::Sender::emit), which says what each kind of client gets. Waits while the client is
    /// slow.
    ///
    /// # Errors
    ///
    /// When `event` is empty, or `data` cannot be written as JSON. Nothing is sent then, and the call goes on. That the
    /// client takes no such events is not an error.
    ///
    /// # Cancel safety
    ///
    /// The event is sent when the future completes, and not at all if it is dropped before.
    pub fn emit<T: Serialize>(&self, event: &str, data: T) -> BoxFuture<'_, error::Result> {
        Box::pin(self.emitting(named(event, &data)))
    }

    async fn emitting(&self, event: error::Result<(String, Json)>) -> error::Result {
        let (event, data) = event?;
        if let Asks::Task(sender) = &self.0.asks {
            sender.emit_named(&event, &data).await;
            return Ok(());
        }
        // As in `logging`.
        tokio::task::coop::consume_budget().await;
        match (&self.0.callbacks, self.log_messages()) {
            (Some(outbox), _) => {
                let callback = TextCallback(server_event(&self.0.session_id, &event, &data));
                let permit = outbox.claim(callback.0.len()).reserve().await;
                outbox.push(&callback, permit);
            }
            (None, Some(log_messages)) => log_messages.emit(&event, &data).await,
            (None, None) => {}
        }
        Ok(())
    }

    /// The context of the request, as rmcp has it: its id, its `_meta`, the client's capabilities, the peer to send
    /// requests and notifications to, and what a transport added (`extensions`).
    ///
    /// Its token `ct` is cancelled when the client cancels the call, and also when the call is answered:
    /// a background tool, which outlives its call, waits for [`Sender::stopped`](crate::task::Sender::stopped)
    /// instead.
    #[must_use]
    pub fn context(&self) -> &RequestContext<RoleServer> {
        self.0.peer.give_away();
        &self.0.context
    }
}

fn json<T: Serialize>(data: &T) -> Json {
    Json::new(data).unwrap_or_else(|error| {
        Json::text(&format!("what was to be logged cannot be written as JSON: {error}"))
    })
}

/// What a [`Call`] is made of, for tools that ask for one.
#[derive(Clone, Copy)]
pub(crate) struct CallParts<'a> {
    pub(crate) tool_name: &'a Arc<str>,
    pub(crate) session_id: &'a str,
    pub(crate) task_id: Option<&'a str>,
    pub(crate) tasks: &'a Tasks,
    pub(crate) context: &'a Context,
    /// What the client's session wants to hear of.
    pub(crate) log_level: &'a LeastLevel,
    pub(crate) listener: &'a Listener,
    pub(crate) max_questions: usize,
}

impl fmt::Debug for CallParts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallParts").field("task_id", &self.task_id).finish_non_exhaustive()
    }
}

impl CallParts<'_> {
    /// The call, and the `Sender` of the task that it started.
    ///
    /// `None` without rmcp's loop, which calls of tools that take one are left to: the tool is another since it was judged.
    pub(crate) fn to_call(self, sender: Option<&Sender>) -> Option<Call> {
        let context = self.context.peer().cloned().zip(self.context.to_rmcp());
        let (peer, mut context) = context?;
        // A way to the connection's queue is nothing to hand out.
        let gate = context.extensions.remove::<Gate>();
        let gate = gate.filter(|_| self.listener.speaks_mcpc());
        let asks = match (sender, context.extensions.remove::<Conversation>()) {
            (Some(sender), _) => Asks::Task(sender.clone()),
            (None, Some(conversation)) => Asks::ByReply(conversation),
            (None, None) => Asks::ByRequest,
        };
        let logs = match context.extensions.remove::<LogOfRequests>() {
            Some(logs) => Logs::OfRequests(logs),
            None => {
                let log_messages = self.context.log_messages(self.tool_name, self.log_level);
                Logs::OfCall(log_messages.map(Arc::new))
            }
        };
        Some(Call(Arc::new(Parts {
            asks,
            room: Room::new(self.max_questions),
            session_id: self.session_id.into(),
            task_id: self.task_id.map(Into::into),
            context,
            peer,
            logs,
            callbacks: gate.map(|gate| gate.outbox().clone()),
        })))
    }
}
