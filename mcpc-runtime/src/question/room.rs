//! How many questions may be open at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::NoAnswer;

/// How many questions one who asks may have open, unless the server says so.
pub(crate) const MOST_OPEN: usize = 100;

/// The questions that are open of a task or of a call, and how many may be.
#[derive(Debug)]
pub(crate) struct Room {
    open: AtomicUsize,
    most: usize,
}

impl Room {
    pub(crate) fn new(most: usize) -> Self {
        Self { open: AtomicUsize::new(0), most }
    }

    /// Counts a question until what is returned is dropped.
    ///
    /// # Errors
    ///
    /// [`NoAnswer::TooMany`]. To wait would hide that somebody asks without end.
    pub(crate) fn enter(&self) -> Result<Place<'_>, NoAnswer> {
        let place = Place(&self.open);
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.most {
            return Err(NoAnswer::TooMany(self.most));
        }
        Ok(place)
    }
}

/// The place of a question that is open.
pub(crate) struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
