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
        default_value_t = DEFAULT_MAX_CONNECTIONS_PER_ADDRESS,
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
        default_value_t = DEFAULT_MAX_SOCKETS_PER_ADDRESS,
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

/// The default of `--max-connections-per-address`.
const DEFAULT_MAX_CONNECTIONS_PER_ADDRESS: NonZeroUsize = NonZeroUsize::new(2000).unwrap();

/// The default of `--max-sockets-per-address`.
const DEFAULT_MAX_SOCKETS_PER_ADDRESS: NonZeroUsize = NonZeroUsize::new(1000).unwrap();

/// The result of [`ConnectionLimits::fit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FittedLimits {
    /// The limits fit. At most, the default of --max-sockets was lowered to fit --max-connections.
    Kept,
    /// Only the defaults of limits of the node were lowered to fit the open-file limit.
    LoweredDefaults,
    /// To fit the open-file limit, a limit that the operator chose was lowered, or a limit of an
    /// address.
    LoweredSettings,
    /// The open-file limit suffices. The chosen --max-sockets was lowered, because a tenth of
    /// --max-connections is reserved.
    LoweredToReserve,
}

/// One in this many connections is reserved for plain requests, so that token checks are served
/// even if WebSockets and event streams use all other connections.
const RESERVED_CONNECTIONS_DIVISOR: usize = 10;

/// If the open-file limit lowers the limit of the node, the share of it that one address may have, so
/// that one address does not keep out all others. The defaults have a smaller share, a sixtieth, which
/// would be too few connections for one browser on a small node. A limit of an address that the
/// operator chose stays.
const ADDRESS_DIVISOR: usize = 8;

impl ConnectionLimits {
    /// Lowers the limits on connections and on sockets so that they fit this open-file limit.
    pub fn fit(&mut self, open_files: u64) -> FittedLimits {
        let capacity =
            usize::try_from(open_files.saturating_sub(RESERVED_FILES)).unwrap_or(usize::MAX);
        let at_least_one = |count| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
        let before = *self;
        self.max_connections = at_least_one(capacity).min(before.max_connections);
        let reserved = self
            .max_connections
            .get()
            .div_ceil(RESERVED_CONNECTIONS_DIVISOR);
        self.max_sockets =
            at_least_one(self.max_connections.get() - reserved).min(before.max_sockets);
        let is_chosen_and_lowered = |before, default, now| before != default && before != now;
        let lowers_sockets =
            is_chosen_and_lowered(before.max_sockets, DEFAULT_MAX_SOCKETS, self.max_sockets);
        if self.max_connections == before.max_connections {
            return if lowers_sockets {
                FittedLimits::LoweredToReserve
            } else {
                FittedLimits::Kept
            };
        }
        let share = |of: NonZeroUsize| at_least_one(of.get() / ADDRESS_DIVISOR);
        if before.max_connections_per_address == DEFAULT_MAX_CONNECTIONS_PER_ADDRESS {
            let share = share(self.max_connections);
            self.max_connections_per_address = before.max_connections_per_address.min(share);
        }
        if before.max_sockets_per_address == DEFAULT_MAX_SOCKETS_PER_ADDRESS
            && self.max_sockets != before.max_sockets
        {
            let share = share(self.max_sockets);
            self.max_sockets_per_address = before.max_sockets_per_address.min(share);
        }
        let lowers_connections = is_chosen_and_lowered(
            before.max_connections,
            DEFAULT_MAX_CONNECTIONS,
            self.max_connections,
        );
        let of_address = |limits: &Self| {
            (
                limits.max_connections_per_address,
                limits.max_sockets_per_address,
            )
        };
        if lowers_connections || lowers_sockets || of_address(self) != of_address(&before) {
            FittedLimits::LoweredSettings
        } else {
            FittedLimits::LoweredDefaults
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::FittedLimits::{Kept, LoweredDefaults, LoweredSettings, LoweredToReserve};
    use crate::config::Cli;

    #[test]
    fn connections_fit_the_open_file_limit_and_some_are_reserved_for_requests() {
        for (flags, open_files, connections, sockets, fitted) in [
            (&[][..], 1_048_576, 120_000, 100_000, Kept),
            (&[], 20_000, 19_744, 17_769, LoweredDefaults),
            (&[], 1024, 768, 691, LoweredSettings),
            (&["--max-sockets=500"], 20_000, 19_744, 500, LoweredDefaults),
            (&["--max-connections=200"], 1024, 200, 180, Kept),
            (
                &["--max-connections=2", "--max-sockets=1"],
                1024,
                2,
                1,
                Kept,
            ),
            (
                &["--max-connections=100", "--max-sockets=100"],
                20_000,
                100,
                90,
                LoweredToReserve,
            ),
            (
                &["--max-sockets=120000"],
                1_048_576,
                120_000,
                108_000,
                LoweredToReserve,
            ),
            (&[], 100, 1, 1, LoweredSettings),
            (&["--max-sockets=700"], 1024, 768, 691, LoweredSettings),
            (&["--max-connections=900"], 1024, 768, 691, LoweredSettings),
            (
                &["--max-sockets=18000"],
                20_000,
                19_744,
                17_769,
                LoweredSettings,
            ),
            (
                &["--max-connections=19800"],
                20_000,
                19_744,
                17_769,
                LoweredSettings,
            ),
        ] {
            let arguments = ["sessiond"].iter().chain(flags);
            let mut limits = Cli::parse_from(arguments).settings.connection_limits;
            assert_eq!(limits.fit(open_files), fitted, "{flags:?}");
            assert_eq!(
                (limits.max_connections.get(), limits.max_sockets.get()),
                (connections, sockets)
            );
        }
    }

    #[test]
    fn one_address_cannot_take_all_connections_if_the_open_file_limit_lowers_them() {
        let of_an_address = [
            "--max-connections-per-address=90",
            "--max-sockets-per-address=80",
        ];
        for (flags, open_files, connections, sockets, fitted) in [
            (&[][..], 1_048_576, 2000, 1000, Kept),
            (&[], 20_000, 2000, 1000, LoweredDefaults),
            (&[], 400, 18, 16, LoweredSettings),
            (&[], 100, 1, 1, LoweredSettings),
            (&of_an_address, 400, 90, 80, LoweredDefaults),
            (&["--max-sockets=100"], 400, 18, 1000, LoweredSettings),
            // The operator chose them together.
            (&["--max-connections=200"], 1024, 2000, 1000, Kept),
        ] {
            let arguments = ["sessiond"].iter().chain(flags);
            let mut limits = Cli::parse_from(arguments).settings.connection_limits;
            assert_eq!(limits.fit(open_files), fitted, "{flags:?}");
            let of_an_address = (
                limits.max_connections_per_address.get(),
                limits.max_sockets_per_address.get(),
            );
            assert_eq!(of_an_address, (connections, sockets), "{flags:?}");
        }
    }
}
