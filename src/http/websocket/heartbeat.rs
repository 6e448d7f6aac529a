//! The pings of a WebSocket, and the peers that do not respond to them.

use std::time::Duration;

use super::super::lost_peers::response_time;
use crate::config::ConnectionLimits;

/// Decides when to ping the peer, and when it is lost. Its timer first fires one interval after the
/// start.
#[derive(Debug)]
pub(super) struct Heartbeat {
    /// The interval of the pings.
    interval: Duration,
    /// The part of it in which the peer must respond.
    response_time: Duration,
    awaits_response: bool,
    /// Whether the peer has shown a sign of life since the last ping.
    is_alive: bool,
}

/// What to do when the timer fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    /// Ping the peer.
    Ping,
    /// Nothing: the peer has responded.
    Responded,
    /// End the socket.
    Lost,
}

impl Heartbeat {
    pub(super) fn new(limits: &ConnectionLimits) -> Self {
        Self {
            interval: limits.keep_alive,
            response_time: response_time(limits),
            awaits_response: false,
            is_alive: false,
        }
    }

    /// Notes a sign of life of the peer.
    pub(super) const fn heard(&mut self) {
        self.is_alive = true;
    }

    /// Returns what to do, and the time until the timer fires again.
    pub(super) fn elapsed(&mut self) -> (Beat, Duration) {
        if !self.awaits_response {
            (self.awaits_response, self.is_alive) = (true, false);
            return (Beat::Ping, self.response_time);
        }
        self.awaits_response = false;
        let beat = if self.is_alive {
            Beat::Responded
        } else {
            Beat::Lost
        };
        (beat, self.interval.saturating_sub(self.response_time))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Cli;

    const SECOND: Duration = Duration::from_secs(1);

    fn heartbeat(keep_alive: &str) -> Heartbeat {
        let arguments = ["sessiond", "--keep-alive", keep_alive];
        Heartbeat::new(&Cli::parse_from(arguments).settings.connection_limits)
    }

    #[test]
    fn a_peer_that_vanishes_after_any_message_is_lost_within_28_seconds() {
        let mut heartbeat = heartbeat("20s");
        assert_eq!(heartbeat.elapsed(), (Beat::Ping, 8 * SECOND));
        // The worst time for the last message is just after a ping: 8 + 12 + 8 seconds follow.
        heartbeat.heard();
        assert_eq!(heartbeat.elapsed(), (Beat::Responded, 12 * SECOND));
        assert_eq!(heartbeat.elapsed(), (Beat::Ping, 8 * SECOND));
        assert_eq!(heartbeat.elapsed().0, Beat::Lost);
    }

    #[test]
    fn a_ping_follows_each_interval_however_short_it_is() {
        for (keep_alive, interval) in [("1s", SECOND), ("8s", 8 * SECOND), ("1m", 60 * SECOND)] {
            let mut heartbeat = heartbeat(keep_alive);
            for _ in 0..3 {
                let (ping, first) = heartbeat.elapsed();
                heartbeat.heard();
                let (responded, second) = heartbeat.elapsed();
                assert_eq!((ping, responded), (Beat::Ping, Beat::Responded));
                assert_eq!(first + second, interval);
            }
        }
    }

    #[test]
    fn a_message_before_the_ping_is_no_response() {
        let mut heartbeat = heartbeat("20s");
        heartbeat.heard();
        assert_eq!(heartbeat.elapsed().0, Beat::Ping);
        assert_eq!(heartbeat.elapsed().0, Beat::Lost);
    }
}
