//! Growth with the alerts in a user's log.

use std::{fs, path::Path};

use anyhow::{Result, ensure};
use rusqlite::Connection;

use super::{
    GrowthTable, Repetition, cpu, files, load,
    report::{Collector, Unit},
};
use crate::{
    data::{Data, tokens},
    operations::Operation,
    options::Growth,
    servers::{Launcher, ServerKind},
    users::Users,
};

/// The number of users with a log of each length, of which one half reads and the other half logs
/// in. They are few, because a log of 100,000 alerts has about 10 MB.
const USERS: u32 = 16;

/// The operations that are measured. Each is sent by all users at once.
const OPERATIONS: [Operation; 4] = [
    Operation::Verify,
    Operation::User,
    Operation::NewestAlert,
    Operation::Login,
];

/// Measures logs of the lengths in the options, all in one file.
pub(super) async fn measure(folder: &Path, base: &Data, options: &Growth) -> Result<GrowthTable> {
    let mut lengths = options.alerts.clone();
    lengths.sort_unstable();
    let groups = groups(base, &lengths)?;
    let database = folder.join("alerts.db");
    fs::copy(&base.database, &database)?;
    let mut connection = Connection::open(&database)?;
    let transaction = connection.transaction()?;
    for (group, &length) in groups.iter().zip(&lengths) {
        eprintln!("writing {USERS} logs of {length} alerts");
        for user in group.numbers() {
            files::extend_log(&transaction, user, length)?;
        }
    }
    transaction.commit()?;
    drop(connection);
    let data = |group: Users| Data {
        database: database.clone(),
        readers: group.slice(0, USERS / 2),
        tokens: tokens(group.slice(0, USERS / 2)),
        logins: group.slice(USERS / 2, USERS),
        ..base.clone()
    };
    let groups: Vec<_> = groups.into_iter().map(data).collect();
    let counts: Vec<_> = lengths.into_iter().map(u64::from).collect();
    let mut collector = Collector::new("alerts in a user's log", counts.clone(), counts[0]);
    for number in 1..=options.rounds {
        eprintln!("round {number} of {}: alerts", options.rounds);
        let launcher = Launcher {
            programs: &options.programs,
            peers: None,
            data: &groups[0],
            under: &[],
        };
        let server = launcher.start(ServerKind::Sessiond).await?;
        for (index, data) in groups.iter().enumerate() {
            for operation in OPERATIONS {
                let measured = load(
                    &server,
                    operation,
                    Repetition::Often,
                    USERS / 2,
                    data,
                    options,
                )
                .await?;
                let name = format!("{}, {} at once", operation.name(), USERS / 2);
                collector.add(index, &name, Unit::CpuMicroseconds, cpu(&measured));
            }
        }
        server.stop();
    }
    fs::remove_file(database)?;
    collector.finish()
}

/// A group of users for each length.
fn groups(base: &Data, lengths: &[u32]) -> Result<Vec<Users>> {
    let number = u32::try_from(lengths.len())?;
    ensure!(
        number > 0 && base.users() >= number * USERS,
        "the logs need at least {} users",
        number * USERS
    );
    let groups = (0..number).map(|index| Users {
        first: index * USERS,
        step: 1,
        count: USERS,
    });
    Ok(groups.collect())
}
