//! The wire model: task messages, server events and protocol information.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names::{CALLBACK_ID, Dialect, PROTOCOL};

/// What became of a task, as MCPC names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskEvent {
    /// The task was accepted; always the first message of a task.
    Created,
    /// The body sent something.
    Update,
    /// The body returned a result; the last message of its task.
    Complete,
    /// The body failed, panicked or was stopped; the last message of its task.
    Failed,
}

impl TaskEvent {
    /// The event as the wire spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Update => "update",
            Self::Complete => "complete",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing follows this event.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Created | Self::Update => false,
            Self::Complete | Self::Failed => true,
        }
    }
}

/// The two types of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageType {
    /// A message about one task.
    Task,
    /// A message about a session, belonging to no task.
    ServerEvent,
}

/// One message of the MCPC protocol, as a client reads it.
///
/// Keys it does not know are ignored and keys that are missing read as `None`, as the protocol asks
/// of clients.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// Whether the message is about a task or about the session.
    #[serde(rename = "type")]
    pub message_type: MessageType,
    /// `created`, `update`, `complete` or `failed` for a task; any name for a server event.
    pub event: String,
    /// The session the message belongs to.
    pub session_id: String,
    /// The task; `None` in a server event.
    #[serde(default)]
    pub task_id: Option<String>,
    /// The tool the task runs; `None` in a server event.
    #[serde(default)]
    pub tool_name: Option<String>,
    /// What the message carries.
    #[serde(default)]
    pub result: Value,
    /// Always `mcpc`; what is not is no message of this protocol.
    protocol: String,
}

impl Message {
    /// Reads a message from the text of a reply or a callback; `None` if the text is something
    /// else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text).ok().filter(Self::is_valid)
    }

    fn is_valid(&self) -> bool {
        let addressed = match self.message_type {
            MessageType::Task => self.task_id.is_some() && self.tool_name.is_some(),
            MessageType::ServerEvent => true,
        };
        addressed && self.protocol == PROTOCOL
    }

    /// The task event, if this is a message about a task.
    #[must_use]
    pub fn task_event(&self) -> Option<TaskEvent> {
        match self.message_type {
            MessageType::Task => TaskEvent::deserialize(serde::de::value::StrDeserializer::<
                serde::de::value::Error,
            >::new(&self.event))
            .ok(),
            MessageType::ServerEvent => None,
        }
    }
}

/// What a server states about itself when a client greets it.
///
/// Serializes byte for byte as the reference's answer: the key `mcpc_direct_updates` exists up to
/// 0.2.4 only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProtocolInfo {
    /// Whether the server speaks MCPC.
    pub mcpc_enabled: bool,
    /// The version of the protocol that the server answers with.
    pub mcpc_version: String,
    /// The server's name.
    pub mcpc_provider: String,
    /// Whether updates come without being asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcpc_direct_updates: Option<bool>,
}

impl ProtocolInfo {
    /// The answer to the handshake of `dialect` by the server called `provider`.
    #[must_use]
    pub fn new(dialect: Dialect, provider: &str) -> Self {
        Self {
            mcpc_enabled: true,
            mcpc_version: dialect.version().to_owned(),
            mcpc_provider: provider.to_owned(),
            mcpc_direct_updates: match dialect {
                Dialect::V0_2_1 | Dialect::V0_2_3 => Some(true),
                Dialect::V0_2_6 => None,
            },
        }
    }
}

/// A value as compact JSON text, serialized once for everything that sends it or keeps it.
///
/// Text keeps what a tree of values would lose: `20.0` stays `20.0` and integers of any size are
/// exact. A NaN or an infinity is `null`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
#[doc(hidden)]
pub struct Json(String);

impl Json {
    pub(crate) fn new(value: &(impl Serialize + ?Sized)) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(in_one_line).map(Self::written)
    }

    /// Whether it is nested deeper than a client may read, as most JSON readers give up at some depth;
    /// `serde_json`, and with it rmcp, at 128. What it is part of adds some levels.
    pub(crate) fn is_too_deep(&self) -> bool {
        depth(&self.0) > DEEPEST
    }

    /// What was written as JSON before.
    #[must_use]
    pub fn written(json: String) -> Self {
        Self(json)
    }

    pub(crate) fn null() -> Self {
        Self("null".into())
    }

    /// A text as JSON.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self(Value::from(text).to_string())
    }

    /// The JSON, in one line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How many levels of arrays and objects a value may have that is part of a message.
pub(crate) const DEEPEST: usize = 120;

/// How deep JSON is nested.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in outside_of_strings(json) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// JSON as one line: what a user wrote by hand (`RawValue`) may have line breaks between its tokens.
fn in_one_line(json: String) -> String {
    if memchr::memchr2(b'\n', b'\r', json.as_bytes()).is_none() {
        return json;
    }
    // There is none within a string, where JSON has escapes for them.
    json.replace(['\n', '\r'], " ")
}

/// The bytes of JSON that are not within a string.
fn outside_of_strings(json: &str) -> impl Iterator<Item = u8> {
    let (mut is_inside, mut is_escaped) = (false, false);
    json.bytes().filter(move |&byte| {
        let was_inside = is_inside;
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_inside => is_escaped = true,
            b'"' => is_inside = !is_inside,
            _ => {}
        }
        !was_inside && !is_inside
    })
}

