//! How far a task is, in numbers.

use serde::{Deserialize, Serialize};

/// What a task counts, in the units of its author: bytes, files, steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Amount {
    /// Neither negative nor infinite; `None` if the task only said in words how far it is.
    pub done: Option<f64>,
    /// What there is to be done, if that is known; finite.
    pub total: Option<f64>,
}

/// No counter gets there, and there are numbers above it.
const MOST: f64 = 1e18;

impl Amount {
    /// What is not a number is nothing, and what is negative or beyond the total is clamped.
    #[must_use]
    pub fn new(done: f64, total: Option<f64>) -> Self {
        // Without a total, or of infinitely much.
        let most = total.filter(|total| total.is_finite());
        let done = if done.is_nan() { 0.0 } else { done };
        let done = done.min(most.map_or(MOST, |most| most.max(0.0)));
        // The sum makes `-0.0` a plain zero.
        Self { done: Some(done.max(0.0) + 0.0), total: most }
    }

    /// In percent, from 0 to 100, to two decimals; `None` if there is no telling. Of nothing, everything is done.
    pub(crate) fn percent(self) -> Option<f64> {
        let (done, total) = (self.done?, self.total?);
        let share = if total <= 0.0 { 1.0 } else { done / total };
        Some((share * 10_000.0).round() / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Amount;

    fn percent(done: f64, total: f64) -> Option<f64> {
        Amount::new(done, Some(total)).percent()
    }

    #[test]
    fn percentages_read_well() {
        assert_eq!(percent(1.0, 5.0), Some(20.0));
        assert_eq!(percent(1.0, 3.0), Some(33.33));
        assert_eq!(percent(7.0, 5.0), Some(100.0));
        assert_eq!(percent(-1.0, 5.0), Some(0.0));
        assert_eq!(percent(0.0, 0.0), Some(100.0));
        assert_eq!(percent(1.0, 8.0), Some(12.5));
        assert_eq!(percent(29.0, 100.0), Some(29.0));
        assert_eq!(percent(f64::NAN, 5.0), Some(0.0));
        assert_eq!(percent(f64::INFINITY, 5.0), Some(100.0));
        assert_eq!(percent(1.0, -5.0), Some(100.0));
        assert_eq!(percent(1e307, 1e308), Some(10.0));
        assert!(percent(-0.0, 5.0).is_some_and(f64::is_sign_positive));
    }

    #[test]
    fn without_a_total_there_is_no_percentage() {
        for total in [None, Some(f64::NAN), Some(f64::INFINITY)] {
            let amount = Amount::new(7.0, total);
            assert_eq!((amount.done, amount.total, amount.percent()), (Some(7.0), None, None));
        }
        let endless = Amount::new(f64::INFINITY, None);
        assert!(endless.done.is_some_and(f64::is_finite), "JSON has no infinity");
    }
}
