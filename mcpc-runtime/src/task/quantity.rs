//! How far a task is, in numbers.

/// How much `done` is of `total`, in percent. What is not a number is nothing, and what is negative or beyond
/// the total is clamped.
pub(super) fn percent(done: f64, total: f64) -> f64 {
    let share = if total <= 0.0 { 1.0 } else { done / total };
    let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
    // The sum makes `-0.0` a plain zero.
    ((share * 10_000.0).round() + 0.0) / 100.0
}

/// A number of things, as [`Sender::progress`](super::Sender::progress) counts them: any of Rust's number types.
pub trait Quantity {
    /// The number; integers beyond 2⁵³ lose their last digits, which no percentage shows.
    #[doc(hidden)]
    fn to_f64(self) -> f64;
}

macro_rules! quantity {
    ($($number:ty)*) => {
        $(impl Quantity for $number {
            #[allow(
                clippy::cast_lossless,
                clippy::cast_precision_loss,
                reason = "the documentation of the trait says so"
            )]
            fn to_f64(self) -> f64 {
                self as f64
            }
        })*
    };
}

quantity!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64);

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    #[expect(clippy::float_cmp, reason = "the very numbers are shown to people")]
    fn percentages_read_well() {
        assert_eq!(percent(1.0, 5.0), 20.0);
        assert_eq!(percent(1.0, 3.0), 33.33);
        assert_eq!(percent(7.0, 5.0), 100.0);
        assert_eq!(percent(-1.0, 5.0), 0.0);
        assert_eq!(percent(0.0, 0.0), 100.0);
        assert_eq!(percent(1.0, 8.0), 12.5);
        assert_eq!(percent(29.0, 100.0), 29.0);
        assert_eq!(percent(f64::NAN, 5.0), 0.0);
        assert_eq!(percent(f64::INFINITY, f64::INFINITY), 0.0);
        assert_eq!(percent(1.0, -5.0), 100.0);
        assert_eq!(percent(1e307, 1e308), 10.0);
        assert!(percent(-0.0, 5.0).is_sign_positive());
    }
}
