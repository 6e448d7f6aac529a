//! Measured durations and their summary.

use std::{fmt, time::Duration};

/// One or more measured durations. Displays the median and the 99th percentile.
#[derive(Debug)]
pub struct Durations(Vec<Duration>);

impl Durations {
    pub fn new(mut durations: Vec<Duration>) -> Self {
        assert!(!durations.is_empty());
        durations.sort_unstable();
        Self(durations)
    }

    /// The median in milliseconds.
    pub fn median(&self) -> f64 {
        self.percentile(50).as_secs_f64() * 1000.0
    }

    /// The nearest-rank percentile: at least this percentage of the durations is not longer.
    fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0[rank.max(1) - 1]
    }
}

impl fmt::Display for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |percent| self.percentile(percent).as_secs_f64() * 1000.0;
        write!(
            f,
            "median {:.1} ms, p99 {:.1} ms, of {}",
            milliseconds(50),
            milliseconds(99),
            self.0.len()
        )
    }
}