/// What `Sender::progress` sends: how far a task is.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct ProgressUpdate<'a> {
    pub(crate) status: &'a str,
    /// In percent, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<f64>,
}

/// What a message about a task carries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Payload<'a> {
    Json(&'a Json),
    /// Written as JSON where it is sent, right into the line.
    Progress(ProgressUpdate<'a>),
}

impl Payload<'_> {
    pub(crate) fn to_json(self) -> Json {
        match self {
            Self::Json(json) => json.clone(),
            Self::Progress(update) => Json::new(&update).expect("a text and a number are JSON"),
        }
    }

    /// How many bytes it has as JSON.
    fn len(self) -> usize {
        match self {
            Self::Json(json) => json.as_str().len(),
            Self::Progress(update) => {
                let mut length = Length(0);
                serde_json::to_writer(&mut length, &update).expect("a length takes anything");
                length.0
            }
        }
    }

    /// Appends it as the inside of a JSON string.
    fn push_escaped(self, line: &mut Vec<u8>) {
        match self {
            Self::Json(json) => push_escaped(line, json.as_str()),
            Self::Progress(update) => {
                serde_json::to_writer(Escaped(line), &update).expect("a line takes any text");
            }
        }
    }
}

/// Counts what is written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Escapes what is written.
struct Escaped<'a>(&'a mut Vec<u8>);

impl io::Write for Escaped<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        push_escaped_bytes(self.0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

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
    let string = |text: &str| Json::text(text).0;
    let null = || "null".to_owned();
    let (task_id, tool_name) = match task {
        Some((task_id, tool_name)) => (string(task_id), string(tool_name)),
        None => (null(), null()),
    };
    let (event, session_id, result) = (string(event), string(session_id), result.as_str());
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
    push_escaped(line, text);
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
        push_escaped(&mut addressee, &whole[start..end]);
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

    /// About how many bytes the line that carries `result` has: exact but for the escapes in it.
    pub(crate) fn len(&self, result: Payload<'_>) -> usize {
        self.length(result.len())
    }

    fn length(&self, result: usize) -> usize {
        const FIXED: usize = LINE_START.len() + LINE_END.len() + 64;
        FIXED + self.addressee.len() + result
    }
}

/// Appends `text` as the inside of a JSON string, leaving non-ASCII as it is.
fn push_escaped(line: &mut Vec<u8>, text: &str) {
    push_escaped_bytes(line, text.as_bytes());
}

fn push_escaped_bytes(line: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = first_to_escape(rest) {
        line.extend_from_slice(&rest[..at]);
        push_escape(line, rest[at]);
        rest = &rest[at + 1..];
    }
    line.extend_from_slice(rest);
}

/// Where the first byte is that a JSON string has an escape for.
///
/// Looked for in eight bytes at once: byte by byte, an update took a fifth more instructions.
fn first_to_escape(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    // The lowest byte that is flagged is below `than`, as each takes from those above it only.
    let below = |word: u64, than: u8| word.wrapping_sub(ONES * u64::from(than)) & !word;
    let equal = |word: u64, to: u8| below(word ^ (ONES * u64::from(to)), 1);
    let (words, rest) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = below(word, 0x20) | equal(word, b'"') | equal(word, b'\\');
        let found = found & (ONES << 7);
        if found != 0 {
            return Some(8 * i + found.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|byte| matches!(byte, 0..=0x1f | b'"' | b'\\'))?;
    Some(8 * words.len() + at)
}

fn push_escape(line: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            line.extend_from_slice(b"\\u00");
            line.push(DIGITS[usize::from(byte >> 4)]);
            line.push(DIGITS[usize::from(byte & 0xf)]);
            return;
        }
    };
    line.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;

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
                let line = TaskLine::new(ADDRESS);
                line.push(&mut prepared, event, Payload::Json(&result));
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
    fn any_character_is_escaped_wherever_it_is() {
        for first in "\0\u{1f} \u{7f}\u{80}\"\\é🦀".chars() {
            for second in (0..0x100).filter_map(char::from_u32) {
                for (before, between) in (0..17).flat_map(|i| (0..9).map(move |j| (i, j))) {
                    let (before, between) = (" ".repeat(before), "a".repeat(between));
                    let text = format!("{before}{first}{between}{second}");
                    let mut escaped = vec![b'"'];
                    push_escaped(&mut escaped, &text);
                    escaped.push(b'"');
                    let plain = serde_json::to_string(&text).expect("a string");
                    assert_eq!(String::from_utf8(escaped).expect("UTF-8"), plain);
                }
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

    #[test]
    fn depth_is_counted_outside_of_strings() {
        for (json, levels) in [
            ("1", 0),
            (r#""[[""#, 0),
            (r#"{"a":[]}"#, 2),
            (r#"["\"[","[[",[[]]]"#, 3),
            (r#"[[],{"\\":{}},[]]"#, 3),
        ] {
            assert_eq!(depth(json), levels, "{json}");
        }
    }

    #[test]
    fn numbers_keep_their_form() {
        let json = |value: &dyn Fn() -> Result<Json, serde_json::Error>| {
            value().expect("serializes").as_str().to_owned()
        };
        assert_eq!(json(&|| Json::new(&20.0)), "20.0");
        assert_eq!(json(&|| Json::new(&u128::MAX)), u128::MAX.to_string());
        assert_eq!(json(&|| Json::new(&f64::NAN)), "null");
        assert_eq!(json(&|| Json::new(&f64::INFINITY)), "null");
    }
}
