//! The limits on one operation, on one client and on one node. The defaults allow GraphiQL's
//! introspection.

use std::{num::NonZeroUsize, time::Duration};

use clap::{ArgAction, Args};

use super::values::{count, depth, duration};

/// The limits on one operation.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Limits")]
pub struct OperationLimits {
    /// Maximum number of lexical tokens in the text of an operation
    #[arg(
        long,
        env = "SESSIOND_MAX_QUERY_TOKENS",
        global = true,
        value_name = "COUNT",
        default_value = "2000",
        value_parser = count::<NonZeroUsize>
    )]
    pub max_query_tokens: NonZeroUsize,

    /// Maximum nesting of fields, from 1 to 32; GraphiQL's introspection needs 15
    #[arg(
        long,
        env = "SESSIOND_MAX_DEPTH",
        global = true,
        value_name = "COUNT",
        default_value = "16",
        value_parser = depth
    )]
    pub max_depth: NonZeroUsize,

    /// Maximum number of fields of an operation; a field in a list counts once for each possible
    /// entry; GraphiQL's introspection needs 230
    #[arg(
        long,
        env = "SESSIOND_MAX_COMPLEXITY",
        global = true,
        value_name = "COUNT",
        default_value = "5000",
        value_parser = count::<NonZeroUsize>
    )]
    pub max_complexity: NonZeroUsize,

    /// Maximum number of aliased fields of an operation
    #[arg(
        long,
        env = "SESSIOND_MAX_ALIASES",
        global = true,
        value_name = "COUNT",
        default_value = "32",
        value_parser = count::<NonZeroUsize>
    )]
    pub max_aliases: NonZeroUsize,

    /// Maximum number of directives on one field, fragment, variable or operation
    #[arg(
        long,
        env = "SESSIOND_MAX_DIRECTIVES",
        global = true,
        value_name = "COUNT",
        default_value = "8",
        value_parser = count::<NonZeroUsize>
    )]
    pub max_directives: NonZeroUsize,

    /// Whether clients may read the schema
    #[arg(
        long,
        env = "SESSIOND_INTROSPECTION",
        global = true,
        action = ArgAction::Set,
        value_name = "BOOL",
        default_value = "true"
    )]
    pub introspection: bool,
}

/// The limits on connections, and on what one connection sends and receives.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Limits")]
pub struct ConnectionLimits {
    /// Maximum length of a request body and of a WebSocket message, in bytes
    #[arg(
        long,
        env = "SESSIOND_MAX_BODY",
        global = true,
        value_name = "BYTES",
        default_value = "65536",
        value_parser = count::<NonZeroUsize>
    )]
    pub max_body: NonZeroUsize,

    /// Maximum number of operations that run at the same time on one WebSocket
    #[arg(
        long,
        env = "SESSIOND_MAX_SUBSCRIPTIONS",
        global = true,
        value_name = "COUNT",
        default_value = "100",
        value_parser = count::<NonZeroUsize>
    )]
    pub max_subscriptions: NonZeroUsize,

    /// Maximum number of open connections on this node, WebSockets included; further ones are
    /// closed
    #[arg(
        long,
        env = "SESSIOND_MAX_CONNECTIONS",
        global = true,
        value_name = "COUNT",
        default_value_t = DEFAULT_MAX_CONNECTIONS,
        value_parser = count::<NonZeroUsize>
    )]
    pub max_connections: NonZeroUsize,

    /// Maximum number of open connections of one peer address (for IPv6: of one /64 network); not
    /// applied behind a proxy that sends the client's address
    #[arg(
        long,
        env = "SESSIOND_MAX_CONNECTIONS_PER_ADDRESS",
        global = true,
        value_name = "COUNT",
        default_value = "2000",
        value_parser = count::<NonZeroUsize>
    )]
    pub max_connections_per_address: NonZeroUsize,

    /// Maximum number of open WebSockets and event streams on this node
    #[arg(
        long,
        env = "SESSIOND_MAX_SOCKETS",
        global = true,
        value_name = "COUNT",
        default_value_t = DEFAULT_MAX_SOCKETS,
        value_parser = count::<NonZeroUsize>
    )]
    pub max_sockets: NonZeroUsize,

    /// Maximum number of open WebSockets and event streams of one client address (for IPv6: of one
    /// /64 network)
    #[arg(
        long,
        env = "SESSIOND_MAX_SOCKETS_PER_ADDRESS",
        global = true,
        value_name = "COUNT",
        default_value = "1000",
        value_parser = count::<NonZeroUsize>
    )]
    pub max_sockets_per_address: NonZeroUsize,

    /// Maximum time for the head of a request to arrive from its first byte on, and then for its
    /// body; also the maximum time from a new connection to its first request
    #[arg(
        long,
        env = "SESSIOND_REQUEST_TIMEOUT",
        global = true,
        default_value = "10s",
        value_parser = duration
    )]
    pub request_timeout: Duration,

    /// Maximum time that a connection stays open without a request after a response; a proxy must
    /// close its idle connections earlier (by default, nginx and the load balancers of AWS do so
    /// after 60s)
    #[arg(
        long,
        env = "SESSIOND_CONNECTION_IDLE_TIMEOUT",
        global = true,
        default_value = "120s",
        value_parser = duration
    )]
    pub connection_idle_timeout: Duration,

    /// Maximum time from the upgrade of a WebSocket to its `connection_init`
    #[arg(
        long,
        env = "SESSIOND_INIT_TIMEOUT",
        global = true,
        default_value = "10s",
        value_parser = duration
    )]
    pub init_timeout: Duration,

    /// Interval of the pings on a WebSocket, and of the comments on an event stream if it is shorter
    /// than 8s; a peer that does not respond to a ping within 8s, or within a shorter interval, is
    /// disconnected
    #[arg(
        long,
        env = "SESSIOND_KEEP_ALIVE",
        global = true,
        default_value = "20s",
        value_parser = duration
    )]
    pub keep_alive: Duration,

    /// Maximum time that a WebSocket client may leave a message unread; twice as long for any other
    /// response, and for sent data without an acknowledgment
    #[arg(
        long,
        env = "SESSIOND_STALL_TIMEOUT",
        global = true,
        default_value = "10s",
        value_parser = duration
    )]
    pub stall_timeout: Duration,
}

