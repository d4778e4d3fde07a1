//! Reads messages out of lines, and says what is wrong with a line that is none.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use rmcp::model::{
    CallToolRequestMethod, CallToolRequestParams, ClientJsonRpcMessage, ClientRequest,
    ConstString as _, GetExtensions as _, GetTaskMethod, GetTaskParams, JsonObject, JsonRpcMessage,
    JsonRpcRequest, JsonRpcVersion2_0, Request, RequestId,
};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::context::Declared;
use crate::message::Name;
use crate::numbers::LargeNumbers;
use crate::phrases::{in_short, shown};
use crate::transport::rmcp_quirks::{TaskParams, keep_task_params};

/// An answer to a line that is not a message.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) id: Value,
    pub(crate) code: i32,
    pub(crate) message: String,
}

impl Refusal {
    /// For a line of more than `longest` bytes.
    pub(super) fn too_long(id: Value, longest: usize) -> Self {
        let message = format!("a message must not be longer than {longest} bytes");
        Self { id, code: -32600, message }
    }

    pub(crate) fn to_line(&self) -> String {
        let Self { id, code, message } = self;
        let message = Value::from(message.as_str());
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}}}}}{}"#,
            '\n'
        )
    }
}

/// Reads a message out of a line, or says [how to answer it](decode_read).
#[cfg(any(feature = "http-sse", fuzzing))]
pub(crate) fn decode(line: &[u8]) -> Result<ClientJsonRpcMessage, Option<Refusal>> {
    let mut cut = String::new();
    decode_read(line, &mut ShortRequest::of(line, &mut cut))
}

/// Reads a message out of a line, which was read already unless it is unusual, or says how to answer the line. What asks for
/// no answer (a blank line, a notification or response that makes no sense) gets none.
pub(crate) fn decode_read(
    line: &[u8],
    read: &mut Option<ShortRequest<'_>>,
) -> Result<ClientJsonRpcMessage, Option<Refusal>> {
    if line.trim_ascii().is_empty() {
        return Err(None);
    }
    let line = content(line);
    let mut message = match read.as_mut().and_then(ShortRequest::take_message) {
        Some(request) => request,
        None => decode_slowly(line)?,
    };
    keep_large_numbers(&mut message, line);
    Ok(message)
}

/// A line without what may stand around it.
fn content(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

/// Has rmcp read a message, and adds what it does not read.
fn decode_slowly(line: &[u8]) -> Result<ClientJsonRpcMessage, Option<Refusal>> {
    let mut message = serde_json::from_slice(line).map_err(|problem| refuse(line, &problem))?;
    keep_task_params(&mut message, line);
    Ok(message)
}

/// Hands over those of a call's numbers that were read as floats, although they may be more than that.
fn keep_large_numbers(message: &mut ClientJsonRpcMessage, line: &[u8]) {
    if let JsonRpcMessage::Request(request) = message
        && let ClientRequest::CallToolRequest(call) = &mut request.request
        && let Some(arguments) = &call.params.arguments
        && let Some(numbers) = LargeNumbers::read(arguments, line)
    {
        call.extensions.insert(numbers);
    }
}

/// A request that was read in short, and is no message yet: with nothing but what calls of tools and questions about tasks
/// have, which are most of what a client ever sends.
///
/// rmcp reads any message into a tree of values, from which it then tries to read one kind of message after
/// the other, and formats an error for each that it is not: half of all instructions that a plain call takes,
/// and five times as many as these.
pub(crate) struct ShortRequest<'a> {
    id: RequestId,
    method: Cow<'a, str>,
    params: Params<'a>,
    declared: Option<Arc<Declared>>,
}

impl<'a> ShortRequest<'a> {
    /// `None` if a line has anything else, or looks in any way unusual. `cut` is room for the line without its `_meta`.
    pub(crate) fn of(line: &'a [u8], cut: &'a mut String) -> Option<Self> {
        let line = str::from_utf8(content(line)).ok()?;
        // What is longer would take longer to copy than to read.
        let known = (line.len() <= SHORT).then(|| Declared::find(line)).flatten();
        let Some((place, declared)) = known else { return Self::request_in(line, None) };
        // Not even looked at again. Its place is known by where it stands, whatever else the line has.
        cut.reserve(line.len());
        cut.extend([&line[..place.start], "0", &line[place.end..]]);
        let of_short = Self::request_in(cut, Some((place.start, declared)));
        of_short.or_else(|| Self::request_in(line, None))
    }

