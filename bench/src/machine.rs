//! The machine and the versions of a run.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sessiond::clock::{Clock, SystemClock};

use crate::options::Programs;

/// The versions of the crates that the server and the benchmark were built with.
const LOCK_FILE: &str = include_str!("../../Cargo.lock");

/// The machine and the versions of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// The time of the start in UTC.
    pub date: String,
    /// The number of cores that the benchmark may use.
    pub cores: usize,
    /// The name of the processor.
    pub processor: String,
    /// The version of Linux.
    pub kernel: String,
    /// The memory in GiB.
    pub memory_gib: u64,
    /// The file system of the databases, and its device.
    pub file_system: String,
    /// The load averages over 1, 5 and 15 minutes before the run.
    pub load_before: String,
    /// The same after the run.
    pub load_after: String,
    /// The measured programs with their versions.
    pub versions: Vec<String>,
}

/// Describes this machine.
pub(crate) fn describe(programs: &Programs, peers: Option<&Path>) -> Result<Machine> {
    let millis = u64::try_from(SystemClock.now().as_millis())?;
    let date = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(millis));
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, name)| name);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Ok(Machine {
        date: date.to_string(),
        cores: std::thread::available_parallelism()?.get(),
        processor: processor.to_owned(),
        kernel: kernel.trim().to_owned(),
        memory_gib: memory_gib(),
        file_system: file_system(&programs.data_folder)?,
        load_before: load(),
        load_after: load(),
        versions: versions(programs, peers)?,
    })
}

/// The load averages over 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn memory_gib() -> u64 {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|value| value.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or_default().div_ceil(1 << 20)
}

/// The file system that a folder is on: the mount point with the longest path that contains it.
fn file_system(folder: &Path) -> Result<String> {
    let folder = folder.canonicalize()?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let found = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (device, place, kind) = (fields.next()?, fields.next()?, fields.next()?);
            folder.starts_with(place).then_some((place, device, kind))
        })
        .max_by_key(|(place, ..)| place.len());
    let (_, device, kind) = found.context("the file system is unknown")?;
    Ok(format!("{kind} on {device}"))
}

fn versions(programs: &Programs, peers: Option<&Path>) -> Result<Vec<String>> {
    let mut versions = vec![output(Command::new(&programs.sessiond).arg("--version"))?];
    for name in ["axum", "async-graphql"] {
        let version = locked_version(name).context("a crate is not in Cargo.lock")?;
        versions.push(format!("{name} {version}"));
    }
    if let Some(peers) = peers {
        versions.push(format!(
            "Node {}",
            output(Command::new("node").arg("--version"))?
        ));
        versions.extend(peer_versions(peers)?);
    }
    Ok(versions)
}

fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn locked_version(name: &str) -> Option<&'static str> {
    let entry = format!("name = \"{name}\"\nversion = \"");
    LOCK_FILE.split_once(&entry)?.1.split('"').next()
}

fn peer_versions(folder: &Path) -> Result<Vec<String>> {
    let package: Value = serde_json::from_str(&fs::read_to_string(folder.join("package.json"))?)?;
    let packages = package["dependencies"]
        .as_object()
        .context("no dependencies")?;
    Ok(packages
        .iter()
        .map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("unknown")))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_has_the_versions_of_the_frameworks() {
        assert!(locked_version("axum").is_some_and(|version| version.starts_with("0.")));
        assert!(locked_version("async-graphql").is_some_and(|version| version.starts_with("8.")));
        assert_eq!(locked_version("no-such-crate"), None);
    }
}
