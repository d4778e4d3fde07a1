//! Messages as texts, and the lines that carry them.

use super::escape::push_escaped;
use super::{Json, Payload, TaskEvent};
use crate::names::{CALLBACK_ID, PROTOCOL};
use crate::phrases::json;

/// Who a task's messages are about; every one of them repeats it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address<'a> {
    pub(crate) session_id: &'a str,
    pub(crate) task_id: &'a str,
    pub(crate) tool_name: &'a str,
}

/// The `created` message, which travels as the text of the ordinary reply.
pub(crate) fn created(address: Address<'_>) -> String {
    let started = Json::text(&format!("Started {}", address.tool_name));
    task_message(address, TaskEvent::Created, &started)
}

/// One message about a task.
pub(crate) fn task_message(address: Address<'_>, event: TaskEvent, result: &Json) -> String {
    let Address { session_id, task_id, tool_name } = address;
    message("task", event.as_str(), session_id, Some((task_id, tool_name)), result)
}

/// One message about a session.
pub(crate) fn server_event(session_id: &str, event: &str, result: &Json) -> String {
    message("server_event", event, session_id, None, result)
}

/// The text of a reply or callback: a message with its keys in the protocol's order.
fn message(
    message_type: &str,
    event: &str,
    session_id: &str,
    task: Option<(&str, &str)>,
    result: &Json,
) -> String {
    let null = || "null".to_owned();
    let (task_id, tool_name) = match task {
        Some((task_id, tool_name)) => (json(task_id), json(tool_name)),
        None => (null(), null()),
    };
    let (event, session_id, result) = (json(event), json(session_id), result.as_str());
    format!(
        r#"{{"type":"{message_type}","event":{event},"session_id":{session_id},"task_id":{task_id},"tool_name":{tool_name},"result":{result},"protocol":"{PROTOCOL}"}}"#
    )
}

const LINE_START: &str =
    r#"{"jsonrpc":"2.0","id":"MCPC_CALLBACK","result":{"content":[{"type":"text","text":""#;
const LINE_END: &str = "\"}],\"isError\":false}}\n";

/// Appends the callback line that carries `text` (a message) to `line`.
pub(crate) fn push_callback_line(line: &mut Vec<u8>, text: &str) {
    debug_assert!(LINE_START.contains(CALLBACK_ID));
    line.reserve(LINE_START.len() + text.len() + text.len() / 8 + LINE_END.len());
    line.extend_from_slice(LINE_START.as_bytes());
    push_escaped(line, text.as_bytes());
    line.extend_from_slice(LINE_END.as_bytes());
}

/// The parts of a task's callback line that no update changes, escaped once per task.
///
/// An update then costs one pass over its own result, and no envelope of its own.
#[derive(Debug)]
pub(crate) struct TaskLine {
    /// From the end of the event's name to the start of the result.
    addressee: Box<[u8]>,
}

impl TaskLine {
    pub(crate) fn new(address: Address<'_>) -> Self {
        let null = Json::text("");
        let whole = task_message(address, TaskEvent::Created, &null);
        let start = r#"{"type":"task","event":"created"#.len();
        let end = whole.len() - r#""","protocol":"mcpc"}"#.len();
        let mut addressee = Vec::new();
        push_escaped(&mut addressee, &whole.as_bytes()[start..end]);
        Self { addressee: addressee.into() }
    }

    /// Appends the callback line of one message about this task to `line`.
    pub(crate) fn push(&self, line: &mut Vec<u8>, event: TaskEvent, result: Payload<'_>) {
        const MESSAGE_START: &str = r#"{\"type\":\"task\",\"event\":\""#;
        const MESSAGE_END: &str = r#",\"protocol\":\"mcpc\"}"#;
        let length = result.len();
        line.reserve(self.length(length) + length / 8);
        line.extend_from_slice(LINE_START.as_bytes());
        line.extend_from_slice(MESSAGE_START.as_bytes());
        line.extend_from_slice(event.as_str().as_bytes());
        line.extend_from_slice(&self.addressee);
        result.push_escaped(line);
        line.extend_from_slice(MESSAGE_END.as_bytes());
        line.extend_from_slice(LINE_END.as_bytes());
    }

    /// About how many bytes the line that carries `result` has: exact except for the escapes in it.
    pub(crate) fn len(&self, result: Payload<'_>) -> usize {
        self.length(result.len())
    }

    fn length(&self, result: usize) -> usize {
        const FIXED: usize = LINE_START.len() + LINE_END.len() + 64;
        FIXED + self.addressee.len() + result
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::message::ProgressUpdate;

    const ADDRESS: Address<'static> =
        Address { session_id: "s \"1\"", task_id: "t\n1", tool_name: "tool" };

    #[test]
    fn a_prepared_line_is_the_plain_line() {
        for text in ["", "å∑🦀\"\\\n", "\u{1}\u{8}\u{c}\r\t\u{1f}\u{7f}", &"x\"y".repeat(9999)]
        {
            for event in [TaskEvent::Update, TaskEvent::Complete, TaskEvent::Failed] {
                let result = Json::text(text);
                let mut plain = Vec::new();
                push_callback_line(&mut plain, &task_message(ADDRESS, event, &result));
                let mut prepared = Vec::new();
                TaskLine::new(ADDRESS).push(&mut prepared, event, Payload::Json(&result));
                assert_eq!(String::from_utf8(plain), String::from_utf8(prepared));
            }
            for progress in [None, Some(33.33), Some(20.0)] {
                let update = ProgressUpdate { status: text, progress };
                let result = Json::new(&update).expect("JSON");
                let mut plain = Vec::new();
                push_callback_line(&mut plain, &task_message(ADDRESS, TaskEvent::Update, &result));
                let (mut prepared, line) = (Vec::new(), TaskLine::new(ADDRESS));
                line.push(&mut prepared, TaskEvent::Update, Payload::Progress(update));
                assert_eq!(String::from_utf8(plain), String::from_utf8(prepared));
                assert_eq!(line.len(Payload::Progress(update)), line.len(Payload::Json(&result)));
            }
        }
    }

    #[test]
    fn a_line_carries_the_message_as_a_json_string() {
        let text = task_message(ADDRESS, TaskEvent::Update, &Json::text("\u{0}a\u{7f}é"));
        let mut line = Vec::new();
        push_callback_line(&mut line, &text);
        let value: Value = serde_json::from_slice(&line).expect("a line is one JSON document");
        assert_eq!(value["result"]["content"][0]["text"], Value::from(text));
        assert_eq!(value["id"], CALLBACK_ID);
    }
}