    /// The same, where the `_meta` at a place of the line is known.
    fn request_in(line: &'a str, known: Option<(usize, Arc<Declared>)>) -> Option<Self> {
        let Object(Line { jsonrpc: Version, id, method, params: Object(params) }) =
            serde_json::from_str(line).ok()?;
        let declared = match known {
            Some((place, declared)) => {
                let is_it =
                    |it: &RawValue| it.get() == "0" && it.get().as_ptr() == line[place..].as_ptr();
                let is_there = params.meta.is_some_and(is_it);
                is_there.then_some(Some(declared))?
            }
            None => params.meta.map(|it| Declared::read(it.get()).ok_or(())).transpose().ok()?,
        };
        let declared = declared.filter(|declared| !declared.meta().is_empty());
        Some(Self { id, method, params, declared })
    }

    /// The tool that it calls, if it is a call that says nothing about a task.
    pub(crate) fn called(&self) -> Option<&str> {
        let Params { name, task, task_id, .. } = &self.params;
        let is_call = self.method == CallToolRequestMethod::VALUE;
        name.as_ref().filter(|_| is_call && task.is_none() && task_id.is_none()).map(|it| &*it.0)
    }

    pub(crate) fn id(&self) -> &RequestId {
        &self.id
    }

    /// Whether it asks how a task is doing, and nothing else.
    pub(crate) fn gets_task(&self) -> bool {
        let Params { name, arguments, task, task_id, .. } = &self.params;
        let is_alone = name.is_none() && arguments.is_none() && task.is_none();
        self.method == GetTaskMethod::VALUE && is_alone && task_id.is_some()
    }

    /// The task that it asks about, if it does.
    #[cfg(feature = "http")]
    pub(crate) fn task_id(&self) -> Option<&str> {
        self.params.task_id.as_deref()
    }

    pub(in crate::transport) fn take_task_id(&mut self) -> String {
        self.params.task_id.take().unwrap_or_default()
    }

    /// The version of the protocol that it names.
    pub(crate) fn version(&self) -> Option<&str> {
        self.declared.as_ref()?.version()
    }

    /// What it says of its client, if anything.
    pub(in crate::transport) fn declared(&self) -> Option<&Arc<Declared>> {
        self.declared.as_ref()
    }

    /// The arguments of the call that it is.
    pub(crate) fn arguments(&self) -> &[Entry<'a>] {
        self.params.arguments.as_ref().map(|it| &*it.0).unwrap_or_default()
    }

    /// The same, taken out of it.
    pub(in crate::transport) fn take_arguments(&mut self) -> Vec<Entry<'a>> {
        self.params.arguments.take().map(|it| it.0).unwrap_or_default()
    }

    /// The message that it is, taken out of it; `None` if it is another request.
    fn take_message(&mut self) -> Option<ClientJsonRpcMessage> {
        let Self { id, method, params, declared } = self;
        let Params { meta: _, name, arguments, task, task_id } = params;
        let mut request = match (&**method, name.take(), task_id.take()) {
            (CallToolRequestMethod::VALUE, Some(Name(name)), None) => {
                let mut call = CallToolRequestParams::new(name.into_owned());
                call.arguments = arguments.take().map(Entries::into_object);
                let mut call = Request::new(call);
                if let Some(task) = task.take() {
                    call.extensions.insert(TaskParams(task));
                }
                ClientRequest::CallToolRequest(call)
            }
            (GetTaskMethod::VALUE, None, Some(task_id))
                if arguments.is_none() && task.is_none() =>
            {
                ClientRequest::GetTaskRequest(Request::new(GetTaskParams::new(task_id)))
            }
            _ => return None,
        };
        if let Some(declared) = declared.take() {
            request.extensions_mut().insert(declared);
        }
        let (jsonrpc, id) = (JsonRpcVersion2_0, id.clone());
        Some(JsonRpcMessage::Request(JsonRpcRequest { jsonrpc, id, request }))
    }
}

/// What is read of a line without rmcp, if that is a message.
#[cfg(any(test, fuzzing))]
pub(crate) fn decode_request(line: &[u8]) -> Option<ClientJsonRpcMessage> {
    ShortRequest::of(line, &mut String::new()).and_then(|mut read| read.take_message())
}

/// How long a line is of which a copy without its `_meta` is made.
const SHORT: usize = 16 << 10;

/// A line with a request. Other keys, as that of a response, are for rmcp to judge.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    jsonrpc: Version,
    id: RequestId,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Object<Params<'a>>,
}

/// What either of the two requests may bring.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params<'a> {
    #[serde(borrow, rename = "_meta")]
    meta: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<Name<'a>>,
    #[serde(borrow)]
    arguments: Option<Entries<'a>>,
    task: Option<Value>,
    #[serde(rename = "taskId")]
    task_id: Option<String>,
}

/// The entries of an object, as they stand there; one name may stand there twice. Most calls have a few, which are found
/// sooner than hashed.
struct Entries<'a>(Vec<Entry<'a>>);

/// A name in an object, and what stands there.
pub(crate) type Entry<'a> = (Cow<'a, str>, Value);

