//! The calls that are yet to be answered, and their gates.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use rmcp::model::{
    CallToolRequest, CancelTaskRequest, ClientJsonRpcMessage, ClientNotification, ClientRequest,
    ErrorData, GetExtensions as _, InitializeResult, JsonRpcMessage, NotificationMetaObject,
    RequestId, ServerJsonRpcMessage, ServerNotification, ServerResult, SubscriptionFilter,
    SubscriptionsAcknowledgedNotification,
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Versions;
use super::lines::ShortRequest;
use super::rmcp_quirks::{self, CancelledIds, ReadsTaskParams};
use crate::context::{is_modern, named_version};
use crate::names::Dialect;
use crate::outbox::{Gate, Outbox};
use crate::output::error_reply;
use crate::phrases::shown;
use crate::reply::Reply;

/// What is done about a request where it is read, so that nothing that is read after it overtakes it.
pub(crate) trait Intake: Send + Sync {
    /// Looks at a call of a tool; returns the tool's name, if there is such a tool.
    fn call(&self, call: &mut CallToolRequest) -> Option<Arc<str>>;

    /// Looks at a request to cancel a task.
    fn cancel_task(&self, request: &mut CancelTaskRequest);

    /// A session is greeted with this answer; returns whether it declares tasks of MCP 2025-11-25, too, which it may if
    /// what calls say of a task is read.
    fn greets(&self, greeting: &InitializeResult, reads_task_params: bool) -> bool;

    /// The session has begun that was greeted.
    fn session_begins(&self);

    /// Has the connection rest, if it has no need of rmcp's loop.
    #[cfg(feature = "http")]
    fn rest(&self) -> Rest;

    /// The connection is there, with this queue.
    fn connected(&self, outbox: &Outbox);

    /// A subscription is acknowledged by what `acknowledge` does: all that changes from there on is told, and told after it.
    fn listens(
        &self,
        id: &RequestId,
        accepted: &SubscriptionFilter,
        acknowledge: Box<dyn FnOnce() + '_>,
    );

    /// A subscription has ended.
    fn listens_no_more(&self, id: &RequestId);
}

/// Whether a connection has no need of rmcp's loop.
#[cfg(feature = "http")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    Rests,
    /// It may have none later.
    NotYet,
    /// It will always have.
    Never,
}

/// One connection's unanswered requests; a clone is another handle to them.
#[derive(Clone)]
pub(crate) struct Requests(Arc<Shared>);

struct Shared {
    outbox: Outbox,
    intake: Arc<dyn Intake>,
    /// The versions of the protocol that a connection may begin with.
    versions: Versions,
    table: Mutex<Table>,
    /// Notified when the last that was unanswered is answered.
    all_answered: Notify,
}

#[derive(Default)]
struct Table {
    cancelled: CancelledIds,
    /// A client chooses the ids, and only its own connection has them.
    unanswered: HashMap<RequestId, Unanswered, RandomState>,
    /// How many answers are just being pushed.
    answering: usize,
    /// Whether the connection has begun, as rmcp sees it.
    begun: bool,
    /// Whether an MCPC handshake was read. Known here, as the call right after it may be handled first.
    handshake: bool,
    /// Whether the client was sent a request: what such ones are called is known to the loop that has sent it.
    #[cfg(feature = "http")]
    has_asked: bool,
    /// Whether everything was answered that will be.
    closed: bool,
}

/// A request that is yet to be answered.
#[derive(Default)]
struct Unanswered {
    /// That of a call of a tool.
    gate: Option<Gate>,
    tool_name: Option<Arc<str>>,
    /// Whether it is a subscription.
    listens: bool,
    /// Whether it is to begin a session, and if so, whether what calls say of a task is read there.
    initializes: Option<bool>,
    /// Whether it speaks a protocol whose results say what they are.
    is_modern: bool,
    /// Tells what answers it without rmcp's loop that the client has cancelled it, or is gone.
    cancelled: Option<CancellationToken>,
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("unanswered", &self.unanswered()).finish_non_exhaustive()
    }
}

