//! The senders of requests: which request comes next, and over which connection.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::Result;
use futures_util::future::try_join_all;

use super::{Connection, Load, Order, next_number};
use crate::{
    operations::{Operation, Sender, Template},
    servers::Server,
    users::Users,
};

/// The state that the connections share.
#[derive(Debug)]
pub(super) struct Shared {
    operation: Operation,
    template: Template,
    users: Users,
    credentials: Rc<[Box<str>]>,
    order: Order,
    /// The number of requests that were begun.
    begun: Cell<u64>,
    /// The maximum number of requests.
    pub(super) limit: Cell<u64>,
    random: Cell<u64>,
    /// The time of each response since the warm-up.
    pub(super) latencies: RefCell<Vec<Duration>>,
}

/// The senders of a run follow from it.
const SEED: u64 = 0x5eed;

/// A prime number, so that its multiples reach every sender in turn.
const STRIDE: u64 = 2_654_435_761;

impl Shared {
    /// The state of a load that has sent nothing yet.
    pub(super) fn new(load: &Load, server: &Server, limit: u64) -> Self {
        Self {
            operation: load.operation,
            template: load.operation.template(server.address()),
            users: load.users,
            credentials: Rc::clone(&load.credentials),
            order: load.order,
            begun: Cell::new(0),
            limit: Cell::new(limit),
            random: Cell::new(next_number() ^ SEED),
            latencies: RefCell::default(),
        }
    }

    /// Sends requests over a connection until the limit is reached.
    pub(super) async fn send_all(self: Rc<Self>, connection: &mut Connection) -> Result<()> {
        let mut request = Vec::new();
        while let Some(index) = self.next_sender() {
            let credential = self.credentials.get(index as usize);
            let sender = Sender {
                user: self.users.at(index),
                credential: credential.map_or("", |credential| credential),
                number: next_number(),
            };
            self.template.fill(sender, &mut request);
            let sent = Instant::now();
            connection.send(&request).await?;
            connection.receive(self.operation.expected()).await?;
            self.latencies.borrow_mut().push(sent.elapsed());
        }
        Ok(())
    }

    /// The position of the sender of the next request. `None` after the last request.
    fn next_sender(&self) -> Option<u32> {
        let number = self.begun.get();
        if number >= self.limit.get() {
            return None;
        }
        self.begun.set(number + 1);
        let chosen = match self.order {
            Order::InTurn => number.wrapping_mul(STRIDE),
            Order::Random => self.random(),
        };
        u32::try_from(chosen % u64::from(self.users.count)).ok()
    }

    /// SplitMix64, which is random enough to choose a sender, and costs almost nothing.
    fn random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Open connections that send exact numbers of requests.
#[derive(Debug)]
pub(crate) struct Senders {
    shared: Rc<Shared>,
    connections: Vec<Connection>,
}

impl Senders {
    pub(super) const fn new(shared: Rc<Shared>, connections: Vec<Connection>) -> Self {
        Self {
            shared,
            connections,
        }
    }

    /// Sends this number of requests over all connections, and waits for the responses.
    pub(crate) async fn send(&mut self, requests: u64) -> Result<()> {
        self.shared.limit.set(self.shared.begun.get() + requests);
        let sending = self
            .connections
            .iter_mut()
            .map(|connection| Rc::clone(&self.shared).send_all(connection));
        try_join_all(sending).await?;
        self.shared.latencies.borrow_mut().clear();
        Ok(())
    }
}
