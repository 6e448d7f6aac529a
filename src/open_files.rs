//! The limit on open files. Each connection is an open file, and many systems allow 1,024 of them
//! until a process raises its limit.

use crate::config::ConnectionLimits;

/// Raises the open-file limit of the process as far as the system allows, and lowers the connection
/// limits if they exceed it.
pub fn fit_limits(limits: &mut ConnectionLimits) {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(open_files) => {
            if limits.fit(open_files) {
                tracing::warn!(
                    open_files,
                    max_connections = limits.max_connections,
                    max_sockets = limits.max_sockets,
                    "connection limits lowered to fit the open-file limit"
                );
            }
        }
        Err(error) => tracing::warn!(%error, "could not raise the open-file limit"),
    }
}
