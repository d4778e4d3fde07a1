//! How far a task is, in numbers.

/// A number of things, as [`Sender::progress`](super::Sender::progress) counts them: any of Rust's number types. In
/// whatever unit, the same as that of the [`Total`].
pub trait Quantity: sealed::Sealed {
    /// The number; integers beyond 2⁵³ lose their last digits, which nobody sees of a progress.
    #[doc(hidden)]
    fn to_f64(self) -> f64;
}

/// How many things there are, as [`Sender::progress`](super::Sender::progress) is told: any of Rust's number types,
/// or an `Option<u64>` where it may not be known, as the length of a download.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a total",
    label = "expected a number, or an `Option<u64>`",
    note = "a total that is not known is `None`; another `Option` is one after `.map(|total| total as u64)`"
)]
pub trait Total: sealed::Sealed {
    /// The number, as that of a [`Quantity`].
    #[doc(hidden)]
    fn to_f64(self) -> Option<f64>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! quantity {
    ($($number:ty)*) => {
        $(
            impl sealed::Sealed for $number {}

            impl Quantity for $number {
                #[allow(
                    clippy::cast_lossless,
                    clippy::cast_precision_loss,
                    reason = "the documentation of the trait says so"
                )]
                fn to_f64(self) -> f64 {
                    self as f64
                }
            }

            impl Total for $number {
                fn to_f64(self) -> Option<f64> {
                    Some(Quantity::to_f64(self))
                }
            }
        )*
    };
}

quantity!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64);

impl sealed::Sealed for Option<u64> {}

// Of this type alone, so that rustc knows what `None` is.
impl Total for Option<u64> {
    fn to_f64(self) -> Option<f64> {
        self.map(Quantity::to_f64)
    }
}
