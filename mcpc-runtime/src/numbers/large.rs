//! How numbers are written that a [`Value`] keeps as a float.

use std::collections::HashMap;
use std::sync::Arc;

use rmcp::model::JsonObject;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Whole;
use crate::phrases::Step;

/// What is not less is more than the digits of a float: 2⁵³.
pub(crate) const LARGE: f64 = 9_007_199_254_740_992.0;

/// Whether a number may have lost digits when it was read as a float.
pub(crate) fn is_large(value: &Value) -> bool {
    let Value::Number(number) = value else { return false };
    number.is_f64() && number.as_f64().is_some_and(|float| float.abs() >= LARGE)
}

/// Whether any number in a value may have lost digits.
pub(crate) fn has_large(value: &Value) -> bool {
    match value {
        Value::Number(_) => is_large(value),
        Value::Array(items) => items.iter().any(has_large),
        Value::Object(entries) => entries.values().any(has_large),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// The large numbers among the arguments of a call, of which `serde_json` keeps a float each, as they were
/// written.
#[derive(Clone, Debug)]
pub(crate) struct LargeNumbers(Arc<Large>);

/// The large numbers of a value.
#[derive(Clone, Debug)]
pub(crate) enum Large {
    /// It is one, and this is how it is written.
    Number(Box<str>),
    Items(HashMap<usize, Self>),
    Entries(HashMap<String, Self>),
}

impl LargeNumbers {
    /// Looks for them in the message that the arguments came in. `None` if there are none.
    pub(crate) fn read(arguments: &JsonObject, message: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Call<'a> {
            #[serde(borrow)]
            params: Params<'a>,
        }
        #[derive(Deserialize)]
        struct Params<'a> {
            #[serde(borrow)]
            arguments: &'a RawValue,
        }
        if !arguments.values().any(has_large) {
            return None;
        }
        let call: Call<'_> = serde_json::from_slice(message).ok()?;
        let large = Large::of_entries(arguments, call.params.arguments)?;
        Some(Self(Arc::new(large)))
    }

    /// Those that arguments still have which may have been changed since. `None` if they have none of them.
    pub(crate) fn left_in(&self, arguments: &JsonObject) -> Option<Self> {
        Some(Self(Arc::new(self.0.left_in_entries(arguments)?)))
    }

    /// Those of all arguments.
    pub(crate) fn of_arguments(&self) -> &Large {
        &self.0
    }

    /// Those of one argument.
    pub(crate) fn of_argument(&self, name: &str) -> Option<&Large> {
        self.0.of_entry(name)
    }
}

impl Large {
    /// Those of a value that was read from a text.
    pub(crate) fn read(value: &Value, text: &str) -> Option<Self> {
        if !has_large(value) {
            return None;
        }
        Self::of(value, serde_json::from_str(text).ok()?)
    }

    /// Those that a value still holds.
    fn left_in(&self, value: &Value) -> Option<Self> {
        match (self, value) {
            (Self::Number(text), Value::Number(_)) => {
                let is_held = serde_json::from_str::<Value>(text).is_ok_and(|read| read == *value);
                is_held.then(|| self.clone())
            }
            (Self::Items(large), Value::Array(items)) => {
                let left = |(index, item)| Some((index, large.get(&index)?.left_in(item)?));
                let left: HashMap<_, _> = items.iter().enumerate().filter_map(left).collect();
                (!left.is_empty()).then_some(Self::Items(left))
            }
            (Self::Entries(_), Value::Object(entries)) => self.left_in_entries(entries),
            _ => None,
        }
    }

