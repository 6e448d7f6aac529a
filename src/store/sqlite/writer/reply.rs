//! The result of a command, on its way to the caller.

use tokio::sync::oneshot;

use crate::store::StoreError;

/// The channel to the caller that waits for a command's result.
pub(in crate::store::sqlite) struct Reply<T, E> {
    caller: oneshot::Sender<Result<T, E>>,
    /// The result if the transaction becomes durable. `None` before the command was performed.
    pub result: Option<Result<T, E>>,
}

impl<T, E: From<StoreError>> Reply<T, E> {
    pub(in crate::store::sqlite) fn channel() -> (Self, oneshot::Receiver<Result<T, E>>) {
        let (caller, receiver) = oneshot::channel();
        let reply = Self {
            caller,
            result: None,
        };
        (reply, receiver)
    }

    /// Sends the result of the performed command, or the reason why its transaction was lost.
    /// Returns whether the command has succeeded.
    pub(super) fn send(self, durable: Result<(), StoreError>) -> bool {
        let not_performed = || Err(StoreError::Unavailable("not performed".into()).into());
        // If the transaction is lost, so is everything that the command was decided against.
        let result = match durable {
            Ok(()) => self.result.unwrap_or_else(not_performed),
            Err(error) => Err(error.into()),
        };
        let is_success = result.is_ok();
        // Sending fails if the caller has stopped waiting. A performed write remains applied.
        let _ = self.caller.send(result);
        is_success
    }
}
