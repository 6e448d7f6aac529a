//! The instructions of a request, and where they are: a server runs under callgrind, and an exact
//! number of requests is counted.
//!
//! On a busy machine, instructions can be compared between runs, and CPU times cannot. But an
//! instruction that misses the processor's caches takes longer than another one, and the work of
//! the kernel is not counted. The number of system calls is printed instead.

mod callgrind;
mod output;
mod parts;
mod report;

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::ValueEnum;

pub use self::report::{OperationProfile, Share};
use self::{callgrind::Callgrind, report::render};
use crate::{
    RunFolder,
    ceilings::Ceiling,
    data::{Data, tokens},
    load::{Extent, Load, Order},
    operations::Operation,
    options::Profile,
    servers::{Launcher, ServerKind},
    write,
};

/// An operation of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names are those of the command line")]
pub enum Target {
    Healthz,
    Verify,
    CurrentSession,
    User,
    Login,
    BareAxum,
    StockCurrentSession,
    StockUser,
    CachedCurrentSession,
    CachedUser,
    FastCurrentSession,
    FastUser,
}

impl Target {
    fn resolve(self) -> (ServerKind, Operation) {
        use Operation::{CurrentSession, Health, Login, Nothing, User, Verify};
        let ceiling = ServerKind::Ceiling;
        match self {
            Self::Healthz => (ServerKind::Sessiond, Health),
            Self::Verify => (ServerKind::Sessiond, Verify),
            Self::CurrentSession => (ServerKind::Sessiond, CurrentSession),
            Self::User => (ServerKind::Sessiond, User),
            Self::Login => (ServerKind::Sessiond, Login),
            Self::BareAxum => (ceiling(Ceiling::Axum), Nothing),
            Self::StockCurrentSession => (ceiling(Ceiling::Stock), CurrentSession),
            Self::StockUser => (ceiling(Ceiling::Stock), User),
            Self::CachedCurrentSession => (ceiling(Ceiling::Cached), CurrentSession),
            Self::CachedUser => (ceiling(Ceiling::Cached), User),
            Self::FastCurrentSession => (ceiling(Ceiling::Fast), CurrentSession),
            Self::FastUser => (ceiling(Ceiling::Fast), User),
        }
    }
}

/// How long sessiond takes at most to write the last-seen times of the warm-up.
const SETTLING: Duration = Duration::from_secs(2);

/// sessiond records the last-seen time of a session once a minute. The requests of a profile come
/// within this time, so that those that are counted record nothing.
const MAX_TIME: Duration = Duration::from_secs(55);

/// So few requests are counted however long they take.
const MIN_REQUESTS: u32 = 100;

/// Profiles operations, prints the tables, and writes the profiles.
///
/// # Errors
/// If valgrind is missing, if a server does not start or sends a wrong response, or if a file cannot
/// be written.
pub async fn run(options: &Profile) -> Result<Vec<OperationProfile>> {
    let folder = RunFolder::create(&options.programs.data_folder)?;
    let callgrind = Callgrind::find(&folder.0)?;
    let data = Data::create(&folder.0, options.users, None).await?;
    let targets = match options.targets.as_slice() {
        [] => Target::value_variants(),
        targets => targets,
    };
    let mut profiles = Vec::new();
    for target in targets {
        let mut requests = options.requests;
        loop {
            match profile(*target, requests, &callgrind, &data, options).await? {
                Some(profile) => break profiles.push(profile),
                None => requests /= 2,
            }
        }
    }
    if let Some(path) = &options.json {
        write(path, &serde_json::to_string_pretty(&profiles)?)?;
    }
    print!("{}", render(&profiles, options.top));
    Ok(profiles)
}

/// Counts this number of requests. Returns `None` if it took so long that last-seen times may have
/// been written while requests were counted.
async fn profile(
    target: Target,
    requests: u32,
    callgrind: &Callgrind,
    data: &Data,
    options: &Profile,
) -> Result<Option<OperationProfile>> {
    let (kind, operation) = target.resolve();
    eprintln!("{}: {}", kind.name(), operation.name());
    let under = callgrind.command();
    let launcher = Launcher {
        programs: &options.programs,
        peers: None,
        data,
        under: &under,
    };
    let server = launcher.start(kind).await?;
    let process = server.process_id();
    let load = load(operation, requests, data, options);
    let started = Instant::now();
    let mut senders = load.open(&server).await?;
    // Each user once, so that caches are filled and no last-seen time is left to record.
    senders.send(load.users.count.into()).await?;
    tokio::time::sleep(SETTLING).await;
    callgrind.begin(process)?;
    senders.send(requests.into()).await?;
    callgrind.reset(process)?;
    senders.send(requests.into()).await?;
    let counts = callgrind.read(process)?;
    server.stop();
    if started.elapsed() > MAX_TIME && requests > MIN_REQUESTS {
        eprintln!("  {requests} requests take too long: trying again with half of them");
        return Ok(None);
    }
    Ok(Some(OperationProfile::new(
        kind.name(),
        operation.name(),
        load.connections,
        requests,
        &counts,
    )))
}

/// The load of the benchmark. Every user sends in turn. The users are as many as the requests that
/// are counted, so that the first ones need not record their last-seen times again before the last
/// ones have sent a request.
fn load(operation: Operation, requests: u32, data: &Data, options: &Profile) -> Load {
    let login = operation == Operation::Login;
    let users = if login { data.logins } else { data.readers }.spread(requests);
    Load {
        operation,
        connections: options.connections.unwrap_or(if login { 64 } else { 32 }),
        users,
        credentials: if login { Rc::default() } else { tokens(users) },
        order: Order::InTurn,
        // The load is sent in exact numbers.
        extent: Extent::Once {
            settling: Duration::ZERO,
        },
    }
}
