//! Checks the machine: the space on the disk of the database, and the open-file limit.

use std::path::Path;

use super::CheckReport;
use crate::{
    config::{Database, FittedLimits, Settings},
    disk_space::DiskSpace,
    open_files,
};

/// Below this, a server would soon fail to write: the write-ahead log alone may take 16 MiB, and
/// more while a backup reads the file.
const MIN_FREE: u64 = 64 * MIB;

/// Below this, or below a tenth of the disk, an operator should make room.
const LOW_FREE: u64 = 1024 * MIB;

const MIB: u64 = 1024 * 1024;

/// Checks the free space of the disk that has, or will have, the SQLite file.
pub(super) fn check_disk(settings: &Settings, report: &mut CheckReport) {
    let Database::Sqlite(file) = &settings.database else {
        return;
    };
    let folder = match file.path().parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // A missing folder is a problem of the database, which has its own check.
    let Ok(folder) = folder.canonicalize() else {
        return;
    };
    match DiskSpace::of(&folder) {
        Ok(DiskSpace { free, total }) => judge_space(&folder, free, total, report),
        Err(error) => report.warn(format!(
            "the free space of {} cannot be read: {error}",
            folder.display()
        )),
    }
}

fn judge_space(folder: &Path, free: u64, total: u64, report: &mut CheckReport) {
    let finding = format!(
        "{} MiB are free on the disk of {}",
        free / MIB,
        folder.display()
    );
    if free < MIN_FREE {
        report.fail(format!(
            "{finding}: free some space, or put the database on another disk, because logins fail \
             if the disk is full"
        ));
    } else if free < LOW_FREE || free < total / 10 {
        report.warn(format!("{finding}: free some space, or use a larger disk"));
    } else {
        report.pass(format!("{finding}."));
    }
}

/// Checks that the connection limits fit the open-file limit of this process.
pub(super) fn check_open_files(settings: &Settings, report: &mut CheckReport) {
    let mut limits = settings.connection_limits;
    let open_files = open_files::fit_limits(&mut limits);
    let (connections, sockets) = (limits.max_connections, limits.max_sockets);
    let Ok((open_files, fitted)) = open_files.result() else {
        report.warn(
            "the open-file limit cannot be raised; raise it with `ulimit -n`, or with LimitNOFILE \
             in a systemd unit",
        );
        return;
    };
    let finding = format!(
        "the open-file limit of {open_files} permits {connections} connections, {sockets} of them \
         WebSockets and event streams"
    );
    match fitted {
        FittedLimits::Kept => report.pass(format!("{}.", capitalized(&finding))),
        FittedLimits::LoweredDefaults => report.pass(format!(
            "{}; to permit more, raise it with `ulimit -n`, or with LimitNOFILE in a systemd unit.",
            capitalized(&finding)
        )),
        FittedLimits::LoweredSettings => report.warn(format!(
            "{finding}, and {} of one address, {} of them WebSockets and event streams, fewer than \
             the settings: raise it with `ulimit -n`, or with LimitNOFILE in a systemd unit, or \
             lower --max-connections, --max-sockets, --max-connections-per-address and \
             --max-sockets-per-address",
            limits.max_connections_per_address, limits.max_sockets_per_address
        )),
        FittedLimits::LoweredToReserve => report.warn(format!(
            "--max-connections {connections} permits {sockets} WebSockets and event streams, \
             because a tenth is reserved for requests, fewer than --max-sockets: raise \
             --max-connections, or lower --max-sockets"
        )),
    }
}

fn capitalized(sentence: &str) -> String {
    let mut characters = sentence.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_fails_the_check_and_a_nearly_full_one_is_a_warning() {
        let judge = |free, total| {
            let mut report = CheckReport::default();
            judge_space(Path::new("/data"), free * MIB, total * MIB, &mut report);
            report
        };
        let full = judge(63, 100_000).failed;
        assert!(
            full[0].starts_with("63 MiB are free on the disk of /data: free"),
            "{full:?}"
        );
        for (free, total) in [(64, 100), (1023, 2000), (9999, 100_000)] {
            let warning = &judge(free, total).passed[0];
            assert!(warning.starts_with("Warning: "), "{warning}");
        }
        assert_eq!(
            judge(1024, 10_000).passed,
            ["1024 MiB are free on the disk of /data."]
        );
    }
}
