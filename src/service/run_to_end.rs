//! Runs the use cases that change something to their end, even if the client hangs up.
//!
//! The future of a request is dropped when its client disconnects or completes the operation. A
//! change would then be committed without its log line, and a wrong password would be hashed
//! without being counted. Each such use case therefore runs in a task of its own, and the request
//! only waits for its result. The shutdown waits for these tasks as it waits for requests.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{Error, Service};
use crate::{request_id::InRequest, shutdown::Shutdown, traces};

/// The maximum number of use cases of each [`Workload`] that run at the same time. A client that
/// hangs up frees its connection while its use case continues, so the limits on connections do not
/// bound them. A request beyond the limit waits before its use case starts. If its client hangs up
/// while it waits, nothing is left behind.
///
/// The limit is far above the number of passwords that are hashed at the same time, so it does not
/// slow down logins. A use case takes a few kilobytes, and ends within the time limits on hash
/// slots and changes.
const MAX_USE_CASES: usize = 1024;

/// The maximum time that a request waits for its use case to start. After it, the request fails
/// with
/// [`Error::Busy`].
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// What a use case spends its time on. Each kind has its own limit, so that a flood of logins does
/// not delay an invalidation or a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Workload {
    /// The use case hashes a password.
    Hash,
    /// The use case only reads and writes the store.
    Store,
}

/// The running use cases.
#[derive(Debug)]
pub(super) struct UseCases {
    hashing: Arc<Semaphore>,
    storing: Arc<Semaphore>,
    shutdown: Shutdown,
}

impl UseCases {
    /// The tasks are tracked by `shutdown`.
    pub(super) fn new(shutdown: Shutdown) -> Self {
        Self::with_limit(shutdown, MAX_USE_CASES)
    }

    fn with_limit(shutdown: Shutdown, limit: usize) -> Self {
        Self {
            hashing: Arc::new(Semaphore::new(limit)),
            storing: Arc::new(Semaphore::new(limit)),
            shutdown,
        }
    }

    /// Waits until the use case may start, and then runs it to its end, even if the returned future
    /// is dropped.
    async fn run<T: Send + 'static>(
        &self,
        workload: Workload,
        use_case: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = self.permit(workload).await?;
        let task = async move {
            let _permit = permit;
            use_case.await
        };
        let task = traces::in_current_span(InRequest::current(task));
        self.shutdown.run_to_end(task).await
    }

    async fn permit(&self, workload: Workload) -> Result<OwnedSemaphorePermit, Error> {
        let semaphore = match workload {
            Workload::Hash => &self.hashing,
            Workload::Store => &self.storing,
        };
        match timeout(START_TIMEOUT, Arc::clone(semaphore).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphore is never closed, so only the timeout can end the wait.
            Ok(Err(_)) | Err(_) => Err(Error::Busy),
        }
    }
}

impl Service {
    /// Runs a use case in a task of its own, and returns its result.
    ///
    /// The use case is boxed. Its future takes kilobytes, and would otherwise be part of the future
    /// of the request, which is moved several times before it runs.
    pub(super) async fn run_to_end<T, F>(
        self: &Arc<Self>,
        workload: Workload,
        use_case: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let use_case = Box::pin(use_case(Arc::clone(self)));
        self.use_cases.run(workload, use_case).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;
    use tokio::sync::Notify;

    use super::*;

    const LIMIT: usize = 2;
    /// Longer than any test needs. The deadline makes a failing test end.
    const DEADLINE: Duration = Duration::from_secs(30);

    /// Use cases that wait for `release`, and count how many of them have started and ended.
    #[derive(Default)]
    struct Counts {
        started: AtomicUsize,
        ended: AtomicUsize,
        release: Notify,
    }

    impl Counts {
        async fn use_case(self: Arc<Self>) -> Result<(), Error> {
            self.started.fetch_add(1, Ordering::SeqCst);
            self.release.notified().await;
            self.ended.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_use_case_whose_client_hangs_up_runs_to_its_end_before_the_shutdown() {
        let (shutdown, counts) = (Shutdown::default(), Arc::new(Counts::default()));
        let use_cases = UseCases::new(shutdown.clone());
        let request = use_cases.run(Workload::Hash, Arc::clone(&counts).use_case());
        // The first poll starts the task, and then the client hangs up.
        assert!(request.now_or_never().is_none());
        shutdown.begin();
        assert!(!shutdown.finished_within(Duration::from_millis(1)).await);
        counts.release.notify_one();
        assert!(shutdown.finished_within(DEADLINE).await);
        assert_eq!(counts.ended.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn clients_that_hang_up_leave_no_more_use_cases_than_the_limit() {
        let (shutdown, counts) = (Shutdown::default(), Arc::new(Counts::default()));
        let use_cases = UseCases::with_limit(shutdown.clone(), LIMIT);
        for _ in 0..1000 {
            let request = use_cases.run(Workload::Hash, Arc::clone(&counts).use_case());
            assert!(request.now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        assert_eq!(counts.started.load(Ordering::SeqCst), LIMIT);

        // The other kind of work does not wait for them.
        let other = use_cases.run(Workload::Store, std::future::ready(Ok(())));
        assert!(timeout(DEADLINE, other).await.unwrap().is_ok());
        counts.release.notify_waiters();
        assert!(shutdown.finished_within(DEADLINE).await);
        assert_eq!(counts.ended.load(Ordering::SeqCst), LIMIT);
    }

    #[tokio::test]
    #[should_panic(expected = "a defect")]
    async fn a_panic_of_a_use_case_is_passed_on() {
        let use_cases = UseCases::new(Shutdown::default());
        let use_case = async { panic!("a defect") };
        let _: Result<(), Error> = use_cases.run(Workload::Store, use_case).await;
    }
}
