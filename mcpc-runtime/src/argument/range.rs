//! The numbers an argument may be.

use std::cmp::Ordering;
use std::fmt;

use rmcp::model::JsonObject;
use serde_json::{Number, Value};

use super::reader::Reader;
use crate::numbers::Whole;

/// The numbers an argument may be, from `#[arg(range = ..)]`.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Range {
    low: Option<Bound>,
    high: Option<Bound>,
    exclusive: bool,
}

/// One end of a [`Range`].
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub enum Bound {
    /// A whole number.
    Integer(Whole),
    /// Any other number.
    Float(f64),
}

macro_rules! bound_from {
    ($($integer:ty)*) => {
        $(impl From<$integer> for Bound {
            fn from(value: $integer) -> Self {
                Self::Integer(value.into())
            }
        })*
    };
}

bound_from!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

impl From<f64> for Bound {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<f32> for Bound {
    fn from(value: f32) -> Self {
        Self::Float(value.into())
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => write!(f, "{value:?}"),
        }
    }
}

impl Bound {
    fn json(self) -> Option<Number> {
        match self {
            Self::Integer(Whole::Negative(value)) => Number::from_i128(value),
            Self::Integer(Whole::Natural(value)) => Number::from_u128(value),
            Self::Float(value) => Number::from_f64(value),
        }
    }

    fn of(number: &Number) -> Option<Self> {
        Whole::of(number).map(Self::Integer).or_else(|| number.as_f64().map(Self::Float))
    }

    fn is(self, other: Self, side: impl FnOnce(Ordering) -> bool) -> bool {
        self.compare(other).is_some_and(side)
    }

    fn float(self) -> f64 {
        match self {
            Self::Integer(whole) => whole.to_float(),
            Self::Float(float) => float,
        }
    }

    /// Whether it is one, as far as floats tell where one of them is one.
    fn is_multiple_of(self, factor: Self) -> bool {
        if let (Self::Integer(whole), Self::Integer(factor)) = (self, factor) {
            return whole.is_multiple_of(factor);
        }
        let times = self.float() / factor.float();
        // A tenth is no float, and so are few of its multiples.
        !times.is_finite() || (times - times.round()).abs() <= times.abs().max(1.0) * 1e-9
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(&b)),
            (Self::Integer(a), Self::Float(b)) => a.compare(b),
            (Self::Float(a), Self::Integer(b)) => b.compare(a).map(Ordering::reverse),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b),
        }
    }
}

impl<'a> Reader<'a> {
    /// The number that this is, as it is shown and as it is compared.
    fn bound(self) -> Option<(Shown<'a>, Bound)> {
        let Value::Number(number) = self.json else { return None };
        match self.large_number() {
            Some(whole) => Some((Shown::Exact(whole), Bound::Integer(whole))),
            None => Some((Shown::Held(number), Bound::of(number)?)),
        }
    }
}

/// A number in words.
#[derive(Clone, Copy)]
enum Shown<'a> {
    Exact(Whole),
    Held(&'a Number),
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(number) => number.fmt(f),
            Self::Held(number) => number.fmt(f),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(low) = self.low {
            low.fmt(f)?;
        }
        f.write_str("..")?;
        match self.high {
            Some(high) if self.exclusive => high.fmt(f),
            Some(high) => write!(f, "={high}"),
            None => Ok(()),
        }
    }
}

impl Range {
    /// The range between two ends; an end that is `None` is open.
    #[must_use]
    pub fn new(low: Option<Bound>, high: Option<Bound>, exclusive: bool) -> Self {
        Self { low, high, exclusive }
    }

    /// Whether no number is in it.
    pub(super) fn is_empty(self) -> bool {
        match self.low.zip(self.high).and_then(|(low, high)| low.compare(high)) {
            Some(order) => order.is_gt() || (order.is_eq() && self.exclusive),
            None => false,
        }
    }

