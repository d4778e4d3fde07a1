//! Whole numbers of up to 128 bits, of which a [`Value`](serde_json::Value) keeps only 64.

mod large;
mod whole;

pub(crate) use large::{Inexact, LARGE, Large, LargeNumbers, has_large, is_large};
pub(crate) use whole::Whole;
