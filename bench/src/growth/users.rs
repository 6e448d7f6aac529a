//! Growth with the users and sessions in the file.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rusqlite::Connection as Database;

use super::{
    GrowthTable, OPERATIONS, Repetition, active_users, cpu, files, load,
    report::{Collector, Unit},
    spread_users,
};
use crate::{
    data::{Data, SESSIONS_PER_USER, tokens},
    load::Connection,
    operations::{Expected, Operation},
    options::Growth,
    servers::{Launcher, Server, ServerKind},
};

/// The room for the write-ahead log, and for what the measurement adds to each file.
const MARGIN: u64 = 256 << 20;

/// A database with many users.
struct File {
    data: Data,
    users: u32,
    bytes: u64,
}

/// Measures files with these numbers of users.
pub(super) async fn measure(
    folder: &Path,
    base: &Data,
    sizes: &[u32],
    options: &Growth,
) -> Result<GrowthTable> {
    let bytes_per_user = fs::metadata(&base.database)?.len() / u64::from(base.users());
    let needed = sizes
        .iter()
        .map(|&users| bytes_per_user * u64::from(users) + MARGIN);
    files::ensure_space(folder, needed.sum())?;
    let mut files = Vec::new();
    for &users in sizes {
        eprintln!("creating {users} users");
        files.push(create(folder, base, users, active_users(sizes, options))?);
    }
    let counts = sizes.iter().copied().map(u64::from).collect();
    let mut collector = Collector::new("users in the file", counts, options.reference.into());
    for number in 1..=options.rounds {
        for (index, file) in files.iter().enumerate() {
            eprintln!("round {number} of {}: {} users", options.rounds, file.users);
            round(file, index, options, &mut collector).await?;
        }
    }
    for file in &files {
        fs::remove_file(&file.data.database)?;
    }
    collector.finish()
}

/// Copies the base, and adds users.
fn create(folder: &Path, base: &Data, users: u32, active: u32) -> Result<File> {
    // The log is empty after it, so that the file is complete.
    Database::open(&base.database)?.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let database = folder.join(format!("{users}-users.db"));
    fs::copy(&base.database, &database)?;
    files::add_users(&database, base.users(), users)?;
    let (readers, logins) = spread_users(users, active);
    Ok(File {
        bytes: fs::metadata(&database)?.len(),
        data: Data {
            database,
            readers,
            tokens: tokens(readers),
            logins,
            ..base.clone()
        },
        users,
    })
}

async fn round(
    file: &File,
    index: usize,
    options: &Growth,
    collector: &mut Collector,
) -> Result<()> {
    let launcher = Launcher {
        programs: &options.programs,
        peers: None,
        data: &file.data,
        under: &[],
    };
    drop_cached(&file.data.database)?;
    let mut add = |name: &str, unit, value| collector.add(index, name, unit, value);
    let sessions = u64::from(file.users) * SESSIONS_PER_USER;
    #[expect(clippy::cast_precision_loss, reason = "figures to print")]
    {
        add("sessions in the file", Unit::Count, sessions as f64);
        add("size of the file", Unit::Megabytes, file.bytes as f64 / 1e6);
        let bytes = file.bytes as f64 / sessions as f64;
        add("size of the file for each session", Unit::Bytes, bytes);
    }
    let (server, cold) = start(&launcher).await?;
    add(
        "start, no page of the file in memory",
        Unit::Milliseconds,
        cold,
    );
    server.stop();
    let (server, warm) = start(&launcher).await?;
    add("start", Unit::Milliseconds, warm);
    let memory = megabytes(server.resident_memory()?);
    add("resident memory after the start", Unit::Megabytes, memory);
    for (operation, repetition, connections) in OPERATIONS {
        let data = &file.data;
        let measured = load(&server, operation, repetition, connections, data, options).await?;
        let first = match (operation, repetition) {
            (Operation::Login, Repetition::Once) => ", the first of a user",
            _ => "",
        };
        let name = format!("{}{first}, {connections} at once", operation.name());
        add(&name, Unit::CpuMicroseconds, cpu(&measured));
        if operation == Operation::User {
            let memory = megabytes(server.resident_memory()?);
            add(
                "resident memory after these requests",
                Unit::Megabytes,
                memory,
            );
        }
    }
    server.stop();
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a figure to print")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Starts a server, and returns the milliseconds until `/readyz` responded with 200.
async fn start(launcher: &Launcher<'_>) -> Result<(Server, f64)> {
    let started = Instant::now();
    let server = launcher.start(ServerKind::Sessiond).await?;
    let address = server.address();
    let mut connection = Connection::open(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\n\r\n");
    connection.send(request.as_bytes()).await?;
    connection.receive(Expected::ANYTHING).await?;
    let elapsed: Duration = started.elapsed();
    Ok((server, elapsed.as_secs_f64() * 1e3))
}

/// Asks Linux to forget the pages of a file, which dd does with posix_fadvise(2).
fn drop_cached(database: &PathBuf) -> Result<()> {
    let mut output = std::ffi::OsString::from("of=");
    output.push(database);
    let status = Command::new("dd")
        .arg(output)
        .args([
            "oflag=nocache",
            "conv=notrunc,fdatasync",
            "count=0",
            "status=none",
        ])
        .status()
        .context("cannot run dd")?;
    ensure!(status.success(), "dd cannot drop the cached pages");
    Ok(())
}