impl Entries<'_> {
    fn into_object(self) -> JsonObject {
        self.0.into_iter().map(|(name, value)| (name.into_owned(), value)).collect()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Vec<Entry<'de>>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    entries.push((name, value));
                }
                Ok(entries)
            }
        }

        deserializer.deserialize_map(Each).map(Self)
    }
}

/// `"2.0"`.
struct Version;

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match <&str>::deserialize(deserializer)? {
            "2.0" => Ok(Self),
            _ => Err(D::Error::custom("another version")),
        }
    }
}

/// What is written as an object; serde would also take a list of the values.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

#[cold]
fn refuse(line: &[u8], problem: &serde_json::Error) -> Option<Refusal> {
    let value: Value = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(error) => {
            let (code, message) = match too_large_number(line, &error) {
                Some(number) => (-32600, format!("the number {} is too large", shown(number))),
                None => (-32700, format!("this line is not JSON: {error}")),
            };
            return Some(Refusal { id: legible_id(line), code, message });
        }
    };
    let method = value.get("method");
    let id = match value.get("id") {
        Some(id) if is_id(id) => id.clone(),
        // Without an id, what has a method is a notification and is not to be answered.
        None if method.is_some() => return None,
        None | Some(_) => Value::Null,
    };
    if method.is_none() && (value.get("result").is_some() || value.get("error").is_some()) {
        return None;
    }
    let (code, message) = match method {
        _ if !value.is_object() => (-32600, "this is not a JSON-RPC 2.0 request".to_owned()),
        _ if value["jsonrpc"] != "2.0" => (-32600, "`jsonrpc` must be \"2.0\"".to_owned()),
        _ if id.is_null() => (-32600, "`id` must be a string or an integer of 64 bits".to_owned()),
        Some(Value::String(method)) if value.get("params").is_some_and(|it| !it.is_object()) => {
            (-32602, format!("the parameters of `{}` must be an object", shown(method)))
        }
        Some(Value::String(method)) => {
            let problem = in_short(problem.to_string().into());
            (-32602, format!("invalid parameters of `{}`: {problem}", shown(method)))
        }
        Some(_) | None => (-32600, "`method` must be a string".to_owned()),
    };
    Some(Refusal { id, code, message })
}

/// The number that is the reason why a line cannot be read, although it is JSON: no float is that large.
fn too_large_number<'a>(line: &'a [u8], error: &serde_json::Error) -> Option<&'a str> {
    if !error.to_string().starts_with("number out of range") {
        return None;
    }
    let is_in_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    // The column is that of one of its characters, or the one after them.
    let (before, after) = line.split_at_checked(error.column().saturating_sub(1))?;
    let start = before.iter().rposition(|byte| !is_in_number(byte)).map_or(0, |at| at + 1);
    let length = after.iter().position(|byte| !is_in_number(byte)).unwrap_or(after.len());
    str::from_utf8(&line[start..before.len() + length]).ok().filter(|number| !number.is_empty())
}

fn is_id(value: &Value) -> bool {
    value.is_string() || value.is_i64()
}

/// The id of a message that cannot be read as a whole: it is nested too deep, has text that is not Unicode,
/// or is only the start of one. `null` if it stands behind whatever the trouble is.
pub(super) fn legible_id(start: &[u8]) -> Value {
    struct Top<'a>(&'a mut Value);

    impl<'de> Visitor<'de> for Top<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            let mut id = Value::Null;
            while let Some(key) = map.next_key::<String>()? {
                // A number is whole if something stands behind it.
                *self.0 = id.clone();
                if key == "id" {
                    id = map.next_value()?;
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            *self.0 = id;
            Ok(())
        }
    }

    let mut id = Value::Null;
    let mut deserializer = serde_json::Deserializer::from_slice(start);
    // Whether the rest is JSON, is not what is asked.
    let _ = deserializer.deserialize_map(Top(&mut id));
    if is_id(&id) { id } else { Value::Null }
}

