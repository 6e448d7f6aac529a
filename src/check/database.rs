//! Checks the database, and the clock against that of the database.

use std::{path::Path, time::Duration};

use humantime::format_duration;

use super::CheckReport;
use crate::{
    clock::Clock,
    config::{ByteSize, Database, Settings},
    store::{
        OpenError, Store,
        mongo::{MongoStore, Report},
        sqlite::{LayoutVersion, SqliteStore, check_not_in_use, layout_version},
    },
};

/// The maximum difference between the clocks of a node and of the database, in milliseconds. Nodes
/// judge timeouts by their own clocks, so that a difference between nodes shortens or extends a
/// session by as much.
const MAX_CLOCK_DIFFERENCE: i64 = 2000;

/// Checks the database. `may_be_in_use` if a server may be running.
pub(super) async fn check_database(
    settings: &Settings,
    may_be_in_use: bool,
    clock: &dyn Clock,
    report: &mut CheckReport,
) {
    match &settings.database {
        Database::Sqlite(file) => {
            check_file(file.path(), may_be_in_use, report).await;
            report.pass(describe_cache(settings.cache_size));
        }
        Database::Mongo(uri) => match check_mongo(uri, settings, clock, report).await {
            Ok(()) => {}
            Err(error) => report.fail(error.to_string()),
        },
    }
}

async fn check_mongo(
    uri: &str,
    settings: &Settings,
    clock: &dyn Clock,
    report: &mut CheckReport,
) -> Result<(), OpenError> {
    let store = MongoStore::open_migrated(uri, settings.sessions.retention).await?;
    let before = clock.now();
    let found = store.report().await;
    let after = clock.now();
    store.close().await;
    let found = found.map_err(|error| OpenError(error.to_string()))?;
    report.passed.extend(describe(&found));
    if let Some(time) = found.time {
        let (before, after) = (before.as_millis(), after.as_millis());
        check_clock(clock_difference(before, time.as_millis(), after), report);
    }
    Ok(())
}

/// Returns how far the database's clock is ahead of this machine's at least, in milliseconds. The
/// database read its clock between the two instants.
fn clock_difference(before: i64, theirs: i64, after: i64) -> i64 {
    if theirs < before {
        theirs.saturating_sub(before)
    } else {
        theirs.saturating_sub(after).max(0)
    }
}

fn check_clock(difference: i64, report: &mut CheckReport) {
    if difference.abs() <= MAX_CLOCK_DIFFERENCE {
        report.pass("The clock agrees with that of the database.");
        return;
    }
    let behind = if difference > 0 { "behind" } else { "ahead of" };
    report.fail(format!(
        "the clock of this machine is {} ms {behind} that of the database: synchronize both with \
         NTP, because sessions end by the clock of the node",
        difference.abs()
    ));
}

async fn check_file(path: &Path, may_be_in_use: bool, report: &mut CheckReport) {
    let file = path.display();
    if !path.exists() {
        return report.add(check_new_file(path));
    }
    // An empty file and one of another program have no layout.
    match layout_version(path) {
        Ok(layout) if (1..layout.current).contains(&layout.found) => {
            check_migration(path, &layout, report);
            if !may_be_in_use && let Err(error) = check_not_in_use(path) {
                report.fail(error.to_string());
            }
        }
        _ if may_be_in_use => report.pass(format!(
            "{file} exists. A server may be using it, so it was not opened."
        )),
        _ => match SqliteStore::open(path) {
            Ok(store) => {
                store.close().await;
                report.pass(format!(
                    "{file} is a sessiond database of this layout and is not in use. Its pages were \
                     not read: a backup checks all of them."
                ));
            }
            Err(error) => report.fail(error.to_string()),
        },
    }
}

/// Reports that a start would migrate the file. The check does not, because an earlier version cannot
/// open a migrated file.
fn check_migration(path: &Path, layout: &LayoutVersion, report: &mut CheckReport) {
    let LayoutVersion { found, current, .. } = layout;
    let space = match layout.needed_space {
        0 => String::new(),
        _ => format!(", which takes {}", layout.describe_space()),
    };
    let plan = format!(
        "{} has layout {found}; a start migrates it to layout {current}{space}",
        path.display()
    );
    if layout.lacks_space() {
        report.fail(format!("{plan}: free some space before the start"));
    } else {
        report.warn(format!(
            "{plan}: make a backup before the start, because an earlier version cannot open the \
             migrated file"
        ));
    }
}

fn check_new_file(path: &Path) -> Result<String, OpenError> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(OpenError(format!(
                "the folder {} does not exist: create it, and let the user of the server write to it",
                folder.display()
            )))
        }
        _ => Ok(format!(
            "{} does not exist and will be created.",
            path.display()
        )),
    }
}

fn describe_cache(size: ByteSize) -> String {
    if size.bytes() == 0 {
        "The cache of users is turned off.".to_owned()
    } else {
        format!("The cache of users takes up to {size} of memory.")
    }
}

/// Describes the database without the hosts and the credentials of its connection string.
fn describe(report: &Report) -> Vec<String> {
    let topology = match &report.replica_set {
        Some(name) => format!("replica set {name}"),
        None => "a sharded cluster".to_owned(),
    };
    let mut lines = vec![format!(
        "The database {} is available and has the collections and indexes of this version. \
         Server: version {}, {topology}.",
        report.database, report.version
    )];
    for collection in &report.collections {
        lines.push(format!("{}:", collection.name));
        for index in &collection.indexes {
            let unique = if index.is_unique { ", unique" } else { "" };
            let expiry = index.expires_after.map_or_else(String::new, |after| {
                format!(", expires after {}", in_days(after))
            });
            lines.push(format!(
                "  {} ({}){unique}{expiry}",
                index.name,
                index.keys.join(", ")
            ));
        }
    }
    lines
}

/// A time as a setting has it. `format_duration` writes 90 days with its own months, of 30.44 days.
fn in_days(time: Duration) -> String {
    let days = time.as_secs() / 86_400;
    if days > 0 && time == Duration::from_hours(24 * days) {
        format!("{days}d")
    } else {
        format_duration(time).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_differs_by_more_than_the_time_of_the_request_is_found() {
        for (theirs, difference) in [(100, 0), (150, 0), (200, 0), (2300, 2100), (-2000, -2100)] {
            assert_eq!(clock_difference(100, theirs, 200), difference, "{theirs}");
        }
        for (difference, sentence) in [
            (2100, "2100 ms behind that of the database"),
            (-2100, "2100 ms ahead of that of the database"),
        ] {
            let mut report = CheckReport::default();
            check_clock(difference, &mut report);
            assert!(report.failed[0].contains(sentence), "{report:?}");
        }
        let mut report = CheckReport::default();
        check_clock(-2000, &mut report);
        assert!(report.failed.is_empty());
    }

    #[test]
    fn whole_days_are_written_as_in_a_setting() {
        for (hours, expected) in [(24 * 90, "90d"), (24, "1d"), (25, "1day 1h"), (0, "0s")] {
            assert_eq!(in_days(Duration::from_hours(hours)), expected);
        }
    }
}
