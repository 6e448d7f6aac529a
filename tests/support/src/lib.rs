//! Support for the tests and benchmarks of sessiond: servers, clients, clocks, users and deadlines.
//!
//! A test talks to a real server: a [`TestServer`] in its own process, with a [`FakeClock`], or a
//! [`ServerProcess`], which it can kill. Both dereference to an [`ApiClient`]. Tests of a store use
//! the users of [`fixtures`], and hold each store to one [`contract`].

mod client;
mod clock;
mod connection;
pub mod contract;
mod deadline;
mod event_stream;
pub mod fixtures;
mod mongo_server;
mod random;
mod response;
mod server_process;
mod socket;
mod tcp_proxy;
mod test_server;

pub use self::{
    client::{Account, ApiClient, merge},
    clock::FakeClock,
    connection::{connect, connect_and_send, read_head, read_to_end},
    deadline::{DEADLINE, within, within_deadline},
    event_stream::{EVENT_STREAM, EventStream},
    mongo_server::{FOREVER, MongoDatabase, MongoServer, free_port},
    random::SeededRandom,
    response::GraphQlResponse,
    server_process::{Binary, ServerBuilder, ServerProcess, run_to_exit},
    socket::{AlertSubscription, Socket},
    tcp_proxy::TcpProxy,
    test_server::TestServer,
};

/// The key of servers that have a service key.
pub const SERVICE_KEY: &str = "a service key of 32 characters or more";

/// The mobile number of a test's only user.
pub const MOBILE: &str = "9012345678";

/// The mobile number of a second user.
pub const OTHER_MOBILE: &str = "9012345679";

/// A mobile number that nobody has.
pub const UNKNOWN_MOBILE: &str = "9099999999";
