//! Requests that are answered without rmcp's loop.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage, JsonRpcRequest, RequestId};
use tokio_util::sync::CancellationToken;

use super::requests::Requests;
use crate::log::Boxed;
use crate::logging::{Inside, Span};
use crate::reply::Reply;

/// What answers requests without rmcp's loop.
pub(crate) trait Answers: Send + Sync {
    /// Answers a request, or returns it, as only the loop can.
    fn answer(self: Arc<Self>, asked: Asked) -> Result<Answer, Box<Asked>>;
}

/// A request that was read.
pub(crate) struct Asked {
    pub(crate) id: RequestId,
    pub(crate) request: ClientRequest,
    /// Cancelled when the client cancels the request.
    pub(crate) cancelled: CancellationToken,
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
    message: ClientJsonRpcMessage,
) -> Option<ClientJsonRpcMessage> {
    let JsonRpcMessage::Request(JsonRpcRequest { jsonrpc, id, request }) = message else {
        return Some(message);
    };
    let cancelled = CancellationToken::new();
    let asked = Asked { id: id.clone(), request, cancelled: cancelled.clone() };
    match Arc::clone(answers).answer(asked) {
        Ok(answer) => {
            run(requests, id, answer, cancelled);
            None
        }
        Err(asked) => {
            let Asked { request, .. } = *asked;
            Some(JsonRpcMessage::Request(JsonRpcRequest { jsonrpc, id, request }))
        }
    }
}

fn run(requests: &Requests, id: RequestId, answer: Answer, cancelled: CancellationToken) {
    let Answer { mut reply, is_ours } = answer;
    // What is not ready is polled again in its task, which it wakes then.
    if is_ours
        && let Poll::Ready(reply) = reply.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    {
        return requests.reply(id, reply);
    }
    requests.note_token(&id, cancelled);
    let (requests, span) = (requests.clone(), Span::current());
    tokio::spawn(async move {
        let reply = Inside::new(&span, reply).await;
        requests.reply(id, reply);
    });
}