/// The id of a message of which only the end is known; `null` if it is not the last thing there.
pub(super) fn last_id(end: &[u8]) -> Value {
    // Inside of a string, a quote has a backslash before it: this can only be a key, and with one brace
    // behind its value only one of the outermost object.
    const KEY: &[u8] = br#","id":"#;
    let Some(end) = end.trim_ascii_end().strip_suffix(b"}") else {
        return Value::Null;
    };
    match memchr::memmem::rfind(end, KEY) {
        Some(at) => match serde_json::from_slice(&end[at + KEY.len()..]) {
            Ok(id) if is_id(&id) => id,
            Ok(_) | Err(_) => Value::Null,
        },
        None => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::GetExtensions as _;
    use serde_json::json;

    use super::*;

    fn task(message: &ClientJsonRpcMessage) -> Option<&TaskParams> {
        let JsonRpcMessage::Request(request) = message else { return None };
        request.request.extensions().get()
    }

    /// As it is written, but for metadata that says nothing.
    fn written(message: &ClientJsonRpcMessage) -> Value {
        let mut written = serde_json::to_value(message).expect("JSON");
        if let Some(params) = written["params"].as_object_mut() {
            params.retain(|key, value| key != "_meta" || *value != json!({}));
        }
        written
    }

    /// What a line may have of metadata, in an order in which what is known of one stands in the next.
    const METAS: [&str; 15] = [
        "",
        r#","_meta":null"#,
        r#","_meta":{}"#,
        r#","_meta":{"progressToken":1,"a/b":[1.0,1e300,"\u00e9"]}"#,
        r#","_meta":{"progressToken":1e400}"#,
        r#","_meta":7"#,
        r#","_meta":{},"_meta":{}"#,
        r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
        r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
        r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"_meta":0"#,
        r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}.5"#,
        r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}e5"#,
        r#","_meta" : {"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
        r#","_meta":null"#,
        "",
    ];

    /// Whatever is read on the short way is what is made of what rmcp reads.
    #[test]
    fn both_ways_read_the_same() {
        let calls = [
            r#""name":"add""#,
            r#""name":"\u0061dd","arguments":null"#,
            r#""name":"add","arguments":{"b":18446744073709551616,"a":[-0.0,1.50,{"":null}]}"#,
            r#""name":"add","arguments":{"a":1,"a":2},"unknown":{"deep":[[]]}"#,
            r#""name":"add","arguments":[1]"#,
            r#""name":"add","requestState":"s","inputResponses":{}"#,
            r#""name":1"#,
            r#""arguments":{}"#,
            r#""name":"add","task":{"ttl":6e4,"more":[]}"#,
            r#""\u0074ask":1,"name":"add","arguments":{"task":2}"#,
            r#""name":"add","task":{},"task":null"#,
            r#""taskId":"t","name":"add""#,
            r#""name":"add","arguments":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#,
            r#""taskId":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#,
            r#""taskId":"\"t""#,
        ];
        let starts = [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"#,
            r#" {"method":"tools\/call","id":"a","jsonrpc":"2.0","params":"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":"#,
            r#"{"jsonrpc":"2.0","id":1.0,"method":"tasks/get","params":"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/call","params":"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"tools/call","params":"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"method":"tools/call","params":"#,
            r#"{"jsonrpc":"2.0","id":1,"more":{},"method":"tools/call","params":"#,
            r#"{"jsonrpc":"2.0","method":"tools/call","params":"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":"#,
        ];
        let mut short = 0;
        for start in starts {
            for call in calls {
                for meta in METAS {
                    for params in [format!("{{{call}{meta}}}"), format!("[{meta:?}]")] {
                        let line = format!("{start}{params}}}");
                        let Some(mut read) = decode_request(line.as_bytes()) else { continue };
                        let JsonRpcMessage::Request(request) = &mut read else { unreachable!() };
                        Declared::hand_over(&mut request.request);
                        let same = decode_slowly(line.trim().as_bytes()).expect(&line);
                        assert_eq!(format!("{read:?}"), format!("{same:?}"), "{line}");
                        assert_eq!(task(&read), task(&same), "{line}");
                        // Their Debug says that there are some, not which.
                        assert_eq!(written(&read), written(&same), "{line}");
                        short += 1;
                    }
                }
            }
        }
        assert!(short > 20, "{short}");
    }

    #[test]
    fn the_id_of_the_start_of_a_message() {
        for (start, id) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"too lo"#, json!(1)),
            (r#"{"id":"a\"b","params":{"id":2"#, json!("a\"b")),
            (r#"{"params":{"id":2},"jso"#, json!(null)),
            (r#"{"id":{"no":"id"},"#, json!(null)),
            (r#"{"id":12"#, json!(null)),
            (r#"["id",1"#, json!(null)),
            ("", json!(null)),
        ] {
            assert_eq!(legible_id(start.as_bytes()), id, "{start}");
        }
    }

    #[test]
    fn the_id_of_the_end_of_a_message() {
        for (end, id) in [
            (r#"o long","jsonrpc":"2.0","id":7}"#, json!(7)),
            (r#"o long","id":"a\"b, }" } "#, json!("a\"b, }")),
            (r#"o long","id":"a\"b, }"}"#, json!("a\"b, }")),
            (r#"o long","params":{"a":1,"id":7}}"#, json!(null)),
            (r#"o long,\"id\":7"}"#, json!(null)),
            (r#"o long","id":[7]}"#, json!(null)),
            ("", json!(null)),
        ] {
            assert_eq!(last_id(end.as_bytes()), id, "{end}");
        }
    }
}
