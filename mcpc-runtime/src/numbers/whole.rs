//! Whole numbers of up to 128 bits.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Number;

/// A whole number of any Rust type. The negative ones are less than the natural ones.
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
    pub(super) fn read(text: &str) -> Option<Self> {
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

    /// The float that is nearest to it.
    #[expect(clippy::cast_precision_loss, reason = "who asks for a float knows")]
    pub(crate) fn to_float(self) -> f64 {
        match self {
            Self::Negative(number) => number as f64,
            Self::Natural(number) => number as f64,
        }
    }

    /// Whether it is a multiple of another one; of zero, all are.
    pub(crate) fn is_multiple_of(self, factor: Self) -> bool {
        let magnitude = |whole: Self| match whole {
            Self::Negative(number) => number.unsigned_abs(),
            Self::Natural(number) => number,
        };
        magnitude(self).checked_rem(magnitude(factor)).is_none_or(|rest| rest == 0)
    }

    /// How it compares to a float, without rounding.
    pub(crate) fn compare(self, float: f64) -> Option<Ordering> {
        // What comes out equal is looked at again.
        let rounded = self.to_float();
        let order = rounded.partial_cmp(&float)?;
        match Self::of_float(float) {
            Some(other) if order.is_eq() => Some(self.cmp(&other)),
            // Rounded up to 2¹²⁸.
            None if order.is_eq() => Some(Ordering::Less),
            Some(_) | None => Some(order),
        }
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
}
