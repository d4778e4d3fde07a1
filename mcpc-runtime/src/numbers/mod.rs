//! Whole numbers of up to 128 bits, of which a [`Value`] keeps but 64.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rmcp::model::JsonObject;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Number, Value};

use crate::phrases::Step;

/// A whole number of any of Rust's types. All that are negative are less than all that are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[doc(hidden)]
pub enum Whole {
    /// One below zero.
    Negative(i128),
    /// Any other.
    Natural(u128),
}

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Negative(number) => number.fmt(f),
            Self::Natural(number) => number.fmt(f),
        }
    }
}

macro_rules! whole_from {
    ($($integer:ty)*) => {
        $(impl From<$integer> for Whole {
            fn from(number: $integer) -> Self {
                match number.try_into() {
                    Ok(natural) => Self::Natural(natural),
                    // What is not a `u128` is negative, and no type of these is wider than `i128`.
                    Err(_) => Self::Negative(number.try_into().unwrap_or(i128::MIN)),
                }
            }
        })*
    };
}

whole_from!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

/// What is not less is more than the digits of a float: 2⁵³.
const LARGE: f64 = 9_007_199_254_740_992.0;

impl Whole {
    /// The number that JSON says, if it is a whole one that was kept in full.
    pub(crate) fn of(number: &Number) -> Option<Self> {
        number.as_u128().map(Self::Natural).or_else(|| number.as_i128().map(Into::into))
    }

    /// The whole number that a float is, digit for digit.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was found to be whole, and within the limits of the type"
    )]
    pub(crate) fn of_float(float: f64) -> Option<Self> {
        /// 2¹²⁷: what is less is an `i128`, and what is less than its double is a `u128`.
        const LIMIT: f64 = (1_u128 << 127) as f64;
        match float.fract() == 0.0 {
            true if (0.0..2.0 * LIMIT).contains(&float) => Some(Self::Natural(float as u128)),
            true if (-LIMIT..0.0).contains(&float) => Some(Self::Negative(float as i128)),
            _ => None,
        }
    }

    /// The whole number that the text of a JSON number says, as `1.5e3` says 1500.
    fn read(text: &str) -> Option<Self> {
        let (sign, text) = match text.strip_prefix('-') {
            Some(text) => ("-", text),
            None => ("", text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Some(Self::Natural(0));
        }
        // How many zeros follow the digits, or have to be there to be left out.
        let zeros = exponent.parse::<i64>().ok()?.checked_sub(fraction.len().try_into().ok()?)?;
        let zeros_in_digits = digits.len() - digits.trim_end_matches('0').len();
        let digits = match usize::try_from(zeros) {
            // `u128::MAX` has 39 digits.
            Ok(zeros) if zeros < 40 => format!("{sign}{digits}{}", "0".repeat(zeros)),
            Ok(_) => return None,
            Err(_) => {
                let superfluous = usize::try_from(zeros.unsigned_abs()).ok()?;
                let is_whole = superfluous <= zeros_in_digits;
                let digits = is_whole.then(|| &digits[..digits.len() - superfluous])?;
                format!("{sign}{digits}")
            }
        };
        match sign {
            "" => digits.parse().ok().map(Self::Natural),
            _ => digits.parse().ok().map(Self::Negative),
        }
    }

    /// How it compares to a float, without rounding.
    #[expect(clippy::cast_precision_loss, reason = "what comes out equal is looked at again")]
    pub(crate) fn compare(self, float: f64) -> Option<Ordering> {
        let rounded = match self {
            Self::Negative(number) => number as f64,
            Self::Natural(number) => number as f64,
        };
        let order = rounded.partial_cmp(&float)?;
        match Self::of_float(float) {
            Some(other) if order.is_eq() => Some(self.cmp(&other)),
            // Rounded up to 2¹²⁸.
            None if order.is_eq() => Some(Ordering::Less),
            Some(_) | None => Some(order),
        }
    }
}

/// Whether a number may have lost digits when it was read as a float.
pub(crate) fn is_large(value: &Value) -> bool {
    let Value::Number(number) = value else { return false };
    number.is_f64() && number.as_f64().is_some_and(|float| float.abs() >= LARGE)
}

fn has_large(value: &Value) -> bool {
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
    fn first_inexact(&self, value: &Value) -> Option<Inexact> {
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
    use super::*;

    #[test]
    fn a_number_is_whole_however_it_is_written() {
        for (text, expected) in [
            ("0", Some(0.into())),
            ("-0.0", Some(0.into())),
            ("0e999999999999999999999", Some(0.into())),
            ("1.5e3", Some(1500.into())),
            ("150000E-2", Some(1500.into())),
            ("1.5e0", None),
            ("1e-1", None),
            ("18446744073709551617.00", Some(18_446_744_073_709_551_617_u128.into())),
            ("340282366920938463463374607431768211455", Some(u128::MAX.into())),
            ("340282366920938463463374607431768211456", None),
            ("-170141183460469231731687303715884105728", Some(i128::MIN.into())),
            ("-170141183460469231731687303715884105729", None),
            ("0.00001e5", Some(1.into())),
            ("1e39", None),
            ("1e99999999999", None),
            ("1e-9223372036854775808", None),
        ] {
            assert_eq!(Whole::read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_whole_number_and_a_float_compare_digit_by_digit() {
        let two_to_64 = 18_446_744_073_709_551_616.0;
        for (whole, float, order) in [
            (Whole::from(u64::MAX), two_to_64, Ordering::Less),
            (Whole::from(1_u128 << 64), two_to_64, Ordering::Equal),
            (Whole::from((1_u128 << 64) + 1), two_to_64, Ordering::Greater),
            (Whole::from(u128::MAX), f64::INFINITY, Ordering::Less),
            (Whole::from(u128::MAX), 2.0_f64.powi(128), Ordering::Less),
            (Whole::from(i128::MIN), -(2.0_f64.powi(127)), Ordering::Equal),
            (Whole::from(5), 5.5, Ordering::Less),
            (Whole::from(-5), -5.5, Ordering::Greater),
        ] {
            assert_eq!(whole.compare(float), Some(order), "{whole} {float}");
        }
    }

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
