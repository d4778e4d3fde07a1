//! Tools of other modules are listed by path or through `use`, whatever their visibility there.

mod arithmetic {
    /// Adds two numbers.
    #[mcpc::tool]
    pub async fn add(a: i64, b: i64) -> i64 {
        a + b
    }

    pub(crate) mod more {
        #[mcpc::tool]
        pub(crate) async fn negate(a: i64) -> i64 {
            -a
        }

        #[mcpc::background]
        pub(in crate::in_modules::arithmetic) async fn double(a: i64) -> i64 {
            a * 2
        }
    }

    #[mcpc::background]
    async fn halve(a: i64) -> i64 {
        a / 2
    }

    pub(super) fn inner() -> mcpc::Tools {
        mcpc::tools![halve, more::double, self::more::negate, super::zero]
    }
}

mod prelude {
    pub(crate) use super::arithmetic::more::negate as minus;
    pub(crate) use super::arithmetic::*;
}

use arithmetic::add;
use prelude::minus;

#[mcpc::tool]
async fn zero() -> i64 {
    0
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let _ = mcpc::tools![add, minus, zero];
    let _ = mcpc::tools![arithmetic::add, crate::in_modules::arithmetic::more::negate, self::zero];
    let _ = mcpc::tools![prelude::add];
    let _ = arithmetic::inner();
    assert_eq!(minus(add(1, 2).await).await, -3);
}
