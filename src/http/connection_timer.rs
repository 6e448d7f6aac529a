//! The timer with which hyper limits the time for each request's head.
//!
//! hyper sets a timer for each head, and cancels it when the head has arrived. A timer of tokio
//! takes a lock of the runtime for each of these steps. A busy connection would pay for both with
//! each request, although a head is almost never late. So a connection has one timer of tokio. It is
//! moved only if it fires before hyper's deadline, which is at most once in the time limit.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;

/// A timer for one connection. Only the last deadline counts.
#[derive(Debug, Default)]
pub(super) struct ConnectionTimer {
    shared: SharedSleep,
}

/// `None` until the connection waits for the first time.
type SharedSleep = Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>;

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Deadline {
            deadline: deadline.into(),
            shared: Arc::clone(&self.shared),
        })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

/// Waits until its deadline. Dropping it leaves the timer of the connection running.
struct Deadline {
    deadline: tokio::time::Instant,
    shared: SharedSleep,
}

impl Sleep for Deadline {}

impl Future for Deadline {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut shared = self.shared.lock();
        let sleep = shared.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(self.deadline)));
        loop {
            // An earlier time is left in place: most deadlines are canceled before it.
            if sleep.deadline() > self.deadline {
                sleep.as_mut().reset(self.deadline);
            }
            ready!(sleep.as_mut().poll(context));
            if sleep.deadline() == self.deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(self.deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_at_its_time_although_an_earlier_one_was_canceled() {
        let timer = ConnectionTimer::default();
        let start = timer.now();
        let mut canceled = timer.sleep_until(start + SECOND);
        assert_eq!(canceled.as_mut().now_or_never(), None);
        drop(canceled);

        timer.sleep_until(start + 5 * SECOND).await;

        assert_eq!(timer.now() - start, 5 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_at_its_time_although_a_later_one_was_canceled() {
        let timer = ConnectionTimer::default();
        let start = timer.now();
        assert_eq!(timer.sleep(5 * SECOND).as_mut().now_or_never(), None);

        timer.sleep(SECOND).await;

        assert_eq!(timer.now() - start, SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_in_the_past_has_passed() {
        let timer = ConnectionTimer::default();
        let start = timer.now();
        timer.sleep(SECOND).await;
        for past in [start + SECOND, start] {
            assert_eq!(timer.sleep_until(past).as_mut().now_or_never(), Some(()));
        }
    }
}