/// The number of open files that are reserved for the store and the log. An SQLite reader has three
/// open files, and up to 64 readers run at the same time.
const RESERVED_FILES: u64 = 256;

const DEFAULT_MAX_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(120_000).unwrap();
const DEFAULT_MAX_SOCKETS: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

/// The result of [`ConnectionLimits::fit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FittedLimits {
    /// The limits fit.
    Kept,
    /// Only defaults were lowered.
    LoweredDefaults,
    /// A limit that the operator chose was lowered.
    LoweredSettings,
}

/// One in this many connections is reserved for plain requests, so that token checks are served
/// even if WebSockets and event streams use all other connections.
const RESERVED_CONNECTIONS_DIVISOR: usize = 10;

impl ConnectionLimits {
    /// Lowers the limits on connections and on sockets so that they fit this open-file limit.
    pub fn fit(&mut self, open_files: u64) -> FittedLimits {
        let capacity =
            usize::try_from(open_files.saturating_sub(RESERVED_FILES)).unwrap_or(usize::MAX);
        let connections = NonZeroUsize::new(capacity)
            .unwrap_or(NonZeroUsize::MIN)
            .min(self.max_connections);
        let reserved = connections.get().div_ceil(RESERVED_CONNECTIONS_DIVISOR);
        let sockets = NonZeroUsize::new(connections.get() - reserved)
            .unwrap_or(NonZeroUsize::MIN)
            .min(self.max_sockets);
        let before = (self.max_connections, self.max_sockets);
        (self.max_connections, self.max_sockets) = (connections, sockets);
        let is_chosen_and_lowered = |before, default, now| before != default && before != now;
        if before == (connections, sockets) {
            FittedLimits::Kept
        } else if is_chosen_and_lowered(before.0, DEFAULT_MAX_CONNECTIONS, connections)
            || is_chosen_and_lowered(before.1, DEFAULT_MAX_SOCKETS, sockets)
        {
            FittedLimits::LoweredSettings
        } else {
            FittedLimits::LoweredDefaults
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::FittedLimits::{Kept, LoweredDefaults, LoweredSettings};
    use crate::config::Cli;

    #[test]
    fn connections_fit_the_open_file_limit_and_some_are_reserved_for_requests() {
        for (flags, open_files, connections, sockets, fitted) in [
            (&["sessiond"][..], 1_048_576, 120_000, 100_000, Kept),
            (&["sessiond"], 1024, 768, 691, LoweredDefaults),
            (
                &["sessiond", "--max-sockets=500"],
                1024,
                768,
                500,
                LoweredDefaults,
            ),
            (
                &["sessiond", "--max-connections=200"],
                1024,
                200,
                180,
                LoweredDefaults,
            ),
            (
                &["sessiond", "--max-connections=2", "--max-sockets=1"],
                1024,
                2,
                1,
                Kept,
            ),
            (&["sessiond"], 100, 1, 1, LoweredDefaults),
            (
                &["sessiond", "--max-sockets=700"],
                1024,
                768,
                691,
                LoweredSettings,
            ),
            (
                &["sessiond", "--max-connections=900"],
                1024,
                768,
                691,
                LoweredSettings,
            ),
        ] {
            let mut limits = Cli::parse_from(flags).settings.connection_limits;
            assert_eq!(limits.fit(open_files), fitted, "{flags:?}");
            assert_eq!(
                (limits.max_connections.get(), limits.max_sockets.get()),
                (connections, sockets)
            );
        }
    }
}
