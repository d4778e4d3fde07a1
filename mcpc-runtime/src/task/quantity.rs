//! How far a task is, in numbers.

/// How much `done` is of `total`, in percent.
pub(super) fn percent(done: f64, total: f64) -> f64 {
    let percent = if total == 0.0 { 100.0 } else { 100.0 * done / total };
    (percent * 100.0).round().clamp(0.0, 100.0 * 100.0) / 100.0
}

/// A number of things, as [`Sender::progress`] counts them: any of Rust's number types.
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
    }
}
