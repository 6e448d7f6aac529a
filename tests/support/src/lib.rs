//! Support for the tests and benchmarks of sessiond: servers, clients, clocks, users and deadlines.
//!
//! A test sends requests to a real server: to a [`TestServer`], which runs in the process of the
//! test with a [`FakeClock`], or to a [`ServerProcess`], which the test can kill. Both dereference
//! to an [`ApiClient`]. Tests of a store use the users of [`fixtures`]. Both stores pass the tests
//! of one [`contract`].

mod client;
mod clock;
pub mod clock_steps;
mod connection;
pub mod contract;
mod deadline;
mod decision_race;
mod event_stream;
pub mod fixtures;
mod mmdb;
mod mongo_relay;
mod mongo_server;
mod operations;
mod random;
mod response;
mod server_process;
mod socket;
mod steady_load;
mod store_lists;
mod tcp_proxy;
mod test_key;
mod test_server;
mod webhook_receiver;

#[cfg(target_os = "linux")]
pub use self::connection::vanish;
pub use self::{
    client::{ApiClient, merge},
    clock::FakeClock,
    connection::{connect, connect_and_send, read_head, read_to_end},
    deadline::{DEADLINE, within, within_deadline},
    decision_race::{DECISION_RACES, DecisionRace, assert_each_end_is_alerted_once},
    event_stream::{EVENT_STREAM, EventStream},
    mmdb::mmdb_file,
    mongo_relay::{Failure, Fault, MongoRelay, Statement},
    mongo_server::{MAX_RETENTION, MongoDatabase, MongoServer, free_port},
    operations::{Account, UNBOUNDED_ALERTS},
    random::SeededRandom,
    response::GraphQlResponse,
    server_process::{Binary, ServerBuilder, ServerProcess, run_to_exit},
    socket::{AlertSubscription, Socket},
    steady_load::{Answered, SteadyLoad, outage_length},
    store_lists::StoreLists,
    tcp_proxy::TcpProxy,
    test_key::TestKey,
    test_server::TestServer,
    webhook_receiver::{
        WEBHOOK_PATH, WEBHOOK_SECRET, WebhookFlags, WebhookReceiver, WebhookRequest, url_at,
    },
};

/// The service key of every server that has one.
pub const SERVICE_KEY: &str = "a service key of 32 characters or more";

/// The mobile number of a test's only user.
pub const MOBILE: &str = "9012345678";

/// The mobile number of a second user.
pub const OTHER_MOBILE: &str = "9012345679";

/// A mobile number that belongs to no user.
pub const UNKNOWN_MOBILE: &str = "9099999999";
