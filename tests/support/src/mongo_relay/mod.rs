//! A relay in front of a MongoDB server. It records the statements that pass, and can make some of
//! them fail.

mod connection;
mod message;

use std::{net::SocketAddr, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use self::connection::relay;
pub use self::message::Statement;

/// What happens to a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends before the statement reaches the server.
    LoseRequest,
    /// The server executes the statement, and the connection ends before the response.
    LoseResponse,
    /// The statement does not reach the server, and the response is an error with this code.
    Reject(i32),
}

/// The statements that fail, and how.
#[derive(Debug, Clone, Copy)]
pub struct Failure {
    /// Selects the statements that may fail.
    pub of: fn(&Statement) -> bool,
    /// The number of selected statements that pass first.
    pub after: usize,
    /// The number of selected statements that fail then.
    pub times: usize,
    /// How they fail.
    pub fault: Fault,
    /// If true, the relay ends all connections with the last failure, and accepts none until
    /// [`MongoRelay::repair`], as if the node had been killed.
    pub then_down: bool,
}

/// A relay for one server.
#[derive(Debug)]
pub struct MongoRelay {
    /// The address that the relay listens on.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    statements: Mutex<Vec<Statement>>,
    failure: Mutex<Option<Failure>>,
    failed: Mutex<Vec<Statement>>,
    is_down: watch::Sender<bool>,
    gate: watch::Sender<Gate>,
}

/// Holds statements.
#[derive(Debug, Default)]
struct Gate {
    is_closed: bool,
    /// The number of statements that are held, and that no permit is for.
    waiting: usize,
    /// The number of statements that may pass.
    permits: usize,
}

impl MongoRelay {
    /// Starts a relay for the server at this address.
    pub async fn start(server: &str) -> Self {
        let server = server.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            statements: Mutex::default(),
            failure: Mutex::default(),
            failed: Mutex::default(),
            is_down: watch::channel(false).0,
            gate: watch::channel(Gate::default()).0,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let shared = Arc::clone(&shared);
            async move {
                let mut connections = JoinSet::new();
                while let Ok((client, _)) = listener.accept().await {
                    if *shared.is_down.borrow() {
                        continue;
                    }
                    let (server, shared) = (server.clone(), Arc::clone(&shared));
                    connections.spawn(async move {
                        if let Ok(server) = TcpStream::connect(server).await {
                            relay(client, server, &shared).await;
                        }
                    });
                }
            }
        });
        Self {
            address,
            shared,
            _tasks: tasks,
        }
    }

    /// Returns the statements since the last call, in the order in which they arrived.
    pub fn take_statements(&self) -> Vec<Statement> {
        std::mem::take(&mut self.shared.statements.lock())
    }

    /// Makes statements fail, from now on.
    pub fn fail(&self, failure: Failure) {
        *self.shared.failure.lock() = Some(failure);
    }

    /// Lets all statements pass, and accepts connections again. Returns the statements that failed.
    pub fn repair(&self) -> Vec<Statement> {
        *self.shared.failure.lock() = None;
        self.shared.is_down.send_replace(false);
        self.failed()
    }

    /// Makes every statement wait, from now on, until [`MongoRelay::pass_one`].
    pub fn hold(&self) {
        self.shared.gate.send_modify(|gate| gate.is_closed = true);
    }

    /// Waits until a statement is held.
    pub async fn wait_until_held(&self) {
        let mut gate = self.shared.gate.subscribe();
        let _ = gate.wait_for(|gate| gate.waiting > 0).await;
    }

    /// Lets one of the statements that are held pass. Returns false if there is none.
    pub fn pass_one(&self) -> bool {
        let pass = |gate: &mut Gate| {
            let passes = gate.waiting > 0;
            if passes {
                gate.waiting -= 1;
                gate.permits += 1;
            }
            passes
        };
        self.shared.gate.send_if_modified(pass)
    }

    /// Returns the statements that have failed since the last call.
    pub fn failed(&self) -> Vec<Statement> {
        std::mem::take(&mut self.shared.failed.lock())
    }

    /// Waits until the relay has ended all connections, as [`Failure::then_down`] asks.
    pub async fn wait_until_down(&self) {
        let mut is_down = self.shared.is_down.subscribe();
        let _ = is_down.wait_for(|is_down| *is_down).await;
    }
}

impl Shared {
    /// Waits while statements are held.
    async fn pass_gate(&self) {
        let mut gate = self.gate.subscribe();
        if !gate.borrow().is_closed {
            return;
        }
        self.gate.send_modify(|gate| gate.waiting += 1);
        loop {
            let take = |gate: &mut Gate| {
                let may_pass = gate.permits > 0;
                gate.permits -= usize::from(may_pass);
                may_pass
            };
            gate.mark_unchanged();
            if self.gate.send_if_modified(take) || gate.changed().await.is_err() {
                return;
            }
        }
    }

    /// Records a statement, and decides whether it fails.
    fn judge(&self, statement: Statement) -> Option<(Fault, bool)> {
        let mut slot = self.failure.lock();
        let fault = slot.as_mut().and_then(|failure| {
            if !(failure.of)(&statement) {
                return None;
            }
            if failure.after > 0 {
                failure.after -= 1;
                return None;
            }
            failure.times = failure.times.checked_sub(1)?;
            let goes_down = failure.then_down && failure.times == 0;
            Some((failure.fault, goes_down))
        });
        if fault.is_some() {
            self.failed.lock().push(statement.clone());
        }
        self.statements.lock().push(statement);
        fault
    }
}
