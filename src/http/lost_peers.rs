//! Peers that vanish without closing their connections: a device whose network or battery is gone.
//!
//! A session whose device has vanished must not count as listening for more than 30 s, because a login
//! would wait for an answer that nobody can give. With the default settings, it is noticed within 28 s,
//! so that two are left to announce it to other nodes:
//! - A WebSocket is pinged every `--keep-alive` (20 s), and its peer must respond within
//!   [`RESPONSE_TIME`].
//! - The client of an event stream sends nothing after its request, so the kernel must notice that it
//!   acknowledges nothing. It gets a comment every [`comment_interval`] (8 s), and is lost if it has
//!   not acknowledged it after twice `--stall-timeout` (20 s). The kernel counts from the same time
//!   on if the client acknowledges, but reads nothing, so no shorter time is possible: a response may
//!   stay unread for as long.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::config::ConnectionLimits;

/// The maximum time in which a peer must respond to a ping, and between two comments of an event
/// stream.
const RESPONSE_TIME: Duration = Duration::from_secs(8);

/// The time in which the peer of a WebSocket must respond to a ping.
pub(super) fn response_time(limits: &ConnectionLimits) -> Duration {
    limits.keep_alive.min(RESPONSE_TIME)
}

/// The longest time in which an event stream sends nothing.
pub(super) fn comment_interval(limits: &ConnectionLimits) -> Duration {
    limits.keep_alive.min(RESPONSE_TIME)
}

/// The time for which a peer of HTTP may leave a response unread, and for which sent data may stay
/// without an acknowledgment.
pub(super) fn unread_time(limits: &ConnectionLimits) -> Duration {
    limits.stall_timeout * 2
}

/// Lets the kernel end the connection if the peer acknowledges nothing for [`unread_time`]
/// (`TCP_USER_TIMEOUT`, tcp(7)). Without it, Linux sends the data again for about 15 minutes.
#[cfg(target_os = "linux")]
pub(super) fn limit_silence(stream: &TcpStream, limits: &ConnectionLimits) {
    // The kernel reads the number as a signed one.
    const LONGEST: u32 = i32::MAX.unsigned_abs();
    let millis = u32::try_from(unread_time(limits).as_millis()).unwrap_or(LONGEST);
    let millis = millis.min(LONGEST);
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, millis) {
        tracing::debug!(%error, "could not limit the time without an acknowledgment");
    }
}

/// Other systems end the connection after a time of their own.
#[cfg(not(target_os = "linux"))]
pub(super) fn limit_silence(_stream: &TcpStream, _limits: &ConnectionLimits) {}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Cli;

    const MAX_STALENESS: Duration = Duration::from_secs(30);

    /// Announcing to other nodes that a session has ceased to listen takes a second, and a write.
    const ANNOUNCEMENT: Duration = Duration::from_secs(2);

    fn limits(flags: &[&str]) -> ConnectionLimits {
        let arguments = [&["sessiond"], flags].concat();
        Cli::parse_from(arguments).settings.connection_limits
    }

    #[test]
    fn by_default_a_lost_peer_is_noticed_within_30_seconds() {
        let limits = limits(&[]);
        let of_socket = limits.keep_alive + response_time(&limits);
        let of_event_stream = comment_interval(&limits) + unread_time(&limits);
        for time in [of_socket, of_event_stream] {
            assert!(time + ANNOUNCEMENT <= MAX_STALENESS, "{time:?}");
        }
    }

    #[test]
    fn a_short_keep_alive_shortens_the_other_times() {
        let limits = limits(&["--keep-alive=1s"]);
        let second = Duration::from_secs(1);
        assert_eq!(response_time(&limits), second);
        assert_eq!(comment_interval(&limits), second);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_kernel_waits_for_an_acknowledgment_as_long_as_a_response_may_stay_unread() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _client = TcpStream::connect(address).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        for (flags, expected) in [
            (&["--stall-timeout=10s"], 20_000),
            (&["--stall-timeout=100d"], i32::MAX.unsigned_abs()),
        ] {
            limit_silence(&accepted, &limits(flags));
            let set = rustix::net::sockopt::tcp_user_timeout(&accepted).unwrap();
            assert_eq!(set, expected);
        }
    }
}
