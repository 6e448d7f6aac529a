//! The delays between two attempts.

use std::time::Duration;

/// Exponential backoff. Each delay is varied by half, so that not all back ends return at once.
#[derive(Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    /// A backoff whose first delay is `min` and whose largest one is `max`, before they are varied.
    pub const fn new(min: Duration, max: Duration) -> Self {
        Self {
            min,
            max,
            failures: 0,
        }
    }

    /// The next delay, with a random number from 0 to 1. It is at least the time that the server
    /// gave.
    pub fn next(&mut self, random: f64, at_least: Option<Duration>) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures);
        let delay = self.max.min(self.min.saturating_mul(factor));
        self.failures += 1;
        delay
            .mul_f64(0.5 + random)
            .max(at_least.unwrap_or_default())
    }

    /// The next delay is the first one again.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A random number from 0 to 1. If the system has no randomness, the delays do not vary.
pub fn random() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_doubles_up_to_the_largest_one_and_is_varied_by_half() {
        let millis = Duration::from_millis;
        let mut backoff = Backoff::new(millis(100), millis(300));
        assert_eq!(backoff.next(0.5, None), millis(100));
        assert_eq!(backoff.next(0.0, None), millis(100));
        assert_eq!(backoff.next(1.0, None), millis(450));
        assert_eq!(backoff.next(0.5, Some(millis(900))), millis(900));
        backoff.reset();
        assert_eq!(backoff.next(0.5, None), millis(100));
    }
}
