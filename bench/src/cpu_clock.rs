//! The CPU time of a process and of the calling thread, in nanoseconds, from Linux's scheduler
//! (`schedstat` in proc(5)). `/proc/PID/stat` has it in steps of 10 ms.

use std::{collections::HashMap, fs, time::Duration};

use anyhow::{Context, Result};

/// The CPU time that each thread of a process has used.
#[derive(Debug)]
pub(crate) struct ProcessCpu(HashMap<String, Duration>);

impl ProcessCpu {
    /// Reads the times of a process.
    pub(crate) fn read(process: u32) -> Result<Self> {
        let folder = format!("/proc/{process}/task");
        let threads = fs::read_dir(&folder).context("the benchmark needs Linux")?;
        let mut times = HashMap::new();
        for thread in threads {
            let thread = thread?;
            // A thread that has ended since the folder was read has no file any more.
            if let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) {
                let name = thread.file_name().to_string_lossy().into_owned();
                times.insert(name, parse(&text)?);
            }
        }
        Ok(Self(times))
    }

    /// The CPU time that the process has used since `earlier`. A thread that has ended since then
    /// does not count: servers end only threads that were idle for seconds.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        self.0
            .iter()
            .map(|(thread, time)| {
                let before = earlier.0.get(thread).copied().unwrap_or_default();
                time.saturating_sub(before)
            })
            .sum()
    }
}

/// Returns the CPU time that the calling thread has used.
pub(crate) fn of_this_thread() -> Result<Duration> {
    parse(&fs::read_to_string("/proc/thread-self/schedstat").context("the benchmark needs Linux")?)
}

/// The first number is the time on a CPU in nanoseconds.
fn parse(schedstat: &str) -> Result<Duration> {
    let nanoseconds = schedstat.split(' ').next().unwrap_or_default();
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_thread_that_has_ended_is_not_subtracted() {
        let cpu = |times: &[(&str, u64)]| {
            let times = times.iter();
            ProcessCpu(
                times
                    .map(|(thread, time)| ((*thread).to_owned(), Duration::from_nanos(*time)))
                    .collect(),
            )
        };
        let before = cpu(&[("1", 100), ("2", 1000)]);
        let after = cpu(&[("1", 150), ("3", 7)]);
        assert_eq!(after.since(&before), Duration::from_nanos(57));
    }
}
