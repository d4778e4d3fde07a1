//! What rmcp does that a server of ours has to work around.
//!
//! Checked against rmcp 3.11; the requirement is 3.9. Each paragraph says what rmcp does, what we do, and what would
//! make that go. What is not in this file stays where it runs, and is named here.
//!
//! # Reading
//!
//! - **A late answer goes to the next request of its id.** The loop drops the reply of a cancelled request by its
//!   id, and takes that of its late handler for the one of a later request that has the same. We remember
//!   [ids that were cancelled](CancelledIds) and refuse them. Goes when rmcp tells two requests of one id apart.
//! - **Anything but a request ends a connection that has not begun.** `serve_server` fails with
//!   `ExpectedInitializeRequest`. We ignore such messages until a request that [`begins`] the connection, which has to
//!   be said as rmcp says it. Goes when rmcp ignores them.
//! - **What cannot be read as a method's parameters is a custom request**, which the handler hears of, or which is
//!   answered with "unknown method". We [answer it](misread) with `-32602` and what is wrong. Goes when rmcp does.
//! - **`initialize` and a first `ping` are taken in a version that has none.** A request that names 2026-07-28 or later in
//!   its `_meta` still begins a connection with `initialize`, in either shape, and a `ping` before any other request is
//!   answered. We [refuse them](misread). Goes when rmcp does.
//! - **A refusal repeats the version that the client named**, however long. We [cut it](cut_version) where it is read.
//!   Goes when rmcp shortens it.
//! - **The filter of `subscriptions/listen` has no tasks.** [`subscribe`] reads their ids from the line once more and
//!   hands them over among the request's extensions; over a transport that is not ours there is no line, and such
//!   a request is rmcp's alone. Goes when `SubscriptionFilter` has `taskIds`.
//! - **The `task` of a call is dropped**, and neither what a server declares of tasks of MCP 2025-11-25 nor the
//!   `execution` of a tool has a field. The decoder of lines hands `task` over among the call's extensions
//!   ([`TaskParams`]) and says at `initialize` that it does ([`ReadsTaskParams`]), `Requests::send` writes into the answer to
//!   that what the server declares ([`declaring_tasks`]), and `service/tasks_2025.rs` writes the rest; over a transport that is
//!   not ours nothing is declared. Stays, as rmcp has the tasks of 2026-07-28 in their place.
//! - **A message is read into a tree of values first**, which takes half of a plain call. `lines::decode` reads what
//!   clients send most straight into its type. Goes when rmcp reads the method before the parameters.
//! - **`receive` is dropped and called again** whenever the loop has something else to do. So what a transport has
//!   read, and what it waits for at its end, lives in the transport (`lines::Lines`, `wrapped::Wrapped`). Goes
//!   when the loop keeps the future.
//!
//! # Handling
//!
//! - **The loop takes longer than most answers.** It clones the peer, spawns, queues the reply and looks its id up. What is
//!   ours is [answered without it](super::direct) over lines, once it has said how the session began. So its own dumps of
//!   messages lack those. Goes when it costs little.
//! - **The loop holds 27 KiB**, in two channels that have room for 32 messages when they are made. So over HTTP, where a
//!   process has many sessions, one in which nothing needs a loop has none (`posted::Lent`). Each loop says at `info` that it
//!   begins and ends. Goes when a channel takes its room as it needs it.
//! - **Requests are handed to tasks of their own**, which run in any order. So a call gets its task, and a task is asked
//!   to stop, where the request is read (`Intake`, `service/intake.rs`). Stays as long as rmcp's loop is used.
//! - **A handler that panics is never answered**, and its id stays taken. So what answers a request, and the user's own
//!   handler, runs under [`Guarded`](crate::guard::Guarded) (`service/handler.rs`). Goes when rmcp answers with `-32603`.
//! - **`RequestContext::ct` fires before every reply**, not only when the request is cancelled. Tasks never see it;
//!   only a handler that waits for its own body does, and by the time of the reply that one has returned
//!   (`service/calls.rs`). Goes when it means a cancellation.
//! - **Handlers have five seconds at the end of the input** (rmcp's drain), then they are dropped without an answer.
//!   So `receive` returns `None` only when every request is answered, if need be by `Requests::answer_the_rest` in
//!   place of its handler; what that handler says later is dropped (`Requests::send`). Goes when the loop takes a limit.
//!
//! # Writing
//!
//! - **The future of `Transport::send` is spawned**, so only what is done before it is returned keeps its order. Ours
//!   pushes there, and opens the gate (`AnyTransport::send`); what the future waits for is only that a client reads.
//!   Goes when the loop awaits it.
//! - **A transport is dropped without `close`** when a connection does not come about, as the reply is unwritten that
//!   says why. So the writer is waited for outside of it ([`Flush`](super::Flush)). Goes when rmcp closes it.
//! - **`resultType` is taken out of results by the handler**, from those it returns. What is pushed around it does so
//!   itself ([`Reply`](crate::reply::Reply), `outbox::callback_message`). Goes when it is part of writing a message.
//! - **It logs in its loop, and when a connection begins**, whole notifications at `info` and whole requests and results
//!   at `debug`, and a subscriber that panics there ends the connection. Ours is not to replace (that of a whole process
//!   is set once, and its layers look for one another in it), so stderr is kept writable (`stderr`), and the README
//!   recommends a subscriber that does not panic, and a filter. What the runtime logs itself is contained (`logging`).
//!   Goes when rmcp logs less.
//!
//! # Building
//!
//! - **Its loop is generic over the service and the transport** and takes long to compile. There is one type of each
//!   (`Connection`, `AnyTransport`), transports of users' are [erased](super::Erased), and nothing of a user's type
//!   reaches it. As the code of a future is compiled where it is awaited, serving is behind boxed futures; as the code
//!   that drops a value is compiled by its owner, `Server` is a pointer to a trait object; and as derived `Debug` impls
//!   are inlined into their users, `Error` holds no type of rmcp's. `cargo bench -- rebuild many-tools` shows
//!   what that is worth. Goes when the loop works on trait objects.
//! - **The client's types about double the time to build**, so the client half is a feature.

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasher as _;

