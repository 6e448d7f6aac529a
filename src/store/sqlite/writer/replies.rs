//! Sends the results of durable commands to their callers, on a thread of the runtime.
//!
//! If a thread outside of the runtime wakes a task, tokio wakes a worker that searches for it. When that
//! worker has found the task, it wakes another one, which searches for more. A worker that is woken by a
//! pipe has its task at once, and wakes nobody. The writer therefore puts the commands of a batch into a
//! queue, and writes one byte to a pipe.

use std::{
    io::{PipeWriter, Write},
    mem,
    os::fd::OwnedFd,
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::{io::AsyncReadExt, net::unix::pipe, runtime::Handle};

use super::Command;
use crate::store::changes::ChangeNotifier;

/// The writer's end of the queue.
#[derive(Debug)]
pub(in super::super) struct Replies {
    queue: Arc<Queue>,
    /// `None` if no task takes the commands.
    signals: Option<PipeWriter>,
}

struct Queue {
    state: Mutex<State>,
    notifier: ChangeNotifier,
}

#[derive(Default)]
struct State {
    /// Commands whose callers wait, so their number is bounded by that of the requests.
    durable: Vec<Command>,
    /// False if the runtime has ended.
    has_task: bool,
}

impl Replies {
    /// Starts the task that sends the results, in the runtime of this thread. Without a runtime, the
    /// writer sends them itself.
    pub(in super::super) fn start(notifier: ChangeNotifier) -> Self {
        let queue = Arc::new(Queue {
            state: Mutex::default(),
            notifier,
        });
        let runtime = Handle::try_current().ok();
        let signals = runtime.and_then(|runtime| start_task(&queue, &runtime));
        Self { queue, signals }
    }

    /// Sends the results of the commands of a batch, and their notifications.
    pub(in super::super) fn send(&self, batch: Vec<Command>) {
        let mut state = self.queue.state.lock();
        let Some(mut signals) = self.signals.as_ref().filter(|_| state.has_task) else {
            drop(state);
            self.queue.complete(batch);
            return;
        };
        let was_empty = state.durable.is_empty();
        state.durable.extend(batch);
        drop(state);
        // Otherwise, the task has yet to answer an earlier byte. The pipe never holds more than a few
        // bytes, so the writer does not wait for it.
        if was_empty {
            // It fails if the runtime has just ended, and the task has sent the results then.
            let _ = signals.write_all(&[0]);
        }
    }
}

/// Returns the end of the pipe that wakes the task. Returns `None` if there are no more pipes.
fn start_task(queue: &Arc<Queue>, runtime: &Handle) -> Option<PipeWriter> {
    let (reader, signals) = std::io::pipe().ok()?;
    let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).ok()?;
    queue.state.lock().has_task = true;
    let task = Task(Arc::clone(queue));
    // It ends with the writer, so it needs no token, and nobody waits for it.
    runtime.spawn(task.run(reader));
    Some(signals)
}

/// The task that sends the results.
struct Task(Arc<Queue>);

impl Task {
    /// Runs until the writer has ended.
    async fn run(self, mut reader: pipe::Receiver) {
        let mut bytes = [0; 16];
        while let Ok(1..) = reader.read(&mut bytes).await {
            let durable = mem::take(&mut self.0.state.lock().durable);
            self.0.complete(durable);
        }
    }
}

impl Drop for Task {
    /// Sends the results that are left if the runtime has ended. Later ones are sent by the writer.
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.has_task = false;
        let durable = mem::take(&mut state.durable);
        drop(state);
        self.0.complete(durable);
    }
}

impl Queue {
    fn complete(&self, durable: Vec<Command>) {
        for command in durable {
            if let Some(notification) = command.complete(Ok(())) {
                self.notifier.send(notification);
            }
        }
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use tokio::{
        runtime::{Builder, Runtime},
        sync::oneshot,
        time::timeout,
    };

    use super::*;
    use crate::store::{StoreError, sqlite::writer::Reply};

    type Outcome = oneshot::Receiver<Result<(), StoreError>>;

    /// The deadline makes a failing test end.
    const DEADLINE: Duration = Duration::from_secs(30);

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_all().build().unwrap()
    }

    fn started_in(runtime: &Runtime) -> Replies {
        let _entered = runtime.enter();
        Replies::start(ChangeNotifier::new())
    }

    /// A performed command, and its caller.
    fn performed() -> (Vec<Command>, Outcome) {
        let (mut reply, outcome) = Reply::channel();
        reply.result = Some(Ok(()));
        let touches = Vec::new();
        (vec![Command::Touch { touches, reply }], outcome)
    }

    #[test]
    fn results_of_another_thread_are_sent_by_the_runtime() {
        let runtime = runtime();
        let replies = started_in(&runtime);
        let (batches, outcomes): (Vec<_>, Vec<_>) = (0..1000).map(|_| performed()).unzip();
        let writer = thread::spawn(move || {
            for batch in batches {
                replies.send(batch);
            }
        });
        runtime.block_on(async {
            for outcome in outcomes {
                timeout(DEADLINE, outcome).await.unwrap().unwrap().unwrap();
            }
        });
        writer.join().unwrap();
    }

    #[test]
    fn results_that_are_left_when_the_writer_ends_are_sent() {
        let runtime = runtime();
        let replies = started_in(&runtime);
        let (batch, outcome) = performed();
        replies.send(batch);
        drop(replies);
        let sent = runtime.block_on(async { timeout(DEADLINE, outcome).await });
        sent.unwrap().unwrap().unwrap();
    }

    #[test]
    fn the_end_of_the_runtime_leaves_no_caller_waiting() {
        let runtime = runtime();
        let replies = started_in(&runtime);
        let (before, mut outcome_before) = performed();
        replies.send(before);
        assert!(outcome_before.try_recv().is_err());
        drop(runtime);
        outcome_before.try_recv().unwrap().unwrap();

        let (after, mut outcome_after) = performed();
        replies.send(after);
        outcome_after.try_recv().unwrap().unwrap();
    }

    #[test]
    fn without_a_runtime_the_writer_sends_the_results() {
        let replies = Replies::start(ChangeNotifier::new());
        let (batch, mut outcome) = performed();
        replies.send(batch);
        outcome.try_recv().unwrap().unwrap();
    }
}
