//! The CPU time of a process and of the calling thread, with the resolution of the kernel's clocks.

use std::time::Duration;

use anyhow::Result;

/// Returns the CPU time (user and system) that all threads of a process have used, those that have
/// ended included.
#[cfg(target_os = "linux")]
pub(crate) fn of_process(id: u32) -> Result<Duration> {
    let id = nix::unistd::Pid::from_raw(id.try_into()?);
    Ok(nix::time::clock_getcpuclockid(id)?.now()?.into())
}

/// Returns the CPU time that the calling thread has used.
#[cfg(target_os = "linux")]
pub(crate) fn of_this_thread() -> Result<Duration> {
    Ok(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID.now()?.into())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn of_process(_id: u32) -> Result<Duration> {
    anyhow::bail!("the benchmark needs Linux")
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn of_this_thread() -> Result<Duration> {
    anyhow::bail!("the benchmark needs Linux")
}
