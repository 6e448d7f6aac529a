//! The load generator: connections with keep-alive (HTTP/1.1), each of which sends a request, reads
//! the whole response, and sends the next one. All of them run on the calling thread.

mod connection;
mod senders;

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use self::senders::Shared;
pub(crate) use self::{connection::Connection, senders::Senders};
use crate::{cpu_clock, operations::Operation, servers::Server, users::Users};

/// How the senders of the requests are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Each request has a random sender, so that the server cannot profit from the last one.
    Random,
    /// Every sender in turn, in an order that differs from that of the registrations.
    InTurn,
}

/// How long to send requests.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Extent {
    /// For a time, and before that for a time that is not measured.
    Time {
        /// The time before the measurement.
        warm_up: Duration,
        /// The measured time.
        window: Duration,
    },
    /// One request of each sender.
    Once {
        /// How long the server may use CPU time for the requests after its last response.
        settling: Duration,
    },
}

/// A load to generate.
#[derive(Debug)]
pub(crate) struct Load {
    /// The request.
    pub(crate) operation: Operation,
    /// The number of connections.
    pub(crate) connections: u32,
    /// The senders.
    pub(crate) users: Users,
    /// The credentials of the senders, in their order. Empty if the request needs none of theirs.
    pub(crate) credentials: Rc<[Box<str>]>,
    /// The order of the senders.
    pub(crate) order: Order,
    /// The extent of the load.
    pub(crate) extent: Extent,
}

/// What a load cost and how fast its responses were.
#[derive(Debug)]
pub(crate) struct Measured {
    /// The number of responses.
    pub(crate) requests: u64,
    /// The measured time.
    pub(crate) elapsed: Duration,
    /// The CPU time of the server's process.
    pub(crate) server_cpu: Duration,
    /// The CPU time of the load generator.
    pub(crate) generator_cpu: Duration,
    /// The time of each response since its request was sent, sorted.
    pub(crate) latencies: Vec<Duration>,
}

thread_local! {
    /// A number that no other request of this process has had.
    static NEXT_NUMBER: Cell<u64> = const { Cell::new(0) };
}

/// Returns a number for `Sender::number`.
pub(crate) fn next_number() -> u64 {
    NEXT_NUMBER.replace(NEXT_NUMBER.get() + 1)
}

impl Load {
    /// Generates the load.
    pub(crate) async fn run(&self, server: &Server) -> Result<Measured> {
        let limit = match self.extent {
            Extent::Time { .. } => u64::MAX,
            Extent::Once { .. } => self.users.count.into(),
        };
        let shared = Rc::new(Shared::new(self, server, limit));
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            let shared = Rc::clone(&shared);
            let address = server.address();
            connections.spawn_local(async move {
                let mut connection = Connection::open(address).await?;
                shared.send_all(&mut connection).await
            });
        }
        if let Extent::Time { warm_up, .. } = self.extent {
            let started = Instant::now();
            while started.elapsed() < warm_up
                || (shared.latencies.borrow().len() < MIN_WARM_UP_REQUESTS
                    && started.elapsed() < warm_up * MAX_WARM_UPS)
            {
                sleep_unless_failed(WARM_UP_STEP, &mut connections).await?;
            }
            shared.latencies.borrow_mut().clear();
        }
        let started = Instant::now();
        let before = (server.cpu_time()?, cpu_clock::of_this_thread()?);
        let mut elapsed = None;
        match self.extent {
            Extent::Time { window, .. } => loop {
                sleep_unless_failed(window, &mut connections).await?;
                let is_slow = shared.latencies.borrow().is_empty();
                if !is_slow || started.elapsed() > MAX_WINDOW {
                    break;
                }
            },
            Extent::Once { settling } => {
                finish(&mut connections).await?;
                elapsed = Some(started.elapsed());
                tokio::time::sleep(settling).await;
            }
        }
        let server_cpu = server.cpu_time()?.since(&before.0);
        let generator_cpu = cpu_clock::of_this_thread()?.saturating_sub(before.1);
        let elapsed = elapsed.unwrap_or_else(|| started.elapsed());
        let mut latencies = shared.latencies.take();
        shared.limit.set(0);
        finish(&mut connections).await?;
        ensure!(
            !latencies.is_empty(),
            "no response to {}",
            self.operation.name()
        );
        latencies.sort_unstable();
        Ok(Measured {
            requests: latencies.len() as u64,
            elapsed,
            server_cpu,
            generator_cpu,
            latencies,
        })
    }

    /// Opens the connections, for loads of exact numbers of requests. The extent does not count.
    pub(crate) async fn open(&self, server: &Server) -> Result<Senders> {
        let mut connections = Vec::new();
        for _ in 0..self.connections {
            connections.push(Connection::open(server.address()).await?);
        }
        let shared = Rc::new(Shared::new(self, server, 0));
        Ok(Senders::new(shared, connections))
    }
}

/// Waits, unless a connection ends, which it does only if it fails.
async fn sleep_unless_failed(time: Duration, connections: &mut JoinSet<Result<()>>) -> Result<()> {
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        Some(ended) = connections.join_next() => ended?.context("a connection failed"),
    }
}

async fn finish(connections: &mut JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = connections.join_next().await {
        ended?.context("a connection failed")?;
    }
    Ok(())
}

/// A server that compiles its code while it runs needs about so many requests. On a busy machine it
/// does not get to them in the time of the warm-up, which is then extended.
const MIN_WARM_UP_REQUESTS: usize = 2_000;

/// How many times as long as set the warm-up may take for them.
const MAX_WARM_UPS: u32 = 5;

/// How often the requests of a warm-up are counted.
const WARM_UP_STEP: Duration = Duration::from_millis(20);

/// How long a window without a response is extended.
const MAX_WINDOW: Duration = Duration::from_secs(30);

/// The value that `share` of the sorted values do not exceed.
pub(crate) fn percentile(sorted: &[Duration], share: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index of the list"
    )]
    let index = (sorted.len() as f64 * share) as usize;
    sorted
        .get(index.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}