use rmcp::model::{
    CallToolRequestMethod, CallToolRequestParams, CancelTaskMethod, CancelTaskParams,
    ClientJsonRpcMessage, ClientRequest, ConstString as _, CustomRequest, CustomResult, ErrorCode,
    ErrorData, GetMeta as _, GetTaskMethod, GetTaskParams, InitializeRequestParams,
    InitializeResult, InitializeResultMethod, JsonRpcMessage, PingRequestMethod, ProtocolVersion,
    Request, RequestId, RequestMetaObject, ServerResult, UpdateTaskMethod, UpdateTaskParams,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::context::{Declared, meta_of, named_version};
use crate::outbox::Outbox;
use crate::phrases::{in_short, shown};

/// The latest ids that were cancelled.
///
/// Their hashes, as an id may be of any length: with ten thousand of them, one in 10¹⁵ requests is taken for
/// one that was cancelled.
#[derive(Debug, Default)]
pub(super) struct CancelledIds {
    hasher: RandomState,
    known: HashSet<u64>,
    in_order: VecDeque<u64>,
}

impl CancelledIds {
    /// More than any handler lets pass before it hears of its cancellation.
    const MOST: usize = 10_000;

    pub(super) fn add(&mut self, id: &RequestId) {
        let id = self.hasher.hash_one(id);
        if !self.known.insert(id) {
            return;
        }
        self.in_order.push_back(id);
        if self.in_order.len() > Self::MOST
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub(super) fn contains(&self, id: &RequestId) -> bool {
        !self.known.is_empty() && self.known.contains(&self.hasher.hash_one(id))
    }
}

/// Whether a connection begins with this request, as rmcp sees it: with `initialize`, or as of 2026-07-28 with
/// any request that brings what is required of one, but for the two that only ask.
pub(super) fn begins(request: &ClientRequest, versions: &[ProtocolVersion]) -> bool {
    match request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        other => Declared::of(other).begins(versions),
    }
}

/// The answer to a request of ours that rmcp takes for something else, or for a reason to end.
pub(super) fn misread(request: &ClientRequest) -> Option<ErrorData> {
    if let Some(method) = removed(request) {
        let problem = format!("MCP has no `{method}` as of {}", ProtocolVersion::NO_INITIALIZE);
        return Some(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, problem, None));
    }
    malformed(request).map(|(method, problem)| {
        let problem = in_short(problem.to_string().into());
        ErrorData::invalid_params(format!("invalid parameters of `{method}`: {problem}"), None)
    })
}

/// The method of a request that its protocol does not have any more, and that rmcp answers nevertheless.
fn removed(request: &ClientRequest) -> Option<&str> {
    let method = match request {
        ClientRequest::InitializeRequest(_) | ClientRequest::PingRequest(_) => request.method(),
        ClientRequest::CustomRequest(custom) => &*custom.method,
        _ => return None,
    };
    let is_removed = match method {
        InitializeResultMethod::VALUE => !has_initialize(request),
        // Of a version that nobody knows rmcp says so.
        PingRequestMethod::VALUE => {
            let version = meta_of(request).protocol_version();
            !has_initialize(request)
                && version.is_some_and(|it| ProtocolVersion::KNOWN_VERSIONS.contains(&it))
        }
        _ => false,
    };
    is_removed.then_some(method)
}

/// Whether a request speaks a protocol that begins with `initialize`, as all do that name none.
fn has_initialize(request: &ClientRequest) -> bool {
    meta_of(request).protocol_version().is_none_or(|version| version.has_initialize())
}

