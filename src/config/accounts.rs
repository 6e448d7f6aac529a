//! The settings for registration and failed logins.

use std::{num::NonZeroU32, path::PathBuf, thread::available_parallelism};

use clap::{Args, ValueEnum};

use super::values::count;
use crate::service;

/// The settings for registration and failed logins.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct AccountSettings {
    /// Who may register users; with `anyone`, a caller can find out whether a mobile number is
    /// registered
    #[arg(
        long,
        env = "SESSIOND_REGISTRATION",
        global = true,
        value_enum,
        ignore_case = true,
        default_value = "anyone"
    )]
    pub registration: Registration,

    /// Maximum number of attempts to register that one client address may make in quick succession;
    /// after that, one more every 30 s; not applied to the service
    #[arg(
        long,
        env = "SESSIOND_MAX_REGISTRATIONS_PER_ADDRESS",
        global = true,
        value_name = "COUNT",
        default_value = "20",
        value_parser = count::<NonZeroU32>
    )]
    pub max_registrations_per_address: NonZeroU32,

    /// Maximum number of failed logins of one mobile number in quick succession; after that, one
    /// more every 30 s; not applied to the service
    #[arg(
        long,
        env = "SESSIOND_MAX_FAILED_LOGINS_PER_MOBILE",
        global = true,
        value_name = "COUNT",
        default_value = "10",
        value_parser = count::<NonZeroU32>
    )]
    pub max_failed_logins_per_mobile: NonZeroU32,

    /// The same maximum for one client address, which many people may share
    #[arg(
        long,
        env = "SESSIOND_MAX_FAILED_LOGINS_PER_ADDRESS",
        global = true,
        value_name = "COUNT",
        default_value = "100",
        value_parser = count::<NonZeroU32>
    )]
    pub max_failed_logins_per_address: NonZeroU32,

    /// Number of passwords that are hashed at the same time, each with 19 MiB of memory; 32 logins
    /// wait for each [default: one less than the processors, at least 1]
    #[arg(
        long,
        env = "SESSIOND_HASH_THREADS",
        global = true,
        value_name = "COUNT",
        value_parser = clap::value_parser!(u16).range(1..=1024)
    )]
    pub hash_threads: Option<u16>,

    /// File of passwords that nobody may choose, because they are known from breaches: SHA-1 hashes
    /// in ascending order, one a line, as Have I Been Pwned publishes them
    #[arg(
        long,
        env = "SESSIOND_BREACHED_PASSWORDS",
        global = true,
        value_name = "PATH"
    )]
    pub breached_passwords: Option<PathBuf>,
}

impl AccountSettings {
    /// The number of passwords that are hashed at the same time. By default, one processor is left
    /// for everything else.
    #[must_use]
    pub fn max_concurrent_hashes(&self) -> usize {
        let processors = || available_parallelism().map_or(1, usize::from);
        self.hash_threads
            .map_or_else(|| processors().saturating_sub(1).max(1), usize::from)
    }
}

/// Who may register users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Registration {
    /// Anyone, with a password
    Anyone,
    /// Only the service
    Service,
}

impl From<Registration> for service::Registration {
    fn from(registration: Registration) -> Self {
        match registration {
            Registration::Anyone => Self::Anyone,
            Registration::Service => Self::Service,
        }
    }
}
