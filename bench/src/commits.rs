//! The ceiling of a login: what SQLite alone needs for a durable commit on the same file system.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use rusqlite::Connection;

use crate::{
    cpu_clock,
    data::Data,
    load::Measured,
    options::Options,
    round::{Name, Round},
};

/// The number of logins at the same time, and of inserts that a commit can share.
pub(crate) const BATCH: u32 = 64;

/// The measured commits.
pub(crate) const COMMITS: [Commits; 2] = [Commits { inserts: 1 }, Commits { inserts: BATCH }];

/// Commits of some inserts each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Commits {
    inserts: u32,
}

impl Commits {
    /// The name in the results.
    pub(crate) const fn name(self) -> Name {
        Name {
            server: "SQLite alone",
            operation: "an insert, durable",
            connections: self.inserts,
        }
    }
}

/// Measures commits into a file beside sessiond's database. An insert has as many bytes as that file
/// has for each session, indexes and alerts included.
pub(crate) async fn measure(
    folder: &Path,
    data: &Data,
    options: &Options,
    round: &mut Round,
) -> Result<()> {
    for commits in COMMITS {
        let file = folder.join("commits.db");
        let bytes = usize::try_from(data.bytes_per_session)?;
        let (warm_up, window) = (options.warm_up, options.window);
        let run = move || -> Result<Measured> {
            let database = Inserts::create(&file, bytes)?;
            database.commit_for(warm_up, commits.inserts)?;
            database.commit_for(window, commits.inserts)
        };
        let measured = tokio::task::spawn_blocking(run).await??;
        round.add(commits.name(), &measured);
    }
    Ok(())
}

/// A table whose rows are appended.
struct Inserts {
    connection: Connection,
    row: Vec<u8>,
}

impl Inserts {
    /// Creates the file with sessiond's settings, or empties it.
    fn create(file: &Path, bytes: usize) -> Result<Self> {
        let connection = Connection::open(file)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(
            "DROP TABLE IF EXISTS inserts;
             CREATE TABLE inserts (id INTEGER PRIMARY KEY, row BLOB NOT NULL) STRICT;",
        )?;
        Ok(Self {
            connection,
            row: vec![0x5a; bytes],
        })
    }

    /// Commits one after the other, each with this number of inserts. The latencies are those of the
    /// commits, and the requests are inserts.
    fn commit_for(&self, window: Duration, inserts: u32) -> Result<Measured> {
        let mut insert = self
            .connection
            .prepare("INSERT INTO inserts (row) VALUES (?1)")?;
        let (started, cpu_before) = (Instant::now(), cpu_clock::of_this_thread()?);
        let mut latencies = Vec::new();
        while started.elapsed() < window || latencies.is_empty() {
            let begun = Instant::now();
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            for _ in 0..inserts {
                insert.execute([&self.row])?;
            }
            self.connection.execute_batch("COMMIT")?;
            latencies.push(begun.elapsed());
        }
        let elapsed = started.elapsed();
        let cpu = cpu_clock::of_this_thread()?.saturating_sub(cpu_before);
        latencies.sort_unstable();
        Ok(Measured {
            requests: u64::try_from(latencies.len())? * u64::from(inserts),
            elapsed,
            server_cpu: cpu,
            generator_cpu: Duration::ZERO,
            latencies,
        })
    }
}
