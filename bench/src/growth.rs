//! How costs grow: with the users and sessions in the file, with the subscribers, and with the
//! alerts in a user's log.
//!
//! The requests come from the same number of users in each file, spread evenly over it, so that
//! only the file differs.

mod alerts;
mod files;
mod report;
mod subscribers;
mod users;

use anyhow::{Result, ensure};

pub use self::report::{Cell, GrowthResults, GrowthTable, Row};
use crate::{
    RunFolder,
    data::Data,
    load::{Extent, Load, Measured, Order},
    machine,
    operations::Operation,
    options::Growth,
    servers::Server,
    users::Users,
    write,
};

/// The number of users that the store writes through the rules. The others are copies of the first
/// one.
const WRITTEN_USERS: u32 = 10_000;

/// Measures all growth, prints the tables, and writes the results.
///
/// # Errors
/// If a server does not start or sends a wrong response, if the disk has too little space, or if a
/// file cannot be written.
pub async fn run(options: &Growth) -> Result<GrowthResults> {
    let folder = RunFolder::create(&options.programs.data_folder)?;
    let mut machine = machine::describe(&options.programs, None)?;
    let mut sizes = options.users.clone();
    sizes.sort_unstable();
    ensure!(
        sizes.contains(&options.reference),
        "--reference must be one of --users"
    );
    let written = sizes[0].min(WRITTEN_USERS);
    eprintln!("writing {written} users");
    let base = Data::create(&folder.0, written, None).await?;
    let tables = vec![
        alerts::measure(&folder.0, &base, options).await?,
        subscribers::measure(&folder.0, &base, options).await?,
        users::measure(&folder.0, &base, &sizes, options).await?,
    ];
    machine.load_after = machine::load();
    let results = GrowthResults {
        machine,
        rounds: options.rounds,
        active_users: active_users(&sizes, options),
        tables,
    };
    if let Some(path) = &options.json {
        write(path, &serde_json::to_string_pretty(&results)?)?;
    }
    print!("{}", report::render(&results));
    Ok(results)
}

/// The number of users that send requests. The smallest file has two groups of them: one reads, and
/// the other one logs in.
fn active_users(sizes: &[u32], options: &Growth) -> u32 {
    options.active_users.min(sizes[0] / 2)
}

/// How often a user sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repetition {
    /// Once. After a start, most of what the request reads is on the disk only.
    Once,
    Often,
}

/// The operations that are measured, with the numbers of connections.
const OPERATIONS: [(Operation, Repetition, u32); 7] = [
    (Operation::FirstVerify, Repetition::Once, 32),
    (Operation::Verify, Repetition::Often, 32),
    (Operation::CurrentSession, Repetition::Often, 32),
    (Operation::User, Repetition::Often, 32),
    (Operation::Login, Repetition::Once, 64),
    (Operation::Login, Repetition::Often, 64),
    (Operation::Login, Repetition::Often, 1),
];

/// Measures an operation of these users.
async fn load(
    server: &Server,
    operation: Operation,
    repetition: Repetition,
    connections: u32,
    data: &Data,
    options: &Growth,
) -> Result<Measured> {
    let (users, credentials) = match operation {
        Operation::Login => (data.logins, std::rc::Rc::default()),
        _ => (data.readers, std::rc::Rc::clone(&data.tokens)),
    };
    let load = Load {
        operation,
        connections: connections.min(users.count),
        users,
        credentials,
        order: match operation {
            Operation::FirstVerify | Operation::Login => Order::InTurn,
            _ => Order::Random,
        },
        extent: match repetition {
            Repetition::Once => Extent::Once {
                settling: crate::requests::SETTLING,
            },
            Repetition::Often => Extent::Time {
                warm_up: options.warm_up,
                window: options.window,
            },
        },
    };
    load.run(server).await
}

/// The CPU time of a request in microseconds.
fn cpu(measured: &Measured) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
    let requests = measured.requests as f64;
    measured.server_cpu.as_secs_f64() * 1e6 / requests
}

/// `count` users that are spread evenly over all users of a file, and `count` others between them.
fn spread_users(users: u32, count: u32) -> (Users, Users) {
    let step = users / count;
    let group = |first| Users { first, step, count };
    (group(0), group(step / 2))
}
