//! The settings for logins and sessions.

use std::{num::NonZeroU32, time::Duration};

use clap::Args;

use super::values::{ClientOnConflict, OnConflict, count, duration};
use crate::domain::rules;

/// The settings for logins and sessions.
#[derive(Debug, Clone, Args)]
pub struct SessionSettings {
    /// Effect of a login while another device has a valid session
    #[arg(
        long,
        env = "SESSIOND_ON_CONFLICT",
        global = true,
        value_enum,
        ignore_case = true,
        default_value = "reject"
    )]
    pub on_conflict: OnConflict,

    /// Conflict policies that callers other than the service may choose for a login, separated by
    /// commas, or `none`. Default: those that are not stronger than --on-conflict, in the order
    /// reject, ask, take-over; in development mode, all
    #[arg(
        long,
        env = "SESSIOND_CLIENT_ON_CONFLICT",
        global = true,
        value_name = "POLICIES"
    )]
    pub client_on_conflict: Option<ClientOnConflict>,

    /// Time without a request after which a session ends (NIST SP 800-63B-4, AAL2); an open
    /// subscription is not a request, so a session that only listens ends too
    #[arg(
        long,
        env = "SESSIOND_IDLE_TIMEOUT",
        global = true,
        default_value = "30m",
        value_parser = duration
    )]
    pub idle_timeout: Duration,

    /// Time after login at which a session ends even if it is in use (NIST SP 800-63B-4, AAL2)
    #[arg(
        long,
        env = "SESSIOND_SESSION_LIFETIME",
        global = true,
        default_value = "24h",
        value_parser = duration
    )]
    pub session_lifetime: Duration,

    /// Time that a login waits for approval
    #[arg(
        long,
        env = "SESSIOND_APPROVAL_TIMEOUT",
        global = true,
        default_value = "2m",
        value_parser = duration
    )]
    pub approval_timeout: Duration,

    /// Maximum number of alerts that logins on other devices raise for one user in a minute. Beyond
    /// it, a refused login is counted in the next alert, and a login that would ask for approval
    /// fails with `RATE_LIMITED`
    #[arg(
        long,
        env = "SESSIOND_MAX_ALERTS_PER_MINUTE",
        global = true,
        value_name = "COUNT",
        default_value = "20",
        value_parser = count::<NonZeroU32>
    )]
    pub max_alerts_per_minute: NonZeroU32,

    /// Time for which ended sessions and alerts are kept
    #[arg(
        long,
        env = "SESSIOND_RETENTION",
        global = true,
        default_value = "90d",
        value_parser = duration
    )]
    pub retention: Duration,
}

impl SessionSettings {
    /// Returns the conflict policies that callers other than the service may choose. By default, a
    /// client cannot weaken the protection that the operator has chosen.
    #[must_use]
    pub fn client_policies(&self, development_mode: bool) -> Vec<rules::OnConflict> {
        let strongest: rules::OnConflict = self.on_conflict.into();
        match &self.client_on_conflict {
            Some(chosen) => chosen.0.clone(),
            None => rules::OnConflict::ALL
                .into_iter()
                .filter(|policy| development_mode || *policy <= strongest)
                .collect(),
        }
    }
}
