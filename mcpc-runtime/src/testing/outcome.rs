//! What came of a call, the same whatever the client.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Something that a client heard of a call before its end.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Update {
    /// What it says, as a person reads it: a text as it is, another value as JSON.
    pub text: String,
    /// How much is done, if the client was told so. A client of MCPC hears of percent.
    pub done: Option<f64>,
    /// What there is to be done, if the client was told so.
    pub total: Option<f64>,
    /// How long after the call the client heard of it.
    pub after: Duration,
}

/// How a call ended, for its client.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ending {
    Result,
    Error,
    /// It was taken back, and is not answered.
    Cancelled,
    /// The client did not wait any longer.
    GaveUp,
    /// The client went away.
    Left,
    /// The server went away.
    Closed,
}

/// What came of a call: the same shape for every client, whether it got a result at once, had to ask for it, or was told.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub(super) ending: Ending,
    pub(super) text: String,
    pub(super) blocks: Vec<Value>,
    pub(super) updates: Vec<Update>,
    pub(super) took: Duration,
    pub(super) seen: Result<String, String>,
}

impl Outcome {
    /// The result, as a model reads it: a text as it is, any other value as JSON, nothing for nothing.
    ///
    /// # Errors
    ///
    /// The text of the error, if the tool failed or refused the call; or why there is no result: the call was cancelled,
    /// or the client or the server went away.
    pub fn result(&self) -> Result<&str, &str> {
        match self.ending {
            Ending::Result => Ok(&self.text),
            Ending::Error | Ending::Cancelled | Ending::GaveUp | Ending::Left | Ending::Closed => {
                Err(&self.text)
            }
        }
    }

    /// The result, read as a type.
    ///
    /// # Panics
    ///
    /// When there is an error, or when it is another type.
    #[must_use]
    #[track_caller]
    pub fn value<T: DeserializeOwned>(&self) -> T {
        // A closure would be a place of its own, where that of the test is told.
        let text = match self.result() {
            Ok(text) => text,
            Err(error) => panic!("the call failed: {error}"),
        };
        let read = serde_json::from_str(text);
        // A text is no JSON, and what was nothing at all is `null`.
        let read = read.or_else(|error| match T::deserialize(Value::String(text.to_owned())) {
            Err(_) if text.is_empty() => T::deserialize(Value::Null).map_err(|_| error),
            text => text.map_err(|_| error),
        });
        match read {
            Ok(value) => value,
            Err(error) => panic!("the result is not of this type: {error}: {text}"),
        }
    }

    /// What is not a text in the result, as MCP has it: images, sounds, resources and links to them, in order.
    ///
    /// A client of MCPC gets a link that a tool returns alone as any other value, so for it that is the
    /// [result](Self::result).
    #[must_use]
    pub fn blocks(&self) -> &[Value] {
        &self.blocks
    }

    /// What the client heard before the end, in order: each update and progress of a client of MCPC, progress with a
    /// token, changes of the status of a task, and what follows a result or came with `check_task`, line by line.
    #[must_use]
    pub fn updates(&self) -> &[Update] {
        &self.updates
    }

    /// The texts of these, which is most often what a test is about.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        self.updates.iter().map(|update| update.text.as_str()).collect()
    }

    /// What the client's model gets to see of the reply with the result, as its host shows it: `[cut]` stands for what it
    /// leaves out, `[in a file]` for a text of which it only tells where it is.
    ///
    /// # Errors
    ///
    /// Why its host makes an error of the reply.
    pub fn seen(&self) -> Result<&str, &str> {
        self.seen.as_deref().map_err(String::as_str)
    }

    /// How long it took from the call, by tokio's clock.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Whether it is a result or an error that a tool or the server gave, as opposed to a call that nobody waited for.
    pub(super) fn is_answered(&self) -> bool {
        matches!(self.ending, Ending::Result | Ending::Error)
    }
}

/// The text of a result, as one model reads it: its texts, or its structured content where there are none.
pub(super) fn text_of(result: &Value) -> String {
    let texts: Vec<&str> = content(result).filter_map(|block| block["text"].as_str()).collect();
    match &result["structuredContent"] {
        structured if texts.is_empty() && !structured.is_null() => {
            // A promised `null` has no other place.
            match *structured == json!({"result": null}) {
                true => String::new(),
                false => structured.to_string(),
            }
        }
        _ => texts.join("\n"),
    }
}

/// The rest of a result.
pub(super) fn blocks_of(result: &Value) -> Vec<Value> {
    content(result).filter(|block| block["type"] != "text").cloned().collect()
}

fn content(result: &Value) -> impl Iterator<Item = &Value> {
    result["content"].as_array().into_iter().flatten()
}

/// The same of the value that a client of MCPC gets: its text, and the rest.
pub(super) fn content_of_value(value: &RawValue) -> (String, Vec<Value>) {
    let json = value.get();
    let text = match serde_json::from_str(json) {
        Ok(Value::Null) => String::new(),
        Ok(Value::String(text)) => text,
        Ok(value) => match reply(value) {
            Some(reply) => return (text_of(&reply), blocks_of(&reply)),
            None => json.to_owned(),
        },
        Err(_) => json.to_owned(),
    };
    (text, Vec::new())
}

/// The reply that a tool wrote itself, as a client of MCPC has no other place for it.
fn reply(value: Value) -> Option<Value> {
    if value["content"].is_array() {
        return Some(value);
    }
    let blocks = match value {
        Value::Array(blocks) if !blocks.is_empty() => blocks,
        block => vec![block],
    };
    let blocks: Option<Vec<Value>> = blocks.into_iter().map(block).collect();
    Some(json!({ "content": blocks? }))
}

