//! What one operation, one client and one node may take at most. The defaults let GraphiQL's introspection through.

use std::{num::NonZeroUsize, time::Duration};

use clap::{ArgAction, Args};

use super::values::duration;

#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Longest request body and WebSocket message, in bytes
    #[arg(
        long,
        env = "SESSIOND_MAX_BODY",
        global = true,
        value_name = "BYTES",
        default_value = "65536"
    )]
    pub max_body: NonZeroUsize,

    /// Names, numbers, strings and punctuators in an operation's text
    #[arg(
        long,
        env = "SESSIOND_MAX_QUERY_TOKENS",
        global = true,
        value_name = "COUNT",
        default_value = "2000"
    )]
    pub max_query_tokens: NonZeroUsize,

    /// Fields inside fields; GraphiQL's introspection needs 15
    #[arg(
        long,
        env = "SESSIOND_MAX_DEPTH",
        global = true,
        value_name = "COUNT",
        default_value = "16"
    )]
    pub max_depth: NonZeroUsize,

    /// Fields of an operation, those of a list counted as often as it may be long; GraphiQL's introspection needs 230
    #[arg(
        long,
        env = "SESSIOND_MAX_COMPLEXITY",
        global = true,
        value_name = "COUNT",
        default_value = "5000"
    )]
    pub max_complexity: NonZeroUsize,

    /// Aliased fields of an operation
    #[arg(
        long,
        env = "SESSIOND_MAX_ALIASES",
        global = true,
        value_name = "COUNT",
        default_value = "32"
    )]
    pub max_aliases: NonZeroUsize,

    /// Directives on one field, fragment, variable or operation
    #[arg(
        long,
        env = "SESSIOND_MAX_DIRECTIVES",
        global = true,
        value_name = "COUNT",
        default_value = "8"
    )]
    pub max_directives: NonZeroUsize,

    /// Whether the API answers what its schema is
    #[arg(
        long,
        env = "SESSIOND_INTROSPECTION",
        global = true,
        action = ArgAction::Set,
        value_name = "BOOL",
        default_value = "true"
    )]
    pub introspection: bool,

    /// Operations that run at once on one WebSocket
    #[arg(
        long,
        env = "SESSIOND_MAX_SUBSCRIPTIONS",
        global = true,
        value_name = "COUNT",
        default_value = "100"
    )]
    pub max_subscriptions: NonZeroUsize,

    /// Connections that are open at once on this node, WebSockets among them; what comes beyond them is closed
    #[arg(
        long,
        env = "SESSIOND_MAX_CONNECTIONS",
        global = true,
        value_name = "COUNT",
        default_value = "120000"
    )]
    pub max_connections: NonZeroUsize,

    /// The same of one address, of IPv6 of one /64 network; not counted behind a proxy that states the client's address
    #[arg(
        long,
        env = "SESSIOND_MAX_CONNECTIONS_PER_ADDRESS",
        global = true,
        value_name = "COUNT",
        default_value = "2000"
    )]
    pub max_connections_per_address: NonZeroUsize,

    /// WebSockets and event streams that are open at once on this node
    #[arg(
        long,
        env = "SESSIOND_MAX_SOCKETS",
        global = true,
        value_name = "COUNT",
        default_value = "100000"
    )]
    pub max_sockets: NonZeroUsize,

    /// The same of one client's address, of IPv6 of one /64 network
    #[arg(
        long,
        env = "SESSIOND_MAX_SOCKETS_PER_ADDRESS",
        global = true,
        value_name = "COUNT",
        default_value = "1000"
    )]
    pub max_sockets_per_address: NonZeroUsize,

    /// How long a request's head, and then its body, may take to arrive; and how long a connection may idle between two
    #[arg(long, env = "SESSIOND_REQUEST_TIMEOUT", global = true, default_value = "10s", value_parser = duration)]
    pub request_timeout: Duration,

    /// How long a WebSocket may take to send `connection_init`
    #[arg(long, env = "SESSIOND_INIT_TIMEOUT", global = true, default_value = "10s", value_parser = duration)]
    pub init_timeout: Duration,

    /// How often a WebSocket is pinged, and an event stream sent a comment; a peer silent for that long is dropped
    #[arg(long, env = "SESSIOND_KEEP_ALIVE", global = true, default_value = "20s", value_parser = duration)]
    pub keep_alive: Duration,

    /// How long a WebSocket may leave a message unread; twice as long, any client what it is sent
    #[arg(long, env = "SESSIOND_STALL_TIMEOUT", global = true, default_value = "10s", value_parser = duration)]
    pub stall_timeout: Duration,
}

/// Open files left to the store and the log: a reader of an SQLite file has three, and 64 read at once.
const FILES_KEPT: u64 = 256;

/// Of so many connections one is no WebSocket and no event stream, so that a check is answered however many of those
/// there are.
const ONE_IN: usize = 10;

impl Limits {
    /// Takes no more connections than a process that may have so many files open can hold, and no more sockets than
    /// leave some of them to requests. Answers whether that is fewer than was set.
    pub fn fit(&mut self, open_files: u64) -> bool {
        let most = usize::try_from(open_files.saturating_sub(FILES_KEPT)).unwrap_or(usize::MAX);
        let connections = NonZeroUsize::new(most)
            .unwrap_or(NonZeroUsize::MIN)
            .min(self.max_connections);
        let kept = connections.get().div_ceil(ONE_IN);
        let sockets = NonZeroUsize::new(connections.get() - kept).unwrap_or(NonZeroUsize::MIN);
        let before = (self.max_connections, self.max_sockets);
        (self.max_connections, self.max_sockets) = (connections, sockets.min(self.max_sockets));
        before != (self.max_connections, self.max_sockets)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::config::Cli;

    #[test]
    fn connections_fit_the_open_files_and_sockets_leave_some_to_requests() {
        for (flags, open_files, connections, sockets, fewer) in [
            (&["sessiond"][..], 1_048_576, 120_000, 100_000, false),
            (&["sessiond"], 1024, 768, 691, true),
            (&["sessiond", "--max-sockets=500"], 1024, 768, 500, true),
            (&["sessiond", "--max-connections=200"], 1024, 200, 180, true),
            (
                &["sessiond", "--max-connections=2", "--max-sockets=1"],
                1024,
                2,
                1,
                false,
            ),
            (&["sessiond"], 100, 1, 1, true),
        ] {
            let mut limits = Cli::parse_from(flags).settings.limits;
            assert_eq!(limits.fit(open_files), fewer, "{flags:?}");
            assert_eq!(
                (limits.max_connections.get(), limits.max_sockets.get()),
                (connections, sockets)
            );
        }
    }
}
