//! Reads messages out of lines, and says what is wrong with a line that is none.

use std::fmt;

use rmcp::model::ClientJsonRpcMessage;
use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// An answer to a line that is no message.
#[derive(Debug)]
pub(crate) struct Refusal {
    id: Value,
    code: i32,
    message: String,
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
    serde_json::from_slice(line).map_err(|problem| refuse(line, &problem))
}

/// The tasks that a `subscriptions/listen` asks about, if it asks about tasks.
pub(super) fn subscribed_tasks(line: &[u8]) -> Option<Vec<String>> {
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

#[cold]
fn refuse(line: &[u8], problem: &serde_json::Error) -> Option<Refusal> {
    let value: Value = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(error) => {
            let message = format!("this line is no JSON: {error}");
            return Some(Refusal { id: legible_id(line), code: -32700, message });
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
        _ if !value.is_object() => (-32600, "this is no JSON-RPC 2.0 request".to_owned()),
        _ if value["jsonrpc"] != "2.0" => (-32600, "`jsonrpc` must be \"2.0\"".to_owned()),
        _ if id.is_null() => (-32600, "`id` must be a string or an integer of 64 bits".to_owned()),
        Some(Value::String(method)) if value.get("params").is_some_and(|it| !it.is_object()) => {
            (-32602, format!("the parameters of `{method}` must be an object"))
        }
        Some(Value::String(method)) => {
            (-32602, format!("invalid parameters of `{method}`: {problem}"))
        }
        Some(_) | None => (-32600, "`method` must be a string".to_owned()),
    };
    Some(Refusal { id, code, message })
}

fn is_id(value: &Value) -> bool {
    value.is_string() || value.is_i64()
}

/// The id of a message that cannot be read as a whole: it is nested too deep, has text that is no Unicode,
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
    use serde_json::json;

    use super::*;

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