/// What is wrong with a request of ours that rmcp took for a method it does not know.
fn malformed(request: &ClientRequest) -> Option<(&str, serde_json::Error)> {
    // As a whole request, for which rmcp has the code anyway.
    fn check<M: DeserializeOwned, P: DeserializeOwned>(
        request: &CustomRequest,
    ) -> Option<serde_json::Error> {
        let CustomRequest { method, params, .. } = request;
        let request = json!({"method": method, "params": params.clone().unwrap_or_default()});
        serde_json::from_value::<Request<M, P>>(request).err()
    }
    let ClientRequest::CustomRequest(custom) = request else {
        return None;
    };
    let problem = match custom.method.as_str() {
        CallToolRequestMethod::VALUE => {
            check::<CallToolRequestMethod, CallToolRequestParams>(custom)
        }
        GetTaskMethod::VALUE => check::<GetTaskMethod, GetTaskParams>(custom),
        UpdateTaskMethod::VALUE => check::<UpdateTaskMethod, UpdateTaskParams>(custom),
        CancelTaskMethod::VALUE => check::<CancelTaskMethod, CancelTaskParams>(custom),
        InitializeResultMethod::VALUE => {
            check::<InitializeResultMethod, InitializeRequestParams>(custom)
        }
        _ => None,
    };
    problem.map(|problem| (custom.method.as_str(), problem))
}

/// Cuts a version of the protocol that is longer than any, as rmcp's refusal repeats it.
pub(super) fn cut_version(request: &mut ClientRequest) {
    const KEY: &str = RequestMetaObject::DRAFT_REQUIRED_KEYS[0];
    let Some(version) = named_version(request).filter(|it| is_longer_than_any(it)) else { return };
    if let Cow::Owned(cut) = shown(version) {
        Declared::hand_over(request);
        request.get_meta_mut().insert(KEY.to_owned(), cut.into());
    }
}

/// Whether a version of the protocol is longer than any. All that there are have ten characters.
pub(super) fn is_longer_than_any(version: &str) -> bool {
    version.len() > 10
}

/// What the transport knows of a request to hear about tasks; it is among the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) task_ids: Vec<String>,
    /// Whether it is about the list of tools, too.
    pub(crate) tools: bool,
    pub(crate) outbox: Outbox,
}

/// Hands over what rmcp does not read of a request to hear about tasks.
pub(super) fn subscribe(message: &mut ClientJsonRpcMessage, line: &[u8], outbox: &Outbox) {
    if let JsonRpcMessage::Request(request) = message
        && let ClientRequest::SubscriptionsListenRequest(listen) = &mut request.request
        && let Some(task_ids) = subscribed_tasks(line)
    {
        let tools = listen.params.notifications.tools_list_changed == Some(true);
        listen.extensions.insert(Subscription { task_ids, tools, outbox: outbox.clone() });
    }
}

/// The tasks that a `subscriptions/listen` asks about, if it asks about tasks.
fn subscribed_tasks(line: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Listen {
        params: Params,
    }
    #[derive(Deserialize)]
    struct Params {
        notifications: Filter,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Filter {
        task_ids: Vec<String>,
    }
    let listen: Listen = serde_json::from_slice(line).ok()?;
    Some(listen.params.notifications.task_ids)
}

/// What a call says of the task that it asks for, as MCP 2025-11-25 has it; it is among the request's extensions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TaskParams(pub(crate) Value);

/// Among the extensions of `initialize`: what follows brings the [`TaskParams`] of calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ReadsTaskParams;

/// Hands over what rmcp does not read of a call that asks for a task, and that it would be handed over.
pub(super) fn keep_task_params(message: &mut ClientJsonRpcMessage, line: &[u8]) {
    let JsonRpcMessage::Request(request) = message else { return };
    match &mut request.request {
        ClientRequest::InitializeRequest(initialize) => {
            initialize.extensions.insert(ReadsTaskParams);
        }
        ClientRequest::CallToolRequest(call) => {
            if let Some(params) = task_params(line) {
                call.extensions.insert(params);
            }
        }
        _ => {}
    }
}

fn task_params(line: &[u8]) -> Option<TaskParams> {
    #[derive(Deserialize)]
    struct Call {
        params: Params,
    }
    #[derive(Deserialize)]
    struct Params {
        task: Option<Value>,
    }
    let call: Call = serde_json::from_slice(line).ok()?;
    call.params.task.map(TaskParams)
}

/// The answer to `initialize` that declares tasks of MCP 2025-11-25, too.
pub(super) fn declaring_tasks(greeting: &InitializeResult) -> ServerResult {
    let mut written = serde_json::to_value(greeting).unwrap_or_default();
    written["capabilities"]["tasks"] =
        json!({"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}});
    ServerResult::CustomResult(CustomResult::new(written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_cancelled_ids_are_remembered_whatever_their_length() {
        const TEN_THOUSAND: usize = 10_000;
        let id = |number: usize| RequestId::String(format!("{number}{}", "x".repeat(99)).into());
        let mut cancelled = CancelledIds::default();
        for number in 0..=TEN_THOUSAND {
            cancelled.add(&id(number));
            cancelled.add(&id(number));
        }
        assert!(!cancelled.contains(&id(0)), "the oldest of more");
        assert!((1..=TEN_THOUSAND).all(|number| cancelled.contains(&id(number))));
        assert_eq!((cancelled.in_order.len(), cancelled.known.len()), (TEN_THOUSAND, TEN_THOUSAND));
    }
}
