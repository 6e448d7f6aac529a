//! One node in this process, which every target that needs a server uses.
#![expect(
    clippy::expect_used,
    reason = "a target without its node has to end the fuzzer"
)]

use std::{
    future::Future,
    sync::{Arc, LazyLock},
    time::Duration,
};

use clap::Parser;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    runtime::{Builder, Runtime},
    time::timeout,
};

use crate::{
    app::App, clock::Clock, config::Cli, domain::Timestamp, http::fuzzing::FrontDoor,
    random::SystemRandom,
};

/// The buffer of each direction of a connection: more than the largest input.
const BUFFER_SIZE: usize = 1024 * 1024;

/// A client that has received nothing for this time hangs up.
const QUIET: Duration = Duration::from_millis(2);

/// An exchange that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(20);

/// The text that stands for the token of the user `9012345678` in an input.
const TOKEN_PLACEHOLDER: &[u8] = b"sd1_TOKEN";

const CREATE_USER: &str = r#"{"query":"mutation { createUser(input: {mobile: \"9012345678\", username: \"Asha\"}) { token } }"}"#;

/// A time that stands still, so that an input always has the same effect.
#[derive(Debug)]
struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_732_272_347_209)
    }
}

/// A node in development mode, with an embedded database in a temporary folder.
pub(super) struct Node {
    runtime: Runtime,
    door: FrontDoor,
    token: String,
    _folder: TempDir,
}

impl Node {
    /// Returns the node that the targets of this process share, and starts it at the first call.
    pub(super) fn get() -> &'static Self {
        static NODE: LazyLock<Node> = LazyLock::new(Node::start);
        &NODE
    }

    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = format!("sqlite:{}", folder.path().join("fuzz.db").display());
        let arguments = ["sessiond", "--listen=127.0.0.1:0", "--database", &database];
        let settings = Cli::try_parse_from(arguments)
            .expect("valid settings")
            .settings;
        // One worker, beside the thread of the target: what a connection leaves behind, it ends.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let app = App::start(&settings, Arc::new(FixedClock), Arc::new(SystemRandom));
        let state = runtime.block_on(app).expect("a node").into_state();
        let door = FrontDoor::new(state).expect("one connection");
        let mut node = Self {
            runtime,
            door,
            token: String::new(),
            _folder: folder,
        };
        node.token = node.create_user();
        node
    }

    /// Creates the user whose token stands in inputs, and returns the token.
    fn create_user(&self) -> String {
        let head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
        let length = CREATE_USER.len();
        let request =
            format!("{head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{CREATE_USER}");
        let response = self.exchange(request.as_bytes(), DEADLINE);
        let response = String::from_utf8_lossy(&response);
        let token = response.split('"').find(|text| text.starts_with("sd1_"));
        token.expect("a token in the response").to_owned()
    }

    /// Runs a future on the node, within a deadline.
    pub(super) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let within = async { timeout(DEADLINE, future).await };
        self.runtime.block_on(within).expect("an exchange hangs")
    }

    pub(super) const fn door(&self) -> &FrontDoor {
        &self.door
    }

    /// Sends an input on a connection of its own, and returns what the server has sent when it has
    /// closed the connection or has nothing more to send.
    pub(super) fn send(&self, input: &[u8]) -> Vec<u8> {
        self.exchange(&self.with_token(input), QUIET)
    }

    fn exchange(&self, input: &[u8], quiet: Duration) -> Vec<u8> {
        let (client, server) = duplex(BUFFER_SIZE);
        let serve = self.door.serve(server);
        let (received, ()) = self.run(async { tokio::join!(talk(client, input, quiet), serve) });
        received
    }

    /// Returns the input with the token of the user.
    pub(super) fn with_token(&self, input: &[u8]) -> Vec<u8> {
        let mut rest = input;
        let mut output = Vec::with_capacity(input.len());
        let length = TOKEN_PLACEHOLDER.len();
        while let Some(start) = rest
            .windows(length)
            .position(|part| part == TOKEN_PLACEHOLDER)
        {
            output.extend_from_slice(&rest[..start]);
            output.extend_from_slice(self.token.as_bytes());
            rest = &rest[start + length..];
        }
        output.extend_from_slice(rest);
        output
    }
}

/// Sends the input, and reads until the server is quiet. Then hangs up.
async fn talk(mut client: DuplexStream, input: &[u8], quiet: Duration) -> Vec<u8> {
    let mut received = Vec::new();
    // The server may close the connection before it has read everything.
    let _ = client.write_all(input).await;
    while let Ok(Ok(1..)) = timeout(quiet, client.read_buf(&mut received)).await {}
    received
}