    fn left_in_entries(&self, entries: &JsonObject) -> Option<Self> {
        let Self::Entries(large) = self else { return None };
        let left = entries
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), large.get(name)?.left_in(value)?)));
        let left: HashMap<_, _> = left.collect();
        (!left.is_empty()).then_some(Self::Entries(left))
    }

    /// Those of a list with one item, which has these.
    pub(crate) fn of_lone_item(self) -> Self {
        Self::Items(HashMap::from([(0, self)]))
    }

    /// Replaces those of what is at a place.
    pub(crate) fn replace(whole: Option<Self>, path: &[Step], new: Option<Self>) -> Option<Self> {
        let Some((step, rest)) = path.split_first() else { return new };
        match (step, whole) {
            (Step::Index(index), Some(Self::Items(mut items))) => {
                let inner = Self::replace(items.remove(index), rest, new);
                items.extend(inner.map(|inner| (*index, inner)));
                Some(Self::Items(items))
            }
            (Step::Key(key), Some(Self::Entries(mut entries))) => {
                let inner = Self::replace(entries.remove(&**key), rest, new);
                entries.extend(inner.map(|inner| (key.to_string(), inner)));
                Some(Self::Entries(entries))
            }
            (step, _) => {
                let inner = Self::replace(None, rest, new)?;
                Some(match step {
                    Step::Index(index) => Self::Items(HashMap::from([(*index, inner)])),
                    Step::Key(key) => Self::Entries(HashMap::from([(key.to_string(), inner)])),
                })
            }
        }
    }

    fn of(value: &Value, text: &RawValue) -> Option<Self> {
        match value {
            Value::Number(_) if is_large(value) => Some(Self::Number(text.get().into())),
            Value::Array(items) if items.iter().any(has_large) => {
                let texts: Vec<&RawValue> = serde_json::from_str(text.get()).ok()?;
                let both = items.iter().zip(texts).enumerate();
                let large = both.filter_map(|(i, (item, text))| Some((i, Self::of(item, text)?)));
                Some(Self::Items(large.collect()))
            }
            Value::Object(entries) if entries.values().any(has_large) => {
                Self::of_entries(entries, text)
            }
            _ => None,
        }
    }

    fn of_entries(entries: &JsonObject, text: &RawValue) -> Option<Self> {
        let texts: HashMap<String, &RawValue> = serde_json::from_str(text.get()).ok()?;
        let large = texts.into_iter().filter_map(|(name, text)| {
            let large = Self::of(entries.get(&name)?, text)?;
            Some((name, large))
        });
        Some(Self::Entries(large.collect()))
    }

    /// The whole number that is written here, if it is one of at most 128 bits.
    pub(crate) fn number(&self) -> Option<Whole> {
        match self {
            Self::Number(text) => Whole::read(text),
            Self::Items(_) | Self::Entries(_) => None,
        }
    }

    /// The text of the number, if it is short enough to be repeated.
    pub(crate) fn short_text(&self) -> Option<&str> {
        match self {
            Self::Number(text) if text.len() <= 50 => Some(text),
            Self::Number(_) | Self::Items(_) | Self::Entries(_) => None,
        }
    }

    /// The first number that the value holds another one for.
    pub(crate) fn first_inexact(&self, value: &Value) -> Option<Inexact> {
        match (self, value) {
            (Self::Number(written), Value::Number(held)) => {
                let is_exact = match (Whole::read(written), Whole::read(&held.to_string())) {
                    (None, None) => written.contains(['.', 'e', 'E']),
                    (written, held) => written == held,
                };
                (!is_exact).then(|| Inexact { path: Vec::new(), written: written.clone() })
            }
            (Self::Items(large), Value::Array(items)) => {
                items.iter().enumerate().find_map(|(index, item)| {
                    Some(large.get(&index)?.first_inexact(item)?.inside(Step::Index(index)))
                })
            }
            (Self::Entries(large), Value::Object(entries)) => {
                entries.iter().find_map(|(name, value)| {
                    let found = large.get(name)?.first_inexact(value)?;
                    Some(found.inside(Step::Key(name.as_str().into())))
                })
            }
            _ => None,
        }
    }

    pub(crate) fn of_item(&self, index: usize) -> Option<&Self> {
        match self {
            Self::Items(items) => items.get(&index),
            Self::Number(_) | Self::Entries(_) => None,
        }
    }

    pub(crate) fn of_entry(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Entries(entries) => entries.get(name),
            Self::Number(_) | Self::Items(_) => None,
        }
    }
}

/// A number that a value does not hold as it was written.
#[derive(Debug)]
pub(crate) struct Inexact {
    /// From the outside in.
    pub(crate) path: Vec<Step>,
    pub(crate) written: Box<str>,
}

impl Inexact {
    /// The first one of a value that was read from a text.
    pub(crate) fn first(value: &Value, text: &str) -> Option<Self> {
        Large::read(value, text)?.first_inexact(value)
    }

    fn inside(mut self, step: Step) -> Self {
        self.path.insert(0, step);
        self
    }
}

#[cfg(test)]
mod tests {
    /// Alone, `serde_json` takes the next float for some of these; in a build of the whole workspace, other
    /// packages ask it not to.
    #[test]
    fn a_float_is_read_as_the_one_that_was_written() {
        let mut bits: u64 = 88_172_645_463_325_252;
        for _ in 0..10_000 {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            let float = f64::from_bits(bits);
            if float.is_finite() {
                let text = serde_json::to_string(&float).expect("a number");
                let read: f64 = serde_json::from_str(&text).expect("a number");
                assert_eq!(read.to_bits(), bits, "{text}");
            }
        }
    }
}
