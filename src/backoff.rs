//! Exponential backoff: the pause between two attempts doubles, up to a bound.

use std::time::Duration;

/// The pauses between repeated attempts at one operation.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    /// Creates a backoff whose first pause is `first`. Each further pause is twice as long, up to
    /// `max`.
    #[must_use]
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { next: first, max }
    }

    /// Waits for the next pause.
    pub async fn wait(&mut self) {
        let pause = self.take_next();
        tokio::time::sleep(pause).await;
    }

    /// Waits for a fraction of the next pause: nothing for 0, and almost all of it for 255.
    pub async fn wait_fraction(&mut self, fraction: u8) {
        let pause = self.take_next() * fraction.into() / (u32::from(u8::MAX) + 1);
        tokio::time::sleep(pause).await;
    }

    fn take_next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.max);
        pause
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_pause_is_twice_as_long_up_to_the_bound() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(300));
        for millis in [100, 200, 300, 300] {
            let before = Instant::now();
            backoff.wait().await;
            assert_eq!(before.elapsed(), Duration::from_millis(millis));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fraction_of_a_pause_doubles_the_next_pause() {
        let mut backoff = Backoff::new(Duration::from_millis(128), Duration::from_millis(512));
        for (fraction, millis) in [(128, 64), (0, 0), (64, 128)] {
            let before = Instant::now();
            backoff.wait_fraction(fraction).await;
            assert_eq!(before.elapsed(), Duration::from_millis(millis));
        }
    }
}
