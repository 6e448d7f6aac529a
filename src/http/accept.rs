//! Accepts connections, also while the process has no file descriptor left.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

use crate::log_limit::LogLimit;

/// The pause after an error of the operating system, such as `EMFILE` (accept(2)). The connection
/// stays in the queue of the listener, which is ready all the time: without a pause, the loop would
/// use a whole core.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Accepts the connections of one listener.
#[derive(Debug)]
pub(super) struct Acceptor {
    listener: TcpListener,
    failures: LogLimit,
}

impl Acceptor {
    pub(super) const fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            failures: LogLimit::new(),
        }
    }

    /// Returns the next connection. Waits after an error that the next attempt would have too.
    pub(super) async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                // This client is gone. Others may wait.
                Err(error) if is_of_client(&error) => {}
                Err(error) => {
                    self.report(&error);
                    sleep(RETRY_INTERVAL).await;
                }
            }
        }
    }

    fn report(&self, error: &io::Error) {
        tracing::debug!(%error, "could not accept a connection");
        if let Some(count) = self.failures.record(Instant::now()) {
            tracing::error!(
                %error,
                count,
                "could not accept connections; if files are missing, raise the open-file limit with \
                 `ulimit -n`, or with LimitNOFILE in a systemd unit"
            );
        }
    }
}

/// Returns whether the error belongs to a connection that ended before it was accepted.
fn is_of_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
