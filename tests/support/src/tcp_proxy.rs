//! A TCP proxy that a test can block or cut, and that can lose commits to a MongoDB store.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// A proxy for one server.
#[derive(Debug)]
pub struct TcpProxy {
    /// The address that the proxy listens on.
    pub address: SocketAddr,
    is_blocked: watch::Sender<bool>,
    /// The number of cuts. Each one ends all connections.
    cuts: watch::Sender<usize>,
    losses: Arc<Losses>,
    _tasks: JoinSet<()>,
}

/// The number of commits that the proxy will lose.
#[derive(Debug, Default)]
struct Losses {
    requests: AtomicUsize,
    responses: AtomicUsize,
    /// Whether the proxy stops forwarding when it loses a response.
    then_blocks: AtomicBool,
}

/// Subtracts one. Returns false if the number is zero.
fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    })
    .is_ok()
}

impl TcpProxy {
    /// Starts a proxy for the server at this address.
    pub async fn start(server: &str) -> Self {
        let server = server.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (is_blocked, _) = watch::channel(false);
        let (cuts, _) = watch::channel(0);
        let losses = Arc::new(Losses::default());
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let (is_blocked, cuts, losses) =
                (is_blocked.clone(), cuts.clone(), Arc::clone(&losses));
            async move {
                let mut connections = JoinSet::new();
                while let Ok((client, _)) = listener.accept().await {
                    let (is_blocked, mut cuts) = (is_blocked.clone(), cuts.subscribe());
                    let (server, losses) = (server.clone(), Arc::clone(&losses));
                    cuts.mark_unchanged();
                    connections.spawn(async move {
                        let Ok(server) = TcpStream::connect(server).await else {
                            return;
                        };
                        tokio::select! {
                            () = forward(client, server, &is_blocked, &losses) => {}
                            _ = cuts.changed() => {}
                        }
                    });
                }
            }
        });
        Self {
            address,
            is_blocked,
            cuts,
            losses,
            _tasks: tasks,
        }
    }

    /// Stops forwarding. The connections stay open, and their bytes wait.
    pub fn block(&self) {
        self.is_blocked.send_replace(true);
    }

    /// Resumes forwarding.
    pub fn unblock(&self) {
        self.is_blocked.send_replace(false);
    }

    /// Ends all connections. New ones are accepted.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Forwards the next `count` commits and loses the responses to them.
    pub fn lose_commit_responses(&self, count: usize) {
        self.losses.responses.store(count, Ordering::SeqCst);
    }

    /// Forwards the next commit, loses the response to it, and stops forwarding.
    pub fn block_after_commit(&self) {
        self.losses.then_blocks.store(true, Ordering::SeqCst);
        self.lose_commit_responses(1);
    }

    /// Loses the next `count` commits.
    pub fn lose_commits(&self, count: usize) {
        self.losses.requests.store(count, Ordering::SeqCst);
    }

    /// The number of commits and responses that the proxy has not lost yet.
    pub fn losses_left(&self) -> usize {
        self.losses.responses.load(Ordering::SeqCst) + self.losses.requests.load(Ordering::SeqCst)
    }
}

/// Whether a request to the server is a commit or a deletion. Both write the field `event`, as a
/// text or as a literal of a pipeline, and no other request does.
fn is_commit(request: &[u8]) -> bool {
    let mut fields = request.windows(7);
    fields.any(|bytes| bytes == b"\x02event\0" || bytes == b"\x03event\0")
}

/// Forwards bytes in both directions until one side closes the connection, or until a commit or a
/// response to it is lost.
async fn forward(
    mut client: TcpStream,
    mut server: TcpStream,
    block: &watch::Sender<bool>,
    losses: &Losses,
) {
    let mut is_blocked = block.subscribe();
    let (mut request, mut response) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        if is_blocked.wait_for(|is_blocked| !is_blocked).await.is_err() {
            return;
        }
        tokio::select! {
            read = client.read(&mut request) => {
                let Ok(length @ 1..) = read else { return };
                let _ = is_blocked.wait_for(|is_blocked| !is_blocked).await;
                let request = &request[..length];
                let is_commit = is_commit(request);
                if is_commit && take_one(&losses.requests) {
                    return;
                }
                let loses_response = is_commit && take_one(&losses.responses);
                if server.write_all(request).await.is_err() {
                    return;
                }
                if loses_response {
                    // The response shows that the server has executed the commit.
                    let _ = server.read(&mut response).await;
                    if losses.then_blocks.swap(false, Ordering::SeqCst) {
                        block.send_replace(true);
                    }
                    return;
                }
            }
            read = server.read(&mut response) => {
                let Ok(length @ 1..) = read else { return };
                let _ = is_blocked.wait_for(|is_blocked| !is_blocked).await;
                if client.write_all(&response[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
