//! The calls that are yet to be answered, and their gates.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

use rmcp::model::{
    CallToolRequest, CallToolRequestMethod, CallToolRequestParams, CancelTaskMethod,
    CancelTaskParams, ClientJsonRpcMessage, ClientNotification, ClientRequest, ConstString as _,
    CustomRequest, ErrorCode, ErrorData, GetExtensions as _, GetMeta as _, GetTaskMethod,
    GetTaskParams, InitializeRequestParams, InitializeResultMethod, JsonRpcMessage,
    ProtocolVersion, Request, RequestId, RequestMetaObject, ServerJsonRpcMessage, UpdateTaskMethod,
    UpdateTaskParams,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Versions;
use crate::names::Dialect;
use crate::outbox::{Gate, Outbox};
use crate::words::{in_short, shown};

/// One connection's unanswered requests.
#[derive(Debug)]
pub(crate) struct Gates {
    outbox: Outbox,
    /// The ids of requests that were cancelled: rmcp would take the late answer of such a handler for that of
    /// the next request of its id.
    cancelled: CancelledIds,
    /// The versions of the protocol that a connection may begin with.
    versions: Versions,
    /// By the id of the request; a call of a tool has a gate.
    unanswered: HashMap<RequestId, Option<Gate>>,
    /// Whether the connection has begun: before, rmcp takes anything but a request for a reason to end.
    begun: bool,
    /// Whether an MCPC handshake was read. Known here, as the call right behind it may be handled first.
    handshake: bool,
}

impl Gates {
    pub(super) fn new(outbox: Outbox, versions: Versions) -> Self {
        let (unanswered, cancelled) = (HashMap::new(), CancelledIds::default());
        Self { outbox, cancelled, versions, unanswered, begun: false, handshake: false }
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Whether no request is yet to be answered.
    pub(super) fn all_answered(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// Looks at a message that was just read: gives a call its gate, and drops the gate of a call that
    /// is cancelled. `None` if the message was answered here, or is to be ignored.
    pub(super) fn read(
        &mut self,
        mut message: ClientJsonRpcMessage,
    ) -> Option<ClientJsonRpcMessage> {
        match &mut message {
            JsonRpcMessage::Request(request) => {
                if let Err(error) = self.enter(&request.id, &mut request.request) {
                    self.outbox
                        .push_message(JsonRpcMessage::error(error, Some(request.id.clone())));
                    return None;
                }
                self.begun = self.begun || begins(&request.request, &self.versions);
            }
            _ if !self.begun => return None,
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) =
                    &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                    && let Some(gate) = self.unanswered.remove(id)
                {
                    self.cancelled.add(id.clone());
                    if let Some(gate) = gate {
                        gate.cancel();
                    }
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
        Some(message)
    }

    /// Notes a request as unanswered and gives a call its gate, or refuses it.
    fn enter(&mut self, id: &RequestId, request: &mut ClientRequest) -> Result<(), ErrorData> {
        if is_initialize(request) && !has_initialize(request) {
            let problem =
                format!("MCP has no `initialize` as of {}", ProtocolVersion::NO_INITIALIZE);
            return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, problem, None));
        }
        if let Some((method, problem)) = malformed(request) {
            let problem = in_short(problem.to_string().into());
            let problem = format!("invalid parameters of `{method}`: {problem}");
            return Err(ErrorData::invalid_params(problem, None));
        }
        if self.cancelled.known.contains(id) {
            let id = id.to_string();
            let problem =
                format!("the request with the id {} was cancelled; ids are used once", shown(&id));
            return Err(ErrorData::invalid_request(problem, None));
        }
        cut_version(request);
        let Entry::Vacant(vacant) = self.unanswered.entry(id.clone()) else {
            let id = id.to_string();
            let problem = format!("a request with the id {} is still unanswered", shown(&id));
            return Err(ErrorData::invalid_request(problem, None));
        };
        let gate = match request {
            ClientRequest::CallToolRequest(call) => {
                self.handshake |= Dialect::of_handshake(&call.params.name).is_some();
                Some(with_gate(call, Gate::new(self.outbox.clone(), self.handshake)))
            }
            _ => None,
        };
        vacant.insert(gate);
        Ok(())
    }

    /// Pushes a message of the server's; a reply opens the gate of its call.
    pub(super) fn send(&mut self, message: ServerJsonRpcMessage) {
        let id = match &message {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        let gate = id.and_then(|id| self.unanswered.remove(id)).flatten();
        match gate {
            Some(gate) => {
                gate.open(message);
                // While others are to be answered, their replies had better leave together.
                match self.unanswered.is_empty() {
                    true => self.outbox.hurry(),
                    false => self.outbox.wake(),
                }
            }
            None => self.outbox.push_message(message),
        }
    }
}

fn with_gate(call: &mut CallToolRequest, gate: Gate) -> Gate {
    call.extensions_mut().insert(gate.clone());
    gate
}

/// The latest ids that were cancelled.
#[derive(Debug, Default)]
struct CancelledIds {
    known: HashSet<RequestId>,
    in_order: VecDeque<RequestId>,
}

impl CancelledIds {
    /// More than any handler lets pass before it hears of its cancellation.
    const MOST: usize = 10_000;

    fn add(&mut self, id: RequestId) {
        if self.in_order.len() == Self::MOST
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.known.insert(id.clone());
        self.in_order.push_back(id);
    }
}

/// Whether a connection begins with this request, as rmcp sees it: with `initialize`, or as of 2026-07-28 with
/// any request that brings what is required of one, but for the two that only ask.
fn begins(request: &ClientRequest, versions: &[ProtocolVersion]) -> bool {
    match request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        other => {
            let meta = other.get_meta();
            let version = meta.protocol_version();
            version.is_some_and(|version| versions.contains(&version))
                && meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
        }
    }
}

fn is_initialize(request: &ClientRequest) -> bool {
    match request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::CustomRequest(custom) => custom.method == InitializeResultMethod::VALUE,
        _ => false,
    }
}

/// Whether a request speaks a protocol that begins with `initialize`, as all do that name none.
fn has_initialize(request: &ClientRequest) -> bool {
    request.get_meta().protocol_version().is_none_or(|version| version.has_initialize())
}

/// Cuts a version of the protocol that is longer than any, as rmcp's refusal repeats it.
fn cut_version(request: &mut ClientRequest) {
    const KEY: &str = RequestMetaObject::DRAFT_REQUIRED_KEYS[0];
    let Some(Value::String(version)) = request.get_meta().get(KEY) else { return };
    if let Cow::Owned(cut) = shown(version) {
        request.get_meta_mut().insert(KEY.to_owned(), cut.into());
    }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rmcp::model::{CallToolResult, ServerResult};

    use super::*;
    use crate::names::CALLBACK_ID;
    use crate::outbox::{Form, Items, Pending, Room, TextCallback};

    const CALLBACKS: usize = 50;

    fn call(id: i64) -> ClientJsonRpcMessage {
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

    /// The gate that a call brings to its handler.
    fn gate(gates: &mut Gates, id: i64) -> Gate {
        let Some(JsonRpcMessage::Request(request)) = gates.read(call(id)) else {
            panic!("a call is let through")
        };
        request.request.extensions().get::<Gate>().expect("a call has a gate").clone()
    }

    /// Replies come late, in any order or, for every third call, not at all, while a thread per task
    /// sends and sends.
    #[tokio::test]
    async fn however_late_the_reply_is_it_comes_first() {
        let outbox = Outbox::new(Form::Lines, 1 << 20);
        let mut gates = Gates::new(outbox.clone(), Cow::Borrowed(ProtocolVersion::KNOWN_VERSIONS));
        gates.begun = true;
        for round in 0..10 {
            let ids: Vec<i64> = (round * 10..round * 10 + 10).collect();
            let threads: Vec<_> = ids
                .iter()
                .map(|&id| (id, gate(&mut gates, id)))
                .map(|(id, gate)| {
                    std::thread::spawn(move || {
                        for i in 0..CALLBACKS {
                            gate.push(&TextCallback(format!("[{id},{i}]")), Room::NONE);
                            std::thread::yield_now();
                        }
                    })
                })
                .collect();
            for &id in ids.iter().rev() {
                std::thread::sleep(Duration::from_micros(50 * (id as u64 % 7)));
                match id % 3 {
                    0 => drop(gates.read(cancellation(id))),
                    _ => gates.send(reply(id)),
                }
            }
            for thread in threads {
                thread.join().expect("no panic");
            }
        }
        assert!(gates.all_answered());

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
