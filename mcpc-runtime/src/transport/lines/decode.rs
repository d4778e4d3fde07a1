//! Reads messages out of lines, and says what is wrong with a line that is none.

use std::borrow::Cow;
use std::fmt;

use rmcp::model::{
    CallToolRequestMethod, CallToolRequestParams, ClientJsonRpcMessage, ClientRequest,
    ConstString as _, GetTaskMethod, GetTaskParams, JsonObject, JsonRpcMessage, JsonRpcRequest,
    JsonRpcVersion2_0, Request, RequestId, RequestMetaObject,
};
use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

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

/// Reads a message out of a line, or says how to answer the line. What asks for no answer (a blank
/// line, a notification or response that makes no sense) gets none.
pub(crate) fn decode(line: &[u8]) -> Result<ClientJsonRpcMessage, Option<Refusal>> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Err(None);
    }
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let mut message = match decode_request(line) {
        Some(request) => request,
        None => decode_slowly(line)?,
    };
    keep_large_numbers(&mut message, line);
    Ok(message)
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

/// Reads a call of a tool or a question about a task, which is most of what a client ever sends. `None` if it
/// is anything else, or looks in any way unusual.
///
/// rmcp reads any message into a tree of values, from which it then tries to read one kind of message after
/// the other, and formats an error for each that it is not: half of all instructions that a plain call takes,
/// and five times as many as these.
pub(crate) fn decode_request(line: &[u8]) -> Option<ClientJsonRpcMessage> {
    // Other keys, as that of a response, are for rmcp to judge.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line<'a> {
        jsonrpc: JsonRpcVersion2_0,
        id: RequestId,
        #[serde(borrow)]
        method: Cow<'a, str>,
        #[serde(borrow)]
        params: &'a RawValue,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Call {
        _meta: Option<RequestMetaObject>,
        name: String,
        arguments: Option<JsonObject>,
        task: Option<Value>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct GetTask {
        #[serde(rename = "_meta")]
        _meta: Option<RequestMetaObject>,
        task_id: String,
    }
    fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
        // Serde would also take a list of the values.
        json.starts_with('{').then(|| serde_json::from_str(json).ok()).flatten()
    }
    /// As rmcp has it: the metadata of a request is among its extensions.
    fn request<M: Default, P>(params: P, meta: Option<RequestMetaObject>) -> Request<M, P> {
        let mut request = Request::new(params);
        if let Some(meta) = meta {
            request.extensions.insert(meta);
        }
        request
    }
    let Line { jsonrpc, id, method, params } = read(str::from_utf8(line).ok()?)?;
    let request = match &*method {
        CallToolRequestMethod::VALUE => {
            let Call { _meta, name, arguments, task } = read(params.get())?;
            let mut call = CallToolRequestParams::new(name);
            call.arguments = arguments;
            let mut call = request(call, _meta);
            if let Some(task) = task {
                call.extensions.insert(TaskParams(task));
            }
            ClientRequest::CallToolRequest(call)
        }
        GetTaskMethod::VALUE => {
            let GetTask { _meta, task_id } = read(params.get())?;
            ClientRequest::GetTaskRequest(request(GetTaskParams::new(task_id), _meta))
        }
        _ => return None,
    };
    Some(JsonRpcMessage::Request(JsonRpcRequest { jsonrpc, id, request }))
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

    /// Whatever is read on the short way is what is made of what rmcp reads.
    #[test]
    fn both_ways_read_the_same() {
        let metas = [
            "",
            r#","_meta":null"#,
            r#","_meta":{}"#,
            r#","_meta":{"progressToken":1,"a/b":[1.0,1e300,"\u00e9"]}"#,
            r#","_meta":{"progressToken":1e400}"#,
            r#","_meta":7"#,
            r#","_meta":{},"_meta":{}"#,
        ];
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
                for meta in metas {
                    for params in [format!("{{{call}{meta}}}"), format!("[{meta:?}]")] {
                        let line = format!("{start}{params}}}");
                        let Some(read) = decode_request(line.trim().as_bytes()) else { continue };
                        let same = decode_slowly(line.trim().as_bytes()).expect(&line);
                        assert_eq!(format!("{read:?}"), format!("{same:?}"), "{line}");
                        assert_eq!(task(&read), task(&same), "{line}");
                        // Their Debug says that there are some, not which.
                        assert_eq!(
                            serde_json::to_value(&read).expect("JSON"),
                            serde_json::to_value(&same).expect("JSON"),
                            "{line}",
                        );
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
