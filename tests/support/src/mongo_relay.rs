//! A relay in front of a MongoDB server. It records the statements that pass, and can make some of
//! them fail.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bson::{Document, doc};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

/// The size of a message's header, and the opcode of a command (MongoDB wire protocol, `OP_MSG`).
const HEADER_LENGTH: usize = 16;
const OP_MSG: i32 = 2013;

/// The commands that count as statements. The other ones open, keep or close connections.
const STATEMENTS: [&str; 10] = [
    "abortTransaction",
    "aggregate",
    "bulkWrite",
    "commitTransaction",
    "count",
    "delete",
    "find",
    "findAndModify",
    "insert",
    "update",
];

/// A statement that a store has sent. The commands of change streams do not count.
#[derive(Clone)]
pub struct Statement {
    /// The name of the command, such as `find`.
    pub name: String,
    /// The collection. Empty for the end of a transaction.
    pub collection: String,
    /// The whole command.
    pub command: Document,
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.command)
    }
}

impl Statement {
    /// The filters of the statement: one for each update or deletion that it contains.
    pub fn filters(&self) -> Vec<Document> {
        let mut filters = Vec::new();
        for batch in ["updates", "deletes"] {
            let parts = self.command.get_array(batch).into_iter().flatten();
            filters.extend(parts.filter_map(|part| part.as_document()?.get_document("q").ok()));
        }
        for field in ["filter", "query"] {
            filters.extend(self.command.get_document(field).ok());
        }
        let first_stage = self
            .command
            .get_array("pipeline")
            .ok()
            .and_then(|stages| stages.first()?.as_document()?.get_document("$match").ok());
        filters.extend(first_stage);
        filters.into_iter().cloned().collect()
    }

    /// True if the statement contains this value anywhere, in its stored form.
    pub fn contains(&self, value: &[u8]) -> bool {
        let command = self.command.to_vec().unwrap();
        command.windows(value.len()).any(|bytes| bytes == value)
    }
}

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

/// One connection.
struct Connection {
    to_client: tokio::sync::Mutex<OwnedWriteHalf>,
    /// True if the next response must be lost.
    loses_response: AtomicBool,
    /// True if the relay goes down with that response.
    goes_down: AtomicBool,
}

async fn relay(client: TcpStream, server: TcpStream, shared: &Shared) {
    // A driver waits for each response, so Nagle's algorithm would only delay the messages.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let connection = Connection {
        to_client: tokio::sync::Mutex::new(to_client),
        loses_response: AtomicBool::new(false),
        goes_down: AtomicBool::new(false),
    };
    let mut is_down = shared.is_down.subscribe();
    tokio::select! {
        _ = forward_requests(from_client, to_server, &connection, shared) => {}
        _ = forward_responses(from_server, &connection, shared) => {}
        _ = is_down.wait_for(|is_down| *is_down) => {}
    }
}

/// Forwards messages of the client until the connection ends. The error says nothing.
async fn forward_requests(
    mut from_client: OwnedReadHalf,
    mut to_server: OwnedWriteHalf,
    connection: &Connection,
    shared: &Shared,
) -> std::io::Result<()> {
    loop {
        let message = read_message(&mut from_client).await?;
        let statement = statement_of(&message);
        if statement.is_some() {
            shared.pass_gate().await;
        }
        let fault = statement.and_then(|statement| shared.judge(statement));
        match fault {
            None => {}
            Some((Fault::LoseRequest, goes_down)) => {
                if goes_down {
                    shared.is_down.send_replace(true);
                }
                return Ok(());
            }
            Some((Fault::LoseResponse, goes_down)) => {
                connection.goes_down.store(goes_down, Ordering::SeqCst);
                connection.loses_response.store(true, Ordering::SeqCst);
            }
            Some((Fault::Reject(code), _)) => {
                let response = rejection(&message, code);
                connection
                    .to_client
                    .lock()
                    .await
                    .write_all(&response)
                    .await?;
                continue;
            }
        }
        to_server.write_all(&message).await?;
    }
}

/// Forwards messages of the server until the connection ends.
async fn forward_responses(
    mut from_server: OwnedReadHalf,
    connection: &Connection,
    shared: &Shared,
) -> std::io::Result<()> {
    loop {
        let message = read_message(&mut from_server).await?;
        if connection.loses_response.load(Ordering::SeqCst) {
            if connection.goes_down.load(Ordering::SeqCst) {
                shared.is_down.send_replace(true);
            }
            return Ok(());
        }
        connection
            .to_client
            .lock()
            .await
            .write_all(&message)
            .await?;
    }
}

async fn read_message(stream: &mut OwnedReadHalf) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; HEADER_LENGTH];
    stream.read_exact(&mut message).await?;
    let length = usize::try_from(integer(&message, 0)).unwrap();
    message.resize(length, 0);
    stream.read_exact(&mut message[HEADER_LENGTH..]).await?;
    Ok(message)
}

fn integer(bytes: &[u8], at: usize) -> i32 {
    i32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Returns the statement in a message. `None` for another message.
fn statement_of(message: &[u8]) -> Option<Statement> {
    if integer(message, 12) != OP_MSG {
        return None;
    }
    let command = command_of(&message[HEADER_LENGTH + 4..]);
    let (name, value) = command.iter().next()?;
    if !STATEMENTS.contains(&name.as_str()) {
        return None;
    }
    let is_change_stream = command.get_array("pipeline").is_ok_and(|stages| {
        let first = stages.first().and_then(|stage| stage.as_document());
        first.is_some_and(|stage| stage.contains_key("$changeStream"))
    });
    (!is_change_stream).then(|| Statement {
        name: name.clone(),
        collection: value.as_str().unwrap_or_default().to_owned(),
        command: command.clone(),
    })
}

/// Joins the sections of a message to one command: a document, and sequences of documents.
fn command_of(mut sections: &[u8]) -> Document {
    let mut command = Document::new();
    // A checksum of four bytes may follow the sections.
    while sections.len() > 4 {
        let (kind, rest) = (sections[0], &sections[1..]);
        let length = usize::try_from(integer(rest, 0)).unwrap();
        let mut section = &rest[..length];
        sections = &rest[length..];
        if kind == 0 {
            let body = Document::from_reader(section).unwrap();
            command = body.into_iter().chain(command).collect();
            continue;
        }
        section = &section[4..];
        let name_end = section.iter().position(|byte| *byte == 0).unwrap();
        let name = String::from_utf8(section[..name_end].to_vec()).unwrap();
        section = &section[name_end + 1..];
        let mut documents = Vec::new();
        while !section.is_empty() {
            documents.push(Document::from_reader(&mut section).unwrap());
        }
        command.insert(name, documents);
    }
    command
}

/// The response to a message: an error with this code.
fn rejection(request: &[u8], code: i32) -> Vec<u8> {
    let body = doc! { "ok": 0.0, "code": code, "errmsg": "the relay rejects this statement" };
    let body = body.to_vec().unwrap();
    let length = i32::try_from(HEADER_LENGTH + 5 + body.len()).unwrap();
    let header = [length, 0, integer(request, 4), OP_MSG, 0];
    let mut message: Vec<u8> = header.into_iter().flat_map(i32::to_le_bytes).collect();
    // The kind of the section: a document.
    message.push(0);
    message.extend(body);
    message
}
