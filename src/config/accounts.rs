//! The settings for registration and failed logins.

use std::num::NonZeroU32;

use clap::{Args, ValueEnum};

use crate::service;

/// The settings for registration and failed logins.
#[derive(Debug, Clone, Copy, Args)]
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
        default_value = "20"
    )]
    pub max_registrations_per_address: NonZeroU32,

    /// Maximum number of failed logins of one mobile number in quick succession; after that, one
    /// more every 30 s; not applied to the service
    #[arg(
        long,
        env = "SESSIOND_MAX_FAILED_LOGINS_PER_MOBILE",
        global = true,
        value_name = "COUNT",
        default_value = "10"
    )]
    pub max_failed_logins_per_mobile: NonZeroU32,

    /// The same maximum for one client address, which many people may share
    #[arg(
        long,
        env = "SESSIOND_MAX_FAILED_LOGINS_PER_ADDRESS",
        global = true,
        value_name = "COUNT",
        default_value = "100"
    )]
    pub max_failed_logins_per_address: NonZeroU32,
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