/// A block of content, which has no type where the tool returned one alone.
fn block(value: Value) -> Option<Value> {
    let has = |keys: &[&str]| keys.iter().all(|key| value[*key].is_string());
    let is_block = match value["type"].as_str() {
        Some("text") => has(&["text"]),
        Some("image" | "audio") => has(&["data", "mimeType"]),
        Some("resource_link") => has(&["uri", "name"]),
        Some("resource") => value["resource"]["uri"].is_string(),
        Some(_) => false,
        None => return typed(&value),
    };
    is_block.then_some(value)
}

/// A block with its type, where it has no other key than one of its kind.
fn typed(value: &Value) -> Option<Value> {
    const KEYS: [(&str, &[&str]); 3] = [
        ("image", &["data", "mimeType"]),
        ("audio", &["data", "mimeType"]),
        ("resource", &["resource"]),
    ];
    /// What every block may have.
    const MARKS: [&str; 2] = ["annotations", "_meta"];
    let object = value.as_object()?;
    let mime = value["mimeType"].as_str().unwrap_or_default();
    let is_of = |kind: &str, keys: &[&str]| {
        let is_whole = keys.iter().all(|key| object.contains_key(*key));
        let is_alone = object.keys().all(|key| keys.contains(&&**key) || MARKS.contains(&&**key));
        let is_kind = match kind {
            "resource" => value["resource"]["uri"].is_string(),
            _ => mime.split('/').next() == Some(kind) && value["data"].is_string(),
        };
        is_whole && is_alone && is_kind
    };
    let (kind, _) = KEYS.into_iter().find(|(kind, keys)| is_of(kind, keys))?;
    let mut block = serde_json::Map::from_iter([("type".to_owned(), json!(kind))]);
    block.extend(object.clone());
    Some(Value::Object(block))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> Outcome {
        let text = text.to_owned();
        let (updates, took, seen) = (Vec::new(), Duration::ZERO, Ok(text.clone()));
        Outcome { ending: Ending::Result, text, blocks: Vec::new(), updates, took, seen }
    }

    #[test]
    fn structured_content_alone_is_the_text() {
        let text_of =
            |structured| text_of(&json!({"content": [], "structuredContent": structured}));
        assert_eq!(text_of(json!({"answer": 42})), "{\"answer\":42}");
        assert_eq!(text_of(json!({"result": null, "more": 1})), "{\"result\":null,\"more\":1}");
        assert_eq!(text_of(json!({"result": null})), "");
    }

    #[test]
    fn a_value_that_only_looks_like_content_stays_what_it_is() {
        for value in [
            "[]",
            "{\"type\":\"image\",\"width\":4}",
            "{\"data\":\"AA\",\"mimeType\":\"text/csv\"}",
            "{\"data\":\"AA\",\"mimeType\":\"image/png\",\"width\":4}",
            "{\"resource\":{\"uri\":\"file:///a\"},\"more\":1}",
            "[{\"type\":\"text\",\"text\":\"17\"},1]",
        ] {
            let raw = RawValue::from_string(value.to_owned()).expect("JSON");
            assert_eq!(content_of_value(&raw), (value.to_owned(), Vec::new()));
        }
    }

    #[test]
    fn a_result_is_read_as_what_is_asked_for() {
        assert_eq!(outcome("42").value::<u8>(), 42);
        assert_eq!(outcome("42").value::<String>(), "42");
        assert_eq!(outcome("").value::<Option<u8>>(), None);
        assert_eq!(outcome("").value::<String>(), "");
        assert_eq!(outcome("{\"a\":1}").value::<Value>(), json!({"a": 1}));
    }

    #[test]
    fn a_value_and_a_reply_with_it_say_the_same() {
        for (value, reply) in [
            ("null", json!({"content": []})),
            ("null", json!({"content": [], "structuredContent": {"result": null}})),
            ("\"a \\\"text\\\"\"", json!({"content": [{"type": "text", "text": "a \"text\""}]})),
            ("20.0", json!({"content": [{"type": "text", "text": "20.0"}]})),
            (
                "340282366920938463463374607431768211455",
                json!({"content": [{"type": "text", "text": "340282366920938463463374607431768211455"}]}),
            ),
            (
                "{\"type\":\"text\",\"text\":\"17\"}",
                json!({"content": [{"type": "text", "text": "17"}]}),
            ),
            (
                "[{\"type\":\"audio\",\"data\":\"AA\",\"mimeType\":\"audio/wav\"},{\"type\":\"text\",\"text\":\"17\"}]",
                json!({"content": [
                    {"type": "audio", "data": "AA", "mimeType": "audio/wav"},
                    {"type": "text", "text": "17"},
                ]}),
            ),
            (
                "{\"data\":\"AA\",\"mimeType\":\"audio/wav\"}",
                json!({"content": [{"type": "audio", "data": "AA", "mimeType": "audio/wav"}]}),
            ),
            (
                "{\"resource\":{\"uri\":\"file:///a\",\"text\":\"a\"}}",
                json!({"content": [{"type": "resource", "resource": {"uri": "file:///a", "text": "a"}}]}),
            ),
        ] {
            let raw = RawValue::from_string(value.to_owned()).expect("JSON");
            assert_eq!(content_of_value(&raw), (text_of(&reply), blocks_of(&reply)), "{value}");
        }
    }
}
