//! The limit on open files. Each connection is an open file, and many systems allow 1,024 of them
//! until a process raises its limit.

use crate::config::{ConnectionLimits, FittedLimits};

/// The result of [`fit_limits`].
#[derive(Debug)]
#[must_use = "an operator must learn of limits that were lowered"]
pub struct OpenFiles {
    limit: Result<u64, std::io::Error>,
    fitted: FittedLimits,
    limits: ConnectionLimits,
}

/// Raises the open-file limit of the process as far as the system allows, and lowers the connection
/// limits if they exceed it.
pub fn fit_limits(limits: &mut ConnectionLimits) -> OpenFiles {
    let limit = rlimit::increase_nofile_limit(u64::MAX);
    let fitted = match &limit {
        Ok(open_files) => limits.fit(*open_files),
        Err(_) => FittedLimits::Kept,
    };
    OpenFiles {
        limit,
        fitted,
        limits: *limits,
    }
}

impl OpenFiles {
    /// Returns the open-file limit and what it did to the connection limits.
    ///
    /// # Errors
    /// The error of the operating system, if it does not permit to raise the limit.
    pub fn result(&self) -> Result<(u64, FittedLimits), &std::io::Error> {
        let limit = self.limit.as_ref();
        limit.map(|open_files| (*open_files, self.fitted))
    }

    /// Logs what changed. Limits of the node that nobody chose are no reason for a warning: a node that
    /// reaches one of them logs that. A lowered limit of an address is one, because it may reject
    /// clients while there is space for others.
    pub fn log(&self) {
        let open_files = match &self.limit {
            Ok(open_files) => *open_files,
            Err(error) => {
                tracing::warn!(
                    %error,
                    "could not raise the open-file limit; raise it with `ulimit -n`, or with \
                     LimitNOFILE in a systemd unit"
                );
                return;
            }
        };
        let ConnectionLimits {
            max_connections,
            max_sockets,
            max_connections_per_address,
            max_sockets_per_address,
            ..
        } = self.limits;
        match self.fitted {
            FittedLimits::Kept => {}
            FittedLimits::LoweredDefaults => tracing::debug!(
                open_files,
                max_connections,
                max_sockets,
                "default connection limits lowered to fit the open-file limit"
            ),
            FittedLimits::LoweredToReserve => tracing::warn!(
                max_connections,
                max_sockets,
                "--max-sockets lowered, because a tenth of --max-connections is reserved for \
                 requests; raise --max-connections, or lower --max-sockets"
            ),
            FittedLimits::LoweredSettings => tracing::warn!(
                open_files,
                max_connections,
                max_sockets,
                max_connections_per_address,
                max_sockets_per_address,
                "connection limits lowered to fit the open-file limit; raise it with `ulimit -n`, \
                 or with LimitNOFILE in a systemd unit"
            ),
        }
    }
}
