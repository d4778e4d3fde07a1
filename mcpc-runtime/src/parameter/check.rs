//! What a function says of the arguments of a task before that starts.

use std::fmt::Display;

use super::Inputs;

/// What a `check` returns.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a `check` returns `Result<(), E>`, and this one `{Self}`",
    label = "not a `Result<(), E>` with an `E` that is `std::fmt::Display`"
)]
pub trait Checked {
    /// Notes what is wrong, if anything is.
    fn note(self, inputs: &mut Inputs<'_>) -> Option<()>;
}

#[diagnostic::do_not_recommend]
impl<E: Display> Checked for Result<(), E> {
    fn note(self, inputs: &mut Inputs<'_>) -> Option<()> {
        self.map_err(|error| inputs.problems.push(error.to_string())).ok()
    }
}
