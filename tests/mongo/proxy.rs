//! A way to the server that a test can cut, block, or let answers be lost on.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// Bytes wait, as where a cable was pulled.
    Blocked,
}

#[derive(Debug)]
pub struct Proxy {
    pub address: SocketAddr,
    way: watch::Sender<Way>,
    /// Counts cuts: each one ends every connection that was there.
    cuts: watch::Sender<usize>,
    lost: Arc<Losses>,
    _tasks: JoinSet<()>,
}

/// Commits of transactions that are still to be lost.
#[derive(Debug, Default)]
struct Losses {
    requests: AtomicUsize,
    answers: AtomicUsize,
}

impl Losses {
    fn take(left: &AtomicUsize) -> bool {
        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        })
        .is_ok()
    }
}

impl Proxy {
    pub async fn to(server: &str) -> Self {
        let server = server.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (way, _) = watch::channel(Way::Open);
        let (cuts, _) = watch::channel(0);
        let lost = Arc::new(Losses::default());
        let mut tasks = JoinSet::new();
        let (ways, cut, losses) = (way.clone(), cuts.clone(), Arc::clone(&lost));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (way, mut cut, lost) = (ways.subscribe(), cut.subscribe(), Arc::clone(&losses));
                cut.mark_unchanged();
                let server = server.clone();
                connections.spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else {
                        return;
                    };
                    tokio::select! {
                        () = connect(client, server, way, &lost) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self {
            address,
            way,
            cuts,
            lost,
            _tasks: tasks,
        }
    }

    pub fn block(&self) {
        self.way.send_replace(Way::Blocked);
    }

    pub fn unblock(&self) {
        self.way.send_replace(Way::Open);
    }

    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// The next `count` commits of transactions reach the server, but their answers reach nobody.
    pub fn lose_answers_to_commits(&self, count: usize) {
        self.lost.answers.store(count, Ordering::SeqCst);
    }

    /// The next `count` commits of transactions do not reach the server.
    pub fn lose_commits(&self, count: usize) {
        self.lost.requests.store(count, Ordering::SeqCst);
    }

    /// How many are still to be lost.
    pub fn to_lose(&self) -> usize {
        self.lost.answers.load(Ordering::SeqCst) + self.lost.requests.load(Ordering::SeqCst)
    }
}

async fn connect(
    mut client: TcpStream,
    mut server: TcpStream,
    mut way: watch::Receiver<Way>,
    lost: &Losses,
) {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        if way.wait_for(|way| *way == Way::Open).await.is_err() {
            return;
        }
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let _ = way.wait_for(|way| *way == Way::Open).await;
                let is_commit = asked[..length].windows(17).any(|bytes| bytes == b"commitTransaction");
                if is_commit && Losses::take(&lost.requests) {
                    return;
                }
                let is_lost = is_commit && Losses::take(&lost.answers);
                if server.write_all(&asked[..length]).await.is_err() {
                    return;
                }
                if is_lost {
                    // Read, so that the server has carried it out.
                    let _ = server.read(&mut answered).await;
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                let _ = way.wait_for(|way| *way == Way::Open).await;
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
