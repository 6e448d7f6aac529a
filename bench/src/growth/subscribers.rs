//! Growth with the number of subscribers.

use std::path::Path;

use anyhow::{Result, ensure};

use super::{
    GrowthTable, files,
    report::{Collector, Unit},
    spread_users,
};
use crate::{
    data::{Data, tokens},
    options::Growth,
    servers::{Launcher, ServerKind},
    sockets::Sockets,
    subscribers::{self, SocketLoad},
};

/// The number of users that log in while others are subscribed.
const WATCHED: u32 = 100;

/// Measures the numbers of subscribers in the options.
pub(super) async fn measure(folder: &Path, base: &Data, options: &Growth) -> Result<GrowthTable> {
    let mut counts = options.subscribers.clone();
    counts.sort_unstable();
    let most = counts.last().copied().unwrap_or_default();
    let watched = WATCHED.min(base.users() / 2);
    let users = base.users().max(2 * most.max(watched));
    let database = folder.join("subscribers.db");
    std::fs::copy(&base.database, &database)?;
    files::add_users(&database, base.users(), users)?;
    let (readers, logins) = spread_users(users, most.max(watched));
    let data = Data {
        database,
        readers,
        tokens: tokens(readers),
        logins,
        ..base.clone()
    };
    ensure!(
        subscribers::allowed(&data, most)? == most,
        "the open-file limit allows fewer than {most} subscribers"
    );
    let launcher = Launcher {
        programs: &options.programs,
        peers: None,
        data: &data,
        under: &[],
    };
    let mut collector = Collector::new(
        "idle subscribers",
        counts.iter().copied().map(u64::from).collect(),
        counts[0].into(),
    );
    for number in 1..=options.rounds {
        eprintln!("round {number} of {}: subscribers", options.rounds);
        let server = launcher.start(ServerKind::Sessiond).await?;
        let mut sockets = Sockets::default();
        let watched_users = data.logins.slice(0, watched);
        let mut users = subscribers::users(watched_users, &server, Some(&mut sockets)).await?;
        // What the first logins and alerts leave in memory does not count as that of a subscriber.
        subscribers::cost(&server, options.window, &mut users).await?;
        let memory_before = server.resident_memory()?;
        let mut open = 0;
        for (index, &count) in counts.iter().enumerate() {
            subscribers::open_idle(&mut sockets, &server, &data, open..count).await?;
            open = count;
            let memory = server.resident_memory()?.saturating_sub(memory_before);
            let idle = SocketLoad::of(&server, options.window).await?;
            let cost = subscribers::cost(&server, options.window, &mut users).await?;
            let mut add = |name, unit, value| collector.add(index, name, unit, value);
            #[expect(clippy::cast_precision_loss, reason = "bytes of a process")]
            let kilobytes = memory as f64 / 1e3 / f64::from(count);
            add(
                "resident memory of a subscriber",
                Unit::Kilobytes,
                kilobytes,
            );
            add(
                "CPU time while nothing happens",
                Unit::PercentOfCore,
                idle.cpu_per_second() * 100.0,
            );
            add(
                "a login with its alert, 16 at once",
                Unit::CpuMicroseconds,
                cost,
            );
        }
        sockets.check()?;
        server.stop();
    }
    std::fs::remove_file(&data.database)?;
    collector.finish()
}