impl Requests {
    pub(super) fn new(outbox: Outbox, versions: Versions, intake: Arc<dyn Intake>) -> Self {
        let table = Mutex::default();
        intake.connected(&outbox);
        let all_answered = Notify::new();
        Self(Arc::new(Shared { outbox, intake, versions, table, all_answered }))
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests are yet to be answered.
    pub(super) fn unanswered(&self) -> usize {
        let table = self.table();
        table.unanswered.len() + table.answering
    }

    /// Looks at a message that was just read: gives a call its gate, and drops the gate of a call that
    /// is cancelled. `None` if the message was answered here, or is to be ignored.
    pub(super) fn read(&self, mut message: ClientJsonRpcMessage) -> Option<ClientJsonRpcMessage> {
        let mut table = self.table();
        match &mut message {
            JsonRpcMessage::Request(request) => {
                if let Err(error) = self.enter(&mut table, &request.id, &mut request.request) {
                    drop(table);
                    self.outbox().push_reply(request.id.clone(), Reply::new(Err(error), false));
                    return None;
                }
                table.begun =
                    table.begun || rmcp_quirks::begins(&request.request, &self.0.versions);
            }
            _ if !table.begun => return None,
            JsonRpcMessage::Notification(notification) => {
                self.hear(table, &notification.notification);
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
        Some(message)
    }

    /// What a notification changes where it is read.
    fn hear(&self, mut table: MutexGuard<'_, Table>, notification: &ClientNotification) {
        match notification {
            ClientNotification::CancelledNotification(cancelled) => {
                let id = cancelled.params.request_id.as_ref();
                if let Some(id) = id
                    && let Some(request) = table.unanswered.remove(id)
                {
                    table.cancelled.add(id);
                    drop(table);
                    if request.listens {
                        self.0.intake.listens_no_more(id);
                    }
                    if let Some(gate) = request.gate {
                        gate.cancel();
                    }
                    if let Some(token) = request.cancelled {
                        token.cancel();
                    }
                }
            }
            ClientNotification::InitializedNotification(_) => self.0.intake.session_begins(),
            _ => {}
        }
    }

    /// Notes a request as unanswered and gives a call its gate, or refuses it.
    fn enter(
        &self,
        table: &mut Table,
        id: &RequestId,
        request: &mut ClientRequest,
    ) -> Result<(), ErrorData> {
        if let Some(error) = rmcp_quirks::misread(request) {
            return Err(error);
        }
        if table.cancelled.contains(id) {
            let id = id.to_string();
            let problem =
                format!("the request with the id {} was cancelled; ids are used once", shown(&id));
            return Err(ErrorData::invalid_request(problem, None));
        }
        rmcp_quirks::cut_version(request);
        let Entry::Vacant(vacant) = table.unanswered.entry(id.clone()) else {
            let id = id.to_string();
            let problem = format!("a request with the id {} is still unanswered", shown(&id));
            return Err(ErrorData::invalid_request(problem, None));
        };
        let is_modern = is_modern(named_version(request));
        let mut unanswered = Unanswered { is_modern, ..Unanswered::default() };
        match request {
            ClientRequest::CallToolRequest(call) => {
                table.handshake |= Dialect::of_handshake(&call.params.name).is_some();
                let gate = Gate::new(self.outbox().clone(), id.clone(), table.handshake);
                call.extensions_mut().insert(gate.clone());
                unanswered.gate = Some(gate);
                unanswered.tool_name = self.0.intake.call(call);
            }
            ClientRequest::CancelTaskRequest(cancel) => self.0.intake.cancel_task(cancel),
            ClientRequest::SubscriptionsListenRequest(_) => unanswered.listens = true,
            ClientRequest::InitializeRequest(initialize) => {
                let reads = initialize.extensions.get::<ReadsTaskParams>();
                unanswered.initializes = Some(reads.is_some());
            }
            _ => {}
        }
        vacant.insert(unanswered);
        Ok(())
    }

    /// Notes a [simple](super::simple) request as unanswered, and opens the place of its answer; returns nothing, and does
    /// nothing, if anything about it is unusual. A call has the name of its tool, and what is told that it is cancelled.
    pub(super) fn enter_simple<T>(
        &self,
        request: &ShortRequest<'_>,
        call: Option<(&Arc<str>, &CancellationToken)>,
        open: impl FnOnce(&RequestId) -> Option<T>,
    ) -> Option<T> {
        let (id, version) = (request.id(), request.version());
        let begins = || request.declared().is_some_and(|it| it.begins(&self.0.versions));
        let mut table = self.table();
        let is_unusual = !(table.begun || begins())
            // A call after a handshake of MCPC says more than it has arguments.
            || (table.handshake && call.is_some())
            || table.cancelled.contains(id)
            || version.is_some_and(rmcp_quirks::is_longer_than_any);
        if is_unusual {
            return None;
        }
        let table = &mut *table;
        let Entry::Vacant(vacant) = table.unanswered.entry(id.clone()) else { return None };
        let place = open(id)?;
        table.begun = true;
        vacant.insert(Unanswered {
            tool_name: call.map(|(tool_name, _)| Arc::clone(tool_name)),
            is_modern: is_modern(version),
            cancelled: call.map(|(_, cancelled)| cancelled.clone()),
            ..Unanswered::default()
        });
        Some(place)
    }

    /// Notes whom to tell that a request is cancelled.
    pub(super) fn note_token(&self, id: &RequestId, token: CancellationToken) {
        match self.table().unanswered.get_mut(id) {
            Some(request) => request.cancelled = Some(token),
            // It was cancelled since it was read.
            None => token.cancel(),
        }
    }

    /// Whether somebody waits for the answer, if the message is a request: it may have been cancelled since it was read.
    #[cfg(feature = "http")]
    pub(super) fn is_wanted(&self, message: &ClientJsonRpcMessage) -> bool {
        match message {
            JsonRpcMessage::Request(request) => self.awaits(&request.id),
            _ => true,
        }
    }

    /// Whether somebody waits for the answer to a request.
    #[cfg(feature = "http")]
    pub(super) fn awaits(&self, id: &RequestId) -> bool {
        self.table().unanswered.contains_key(id)
    }

    /// Has the connection rest, if it has no need of rmcp's loop. Whatever is read meanwhile finds no way to the loop, and
    /// waits for the next.
    #[cfg(feature = "http")]
    pub(super) fn rest(&self) -> Rest {
        {
            let table = self.table();
            if table.has_asked {
                return Rest::Never;
            }
            if !table.unanswered.is_empty() || table.answering > 0 {
                return Rest::NotYet;
            }
        }
        self.0.intake.rest()
    }

    /// Answers a request, unless it was cancelled or answered without this; opens the gate of a call.
    pub(super) fn reply(&self, id: RequestId, reply: Reply) {
        let Some(answered) = ({
            let mut table = self.table();
            let answered = table.unanswered.remove(&id);
            table.answering += usize::from(answered.is_some());
            answered
        }) else {
            return;
        };
        match answered.gate {
            Some(gate) => gate.open_with(id, reply),
            None => self.outbox().push_reply(id, reply),
        }
        let is_last = {
            let mut table = self.table();
            table.answering -= 1;
            table.answering == 0 && table.unanswered.is_empty()
        };
        if is_last {
            self.0.all_answered.notify_waiters();
        }
    }

    /// Waits until every request is answered. What the loop answers makes it ask again. Cancel safe.
    pub(super) async fn all_answered(&self) {
        loop {
            let all_answered = self.0.all_answered.notified();
            if self.unanswered() == 0 {
                return;
            }
            all_answered.await;
        }
    }

    /// Tells what answers requests without rmcp's loop that nobody is there any more, as the loop tells its handlers.
    pub(super) fn give_up(&self) {
        let mut table = self.table();
        let tokens: Vec<_> =
            table.unanswered.values_mut().filter_map(|request| request.cancelled.take()).collect();
        drop(table);
        tokens.iter().for_each(CancellationToken::cancel);
    }

    /// Pushes a message of the server's; a reply opens the gate of its call.
    pub(super) fn send(&self, mut message: ServerJsonRpcMessage) {
        let id = match &message {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        if let JsonRpcMessage::Notification(notification) = &message
            && let ServerNotification::SubscriptionsAcknowledgedNotification(acknowledged) =
                &notification.notification
        {
            let acknowledged = acknowledged.clone();
            return self.acknowledge(&acknowledged, message);
        }
        let mut table = self.table();
        #[cfg(feature = "http")]
        if matches!(message, JsonRpcMessage::Request(_)) {
            table.has_asked = true;
        }
        let answered = id.and_then(|id| table.unanswered.remove(id));
        if id.is_some() && answered.is_none() && table.closed {
            // It was answered without its handler.
            return;
        }
        drop(table);
        if let (Some(id), Some(Unanswered { listens: true, .. })) = (id, &answered) {
            self.0.intake.listens_no_more(id);
        }
        if let Some(reads_task_params) = answered.as_ref().and_then(|request| request.initializes) {
            self.greet(&mut message, reads_task_params);
        }
        match answered.and_then(|request| request.gate) {
            Some(gate) => gate.open(message),
            None => self.outbox().push_message(message),
        }
    }

    /// Writes into the answer to `initialize` what rmcp has no field for.
    fn greet(&self, greeting: &mut ServerJsonRpcMessage, reads_task_params: bool) {
        if let JsonRpcMessage::Response(response) = greeting
            && let ServerResult::InitializeResult(greeting) = &response.result
            && self.0.intake.greets(greeting, reads_task_params)
        {
            response.result = rmcp_quirks::declaring_tasks(greeting);
        }
    }

    /// Pushes the acknowledgement of a subscription: what that is about is told from there on, unless it has ended.
    fn acknowledge(
        &self,
        acknowledged: &SubscriptionsAcknowledgedNotification,
        message: ServerJsonRpcMessage,
    ) {
        let meta = acknowledged.extensions.get::<NotificationMetaObject>();
        let meta = meta.or(acknowledged.params.meta.as_ref());
        let id = meta.and_then(NotificationMetaObject::subscription_id);
        // Held, so that its end is noted after this.
        let table = self.table();
        match id.filter(|id| table.unanswered.contains_key(id)) {
            Some(id) => {
                let push = || self.outbox().push_message(message);
                self.0.intake.listens(&id, &acknowledged.params.notifications, Box::new(push));
            }
            None => self.outbox().push_message(message),
        }
    }

    /// Answers whatever is yet unanswered: what should have done so is held up, and the connection ends.
    pub(super) fn answer_the_rest(&self) {
        let unanswered = {
            let mut table = self.table();
            table.closed = true;
            std::mem::take(&mut table.unanswered)
        };
        for (id, Unanswered { gate, tool_name, is_modern, cancelled, .. }) in unanswered {
            if let Some(token) = cancelled {
                token.cancel();
            }
            // Nothing of a task follows whose call is answered with an error.
            if let Some(gate) = gate {
                gate.cancel();
            }
            let outcome = match tool_name {
                Some(tool_name) => {
                    Ok(ServerResult::CallToolResult(error_reply(ended_before(&tool_name))))
                }
                None => {
                    let ended = "the server ended before it answered";
                    Err(ErrorData::internal_error(ended, None))
                }
            };
            self.outbox().push_reply(id, Reply::new(outcome, is_modern));
        }
    }
}

/// What the call of a tool is answered with that is not over when the server ends.
pub(crate) fn ended_before(tool_name: &str) -> String {
    format!("the server ended before `{tool_name}` did")
}

#[cfg(test)]
pub(super) mod tests {
    use std::borrow::Cow;
    use std::time::Duration;

    use rmcp::model::{CallToolResult, ProtocolVersion};
    use serde_json::{Value, json};

    use super::*;
    use crate::names::CALLBACK_ID;
    use crate::outbox::{Form, Items, Pending, Permit, Taken, TextCallback};

    const CALLBACKS: usize = 50;

    struct NoIntake;

    impl Intake for NoIntake {
        fn call(&self, _: &mut CallToolRequest) -> Option<Arc<str>> {
            None
        }

        fn cancel_task(&self, _: &mut CancelTaskRequest) {}

        fn greets(&self, _: &InitializeResult, _: bool) -> bool {
            false
        }

        fn session_begins(&self) {}

        #[cfg(feature = "http")]
        fn rest(&self) -> Rest {
            Rest::Never
        }

        fn connected(&self, _: &Outbox) {}

        fn listens(&self, _: &RequestId, _: &SubscriptionFilter, _: Box<dyn FnOnce() + '_>) {}

        fn listens_no_more(&self, _: &RequestId) {}
    }

    pub(in crate::transport) fn call(id: i64) -> ClientJsonRpcMessage {
        let params = json!({"name": "tool", "arguments": {}});
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
        serde_json::from_value(call).expect("a call")
    }

    fn cancellation(id: i64) -> ClientJsonRpcMessage {
        let method = "notifications/cancelled";
        let notification = json!({"jsonrpc": "2.0", "method": method, "params": {"requestId": id}});
        serde_json::from_value(notification).expect("a notification")
    }

    fn reply(id: i64) -> ServerJsonRpcMessage {
        let result = ServerResult::CallToolResult(CallToolResult::success(Vec::new()));
        JsonRpcMessage::response(result, RequestId::Number(id))
    }

    /// Those of a connection that has begun.
    pub(in crate::transport) fn requests(outbox: &Outbox) -> Requests {
        let versions = Cow::Borrowed(ProtocolVersion::KNOWN_VERSIONS);
        let requests = Requests::new(outbox.clone(), versions, Arc::new(NoIntake));
        requests.table().begun = true;
        requests
    }

    /// The gate that a call brings to its handler.
    fn gate(requests: &Requests, id: i64) -> Gate {
        let Some(JsonRpcMessage::Request(request)) = requests.read(call(id)) else {
            panic!("a call is let through")
        };
        request.request.extensions().get::<Gate>().expect("a call has a gate").clone()
    }

    #[tokio::test]
    async fn a_cancelled_call_stops_its_task_and_is_not_answered() {
        let outbox = Outbox::new(Form::Lines, 1 << 20);
        let requests = requests(&outbox);
        let gate = gate(&requests, 1);
        let (stop, stops) = std::sync::mpsc::channel();
        gate.on_cancel(move || stop.send("cancelled").expect("somebody listens"));
        assert!(requests.read(cancellation(2)).is_some(), "of another call");
        assert!(stops.try_recv().is_err());
        assert!(requests.read(cancellation(1)).is_some(), "its handler hears of it as well");
        assert_eq!(stops.try_recv(), Ok("cancelled"));
        assert_eq!(requests.unanswered(), 0);
        requests.answer_the_rest();
        assert_eq!(outbox.take_now(&mut Pending::new(Form::Lines)), Taken::Nothing);
    }

    #[tokio::test]
    async fn the_rest_is_answered_once() {
        let outbox = Outbox::new(Form::Lines, 1 << 20);
        let requests = requests(&outbox);
        let held = gate(&requests, 1);
        held.push(&TextCallback("said".to_owned()), Permit::NONE);
        gate(&requests, 2);
        requests.answer_the_rest();
        // Its handler answers, too, but too late.
        requests.send(reply(2));
        let mut pending = Pending::new(Form::Lines);
        assert!(outbox.take(&mut pending).await);
        let Items::Lines(lines) = &pending.items else { panic!("lines were asked for") };
        let lines = String::from_utf8(lines.clone()).expect("UTF-8");
        let lines: Vec<Value> =
            lines.lines().map(|it| serde_json::from_str(it).expect("JSON")).collect();
        let mut ids: Vec<i64> = lines.iter().filter_map(|line| line["id"].as_i64()).collect();
        ids.sort_unstable();
        assert_eq!((ids, lines.len()), (vec![1, 2], 2), "and nothing of a task: {lines:?}");
        for line in lines {
            assert_eq!(line["error"]["message"], "the server ended before it answered");
        }
    }

    /// Replies come late, in any order or, for every third call, not at all, while a thread per task
    /// sends and sends.
    #[tokio::test]
    async fn however_late_the_reply_is_it_comes_first() {
        let outbox = Outbox::new(Form::Lines, 1 << 20);
        let requests = requests(&outbox);
        for round in 0..10 {
            let ids: Vec<i64> = (round * 10..round * 10 + 10).collect();
            let threads: Vec<_> = ids
                .iter()
                .map(|&id| (id, gate(&requests, id)))
                .map(|(id, gate)| {
                    std::thread::spawn(move || {
                        for i in 0..CALLBACKS {
                            gate.push(&TextCallback(format!("[{id},{i}]")), Permit::NONE);
                            std::thread::yield_now();
                        }
                    })
                })
                .collect();
            for &id in ids.iter().rev() {
                std::thread::sleep(Duration::from_micros(50 * (id as u64 % 7)));
                match id % 3 {
                    0 => drop(requests.read(cancellation(id))),
                    _ => requests.send(reply(id)),
                }
            }
            for thread in threads {
                thread.join().expect("no panic");
            }
        }
        assert_eq!(requests.unanswered(), 0);

        let mut pending = Pending::new(Form::Lines);
        assert!(outbox.take(&mut pending).await);
        let Items::Lines(lines) = &pending.items else { panic!("lines were asked for") };
        let lines = String::from_utf8(lines.clone()).expect("UTF-8");
        let mut next: HashMap<i64, usize> = HashMap::new();
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).expect("one document a line");
            if line["id"] == CALLBACK_ID {
                let text = line["result"]["content"][0]["text"].as_str().expect("a text");
                let (id, i): (i64, usize) = serde_json::from_str(text).expect("one of ours");
                let next = next.get_mut(&id).expect("the reply was first");
                assert_eq!(i, *next);
                *next += 1;
            } else {
                next.insert(line["id"].as_i64().expect("an id"), 0);
            }
        }
        assert_eq!(next.len(), 66, "every call that was not cancelled is answered");
        assert!(next.values().all(|sent| *sent == CALLBACKS), "and its task loses nothing");
    }
}
