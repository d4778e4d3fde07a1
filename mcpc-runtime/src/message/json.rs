//! Values as JSON text.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::numbers::LARGE;
use crate::phrases;

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

    /// Whether it may stand in a message as it is written, and whoever reads that holds the same: it can be read, is not
    /// [too deep](Self::is_too_deep), and has no name twice in one object and no number that a float would round. (What a user
    /// wrote by hand may be anything that looks like JSON.) Some of what this refuses may stand there, too.
    pub(crate) fn is_held_as_written(&self) -> bool {
        match self.0.as_bytes() {
            // Of what a string may have, an escape alone can be unreadable.
            [b'"', ..] if memmem::find(self.0.as_bytes(), br"\u").is_none() => true,
            _ => serde_json::from_str::<HeldAsWritten>(&self.0).is_ok() && !self.is_too_deep(),
        }
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
        Self(phrases::json(text))
    }

    /// The JSON, in one line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads JSON and keeps nothing of it; fails where it is not held as it is written.
struct HeldAsWritten;

impl<'de> Deserialize<'de> for HeldAsWritten {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for HeldAsWritten {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self, E> {
        if number.abs() < LARGE { Ok(self) } else { Err(E::custom("a large number")) }
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        /// With more it takes longer than to hash each.
        const FEW: usize = 32;
        let mut names: Vec<Cow<'de, str>> = Vec::new();
        while let Some((Name(name), Self)) = entries.next_entry()? {
            if names.len() == FEW || names.contains(&name) {
                return Err(A::Error::custom("a name that is there twice, or many names"));
            }
            names.push(name);
        }
        Ok(self)
    }
}

/// The name of an entry, which is that of the text where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Name<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

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

#[cfg(test)]
mod tests {
    use super::*;

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
