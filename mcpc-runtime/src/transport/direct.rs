//! Requests that are answered without rmcp's loop.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

#[cfg(feature = "http")]
use rmcp::model::ClientNotification;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage, RequestId};
use tokio_util::sync::CancellationToken;

use super::requests::Requests;
use super::simple::{Asked, Session};
use crate::context::Declared;
use crate::log::Boxed;
use crate::logging::{Inside, Span};
use crate::parameter::CallArguments;
use crate::reply::Reply;
use crate::tool::Definition;

/// What answers requests without rmcp's loop.
pub(crate) trait Answers: Send + Sync {
    /// Answers a request, out of which it takes what it needs; or leaves it as it is, as only the loop can answer it.
    /// `cancelled` is cancelled when the client cancels the request.
    fn answer(
        self: Arc<Self>,
        id: &RequestId,
        request: &mut ClientRequest,
        cancelled: &CancellationToken,
    ) -> Option<Answer>;

    /// The tool of this name, if calls of it are [simple](super::simple); and who calls.
    fn simple(&self, name: &str) -> Option<(Arc<Definition>, Session)>;

    /// Answers a simple call.
    fn answer_simple(
        self: Arc<Self>,
        tool: Arc<Definition>,
        arguments: CallArguments,
        asked: Asked,
    ) -> Boxed<'static, Reply>;

    /// Who asks, if what is asked about tasks by a request that names this version is answered here.
    fn has_tasks(&self, version: Option<&str>) -> Option<Session>;

    /// Answers `tasks/get`.
    fn get_task(self: Arc<Self>, task_id: String, asked: Asked) -> Boxed<'static, Reply>;

    /// Hears a notification, if no loop has to; returns whether that is so.
    #[cfg(feature = "http")]
    fn hear(&self, _: &ClientNotification) -> bool {
        false
    }
}

/// What comes of a request, once it is polled.
pub(crate) struct Answer {
    pub(crate) reply: Boxed<'static, Reply>,
    /// Whether what it runs is all ours, and does not block the thread that polls it.
    pub(crate) is_ours: bool,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("is_ours", &self.is_ours).finish_non_exhaustive()
    }
}

/// Has a message answered, if it is a request that needs no loop. What is ours is polled here, so that nothing that is
/// read later overtakes it; what is a user's has a task of its own, as it may block its thread.
pub(super) fn answered(
    answers: &Arc<dyn Answers>,
    requests: &Requests,
    mut message: ClientJsonRpcMessage,
) -> Option<ClientJsonRpcMessage> {
    let JsonRpcMessage::Request(asked) = &mut message else { return Some(message) };
    let cancelled = CancellationToken::new();
    match Arc::clone(answers).answer(&asked.id, &mut asked.request, &cancelled) {
        Some(answer) => {
            run(requests, &asked.id, answer, cancelled);
            None
        }
        None => {
            Declared::hand_over(&mut asked.request);
            Some(message)
        }
    }
}

/// Has a request answered here and now, if that is possible.
pub(super) fn run(
    requests: &Requests,
    id: &RequestId,
    answer: Answer,
    cancelled: CancellationToken,
) {
    let Answer { mut reply, is_ours } = answer;
    // What is not ready is polled again in its task, which it wakes then.
    if is_ours
        && let Poll::Ready(reply) = reply.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    {
        return requests.reply(id.clone(), reply);
    }
    requests.note_token(id, cancelled);
    spawn(requests, id, reply);
}

/// Has a request answered in a task of its own.
pub(super) fn spawn(requests: &Requests, id: &RequestId, reply: Boxed<'static, Reply>) {
    let (requests, id, span) = (requests.clone(), id.clone(), Span::current());
    tokio::spawn(async move {
        let reply = Inside::new(&span, reply).await;
        requests.reply(id, reply);
    });
}