    /// The same range, of what something may be long: whole numbers from 0, its end among them. `None` if
    /// it is not such a range, or an empty one.
    pub(super) fn of_lengths(self) -> Option<Self> {
        let low = match self.low {
            None => 0,
            Some(Bound::Integer(Whole::Natural(low))) => low,
            Some(_) => return None,
        };
        let high = match self.high {
            None => None,
            Some(Bound::Integer(Whole::Natural(high))) if self.exclusive => {
                Some(high.checked_sub(1)?)
            }
            Some(Bound::Integer(Whole::Natural(high))) => Some(high),
            Some(Bound::Integer(Whole::Negative(_)) | Bound::Float(_)) => return None,
        };
        let is_empty = high.is_some_and(|high| high < low);
        let high = high.map(Bound::from);
        (!is_empty).then_some(Self { low: self.low, high, exclusive: false })
    }

    /// The range that a schema's keywords say, if they say any.
    pub(super) fn read(schema: &JsonObject, low: &str, high: &str, below: &str) -> Option<Self> {
        let bound = |key: &str| schema.get(key).and_then(Value::as_number).and_then(Bound::of);
        let low = bound(low);
        match (bound(high), bound(below)) {
            (None, None) if low.is_none() => None,
            (None, Some(below)) => Some(Self::new(low, Some(below), true)),
            (high, _) => Some(Self::new(low, high, false)),
        }
    }

    /// Why `value` is refused, if it is. What is not a number is left to the type to refuse.
    pub(super) fn refuse(self, value: Reader<'_>) -> Option<String> {
        let (number, value) = value.bound()?;
        let above = self.low.is_none_or(|low| value.is(low, Ordering::is_ge));
        let below = self.high.is_none_or(|high| match self.exclusive {
            true => value.is(high, Ordering::is_lt),
            false => value.is(high, Ordering::is_le),
        });
        (!above || !below).then(|| format!("{number} is not in {self}"))
    }

    /// Writes the range under these keywords. Where the type has a tighter limit, that one stays.
    pub(super) fn write(self, schema: &mut JsonObject, low: &str, high: &str, below: &str) {
        if let Some(bound) = self.low
            && !is_tighter(schema, low, |limit| limit.is_gt(), bound)
            && let Some(number) = bound.json()
        {
            schema.insert(low.into(), number.into());
        }
        if let Some(bound) = self.high
            && !is_tighter(schema, high, |limit| limit.is_lt(), bound)
            && let Some(number) = bound.json()
        {
            schema.shift_remove(high);
            let key = if self.exclusive { below } else { high };
            schema.insert(key.into(), number.into());
        }
    }
}

/// Why a number is refused by those limits of a schema that no [`Range`] has.
pub(super) fn further_limits(schema: &JsonObject, value: Reader<'_>) -> Vec<String> {
    let Some((number, value)) = value.bound() else { return Vec::new() };
    let limit = |key: &str| schema.get(key).and_then(Value::as_number).and_then(Bound::of);
    let low = limit("exclusiveMinimum").filter(|low| !value.is(*low, Ordering::is_gt));
    // Otherwise it is the end of a range.
    let high = limit("exclusiveMaximum").filter(|_| limit("maximum").is_some());
    let high = high.filter(|high| !value.is(*high, Ordering::is_lt));
    let factor = limit("multipleOf").filter(|factor| !value.is_multiple_of(*factor));
    let low = low.map(|low| format!("{number} is not greater than {low}"));
    let high = high.map(|high| format!("{number} is not less than {high}"));
    let factor = factor.map(|factor| format!("{number} is not a multiple of {factor}"));
    [low, high, factor].into_iter().flatten().collect()
}

/// Whether a schema's own limit is on that side of `bound`.
fn is_tighter(
    schema: &JsonObject,
    key: &str,
    side: impl FnOnce(Ordering) -> bool,
    bound: Bound,
) -> bool {
    let limit = schema.get(key).and_then(Value::as_number).and_then(Bound::of);
    limit.and_then(|limit| limit.compare(bound)).is_some_and(side)
}
