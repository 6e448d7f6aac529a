//! Listens on the addresses of the settings.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

use super::StartError;

/// The setting of the address for the API.
pub(crate) const LISTEN: &str = "--listen";

/// The setting of the address for the metrics.
pub(crate) const METRICS_LISTEN: &str = "--metrics-listen";

/// Listens on the address of the setting `flag`.
///
/// # Errors
/// [`StartError::Listen`].
pub(crate) async fn listen(
    flag: &'static str,
    address: SocketAddr,
) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen {
            flag,
            address,
            source,
        })
}

/// Returns what the operator can do after this error.
pub(super) fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "end the program that uses the port, or set another port",
        io::ErrorKind::AddrNotAvailable => "set an address of this machine",
        io::ErrorKind::PermissionDenied => {
            "set a port of 1024 or above, or permit the lower ones (CAP_NET_BIND_SERVICE)"
        }
        _ => "set another address",
    }
}
