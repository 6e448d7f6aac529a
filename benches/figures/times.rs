//! Times that were taken, and what is said of them.

use std::{fmt, time::Duration};

/// At least one.
#[derive(Debug)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn new(mut times: Vec<Duration>) -> Self {
        assert!(!times.is_empty());
        times.sort_unstable();
        Self(times)
    }

    /// The time that this share of them, in per cent, did not exceed.
    fn within(&self, per_cent: usize) -> Duration {
        let rank = (self.0.len() * per_cent).div_ceil(100);
        self.0[rank.max(1) - 1]
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        let [median, late] = [50, 99].map(|per_cent| milliseconds(self.within(per_cent)));
        write!(
            f,
            "median {median:.1} ms, p99 {late:.1} ms, of {}",
            self.0.len()
        )
    }
}
