//! The pauses between the tries of one message.

use std::time::Duration;

use super::Timing;

/// Returns the pause after this many failed tries: it doubles with each of them, up to a bound. The
/// random number shortens it by up to a half, so that the tries of many users spread.
pub(super) fn pause(timing: &Timing, failures: u32, jitter: u8) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    let longest = timing.min_retry.saturating_mul(1 << doublings);
    let longest = longest.min(timing.max_retry);
    longest / 2 + longest / 2 * u32::from(jitter) / u32::from(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_its_bound_and_is_at_most_halved() {
        let timing = Timing::default();
        let seconds = |failures, jitter| pause(&timing, failures, jitter).as_secs_f64();
        for (failures, longest) in [
            (1, 5.0),
            (2, 10.0),
            (7, 320.0),
            (8, 600.0),
            (u32::MAX, 600.0),
        ] {
            assert!((seconds(failures, u8::MAX) - longest).abs() < 0.001);
            assert!((seconds(failures, 0) - longest / 2.0).abs() < 0.001);
        }
    }
}
