//! Permits for what tasks say, out of a connection's budget.

use super::Outbox;

/// A permit for a callback, taken from the budget. Given back when it is dropped unused.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    outbox: Option<&'a Outbox>,
    bytes: usize,
}

impl<'a> Permit<'a> {
    /// A permit for a callback that needs none, because nothing of it will wait.
    pub(crate) const NONE: Self = Self { outbox: None, bytes: 0 };

    /// So many bytes that were taken from the budget.
    pub(super) fn new(outbox: &'a Outbox, bytes: usize) -> Self {
        Self { outbox: Some(outbox), bytes }
    }

    /// Uses the permit: the writer of the callback gives it back.
    pub(super) fn spend(mut self) -> usize {
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(outbox) = self.outbox
            && self.bytes > 0
        {
            outbox.0.free.add_permits(self.bytes);
        }
    }
}
