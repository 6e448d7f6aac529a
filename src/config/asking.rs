//! The settings for logins that ask the first device, and for limits on conflicts.

use std::{num::NonZeroU32, path::PathBuf, str::FromStr, time::Duration};

use clap::{ArgAction, Args};

use super::values::{ClientOnConflict, OnConflict, duration};
use crate::{
    domain::rules::{self, TakeOverLimit},
    service::AwaySettings,
};

/// The settings for logins that ask the first device, and for limits on conflicts.
#[derive(Debug, Clone, Args)]
pub struct AskingSettings {
    /// Whether the waiting device shows a number that the approving device must select from three;
    /// a wrong one denies the login
    #[arg(
        long,
        env = "SESSIOND_MATCH_NUMBERS",
        global = true,
        action = ArgAction::Set,
        value_name = "BOOL",
        default_value = "true"
    )]
    pub match_numbers: bool,

    /// Maximum number of take-overs of one user in a time, such as 3/10m, by callers other than the
    /// service. The device that had the session first may always take it back, if it sent a deviceId
    #[arg(
        long,
        env = "SESSIOND_TAKE_OVER_LIMIT",
        global = true,
        value_name = "COUNT/TIME",
        default_value = "3/10m",
        value_parser = take_over_limit
    )]
    pub take_over_limit: TakeOverLimit,

    /// Effect of a login while the device that has the session is away. Default: the effect that the
    /// login would have otherwise
    #[arg(
        long,
        env = "SESSIOND_IF_AWAY",
        global = true,
        value_enum,
        ignore_case = true
    )]
    pub if_away: Option<OnConflict>,

    /// Conflict policies that callers other than the service may choose for the case that the device
    /// is away, separated by commas, or `none`
    #[arg(
        long,
        env = "SESSIOND_CLIENT_IF_AWAY",
        global = true,
        value_name = "POLICIES",
        default_value = "none"
    )]
    pub client_if_away: ClientOnConflict,

    /// Time without a request, and since the end of its last stream of alerts, after which a device
    /// is away; noticed up to half of it later, and at most a minute. At least 10s with MongoDB
    #[arg(
        long,
        env = "SESSIOND_AWAY_AFTER",
        global = true,
        default_value = "2m",
        value_parser = duration
    )]
    pub away_after: Duration,

    /// Longest time for which a session may freeze its user. Only the service may freeze a user for
    /// longer, or end a freeze
    #[arg(
        long,
        env = "SESSIOND_MAX_SELF_FREEZE",
        global = true,
        default_value = "24h",
        value_parser = duration
    )]
    pub max_self_freeze: Duration,

    /// File in the MaxMind DB format, such as GeoLite2-City.mmdb, that names the place of an
    /// address. SIGHUP reads it again
    #[arg(long, env = "SESSIOND_GEOIP_FILE", global = true, value_name = "FILE")]
    pub geoip_file: Option<PathBuf>,
}

/// The shortest time after which a device may count as away with MongoDB. A node learns of requests
/// at another node when that one has written them, after a second, by a clock that may differ by
/// [`CLOCK_TOLERANCE`](crate::domain::CLOCK_TOLERANCE).
pub(super) const MIN_AWAY_AFTER_OF_NODES: Duration = Duration::from_secs(10);

impl AskingSettings {
    /// Returns what decides if the device that has the session is away. In development mode, callers
    /// may choose every policy.
    #[must_use]
    pub fn away(&self, development_mode: bool) -> AwaySettings {
        AwaySettings {
            if_away: self.if_away.map(Into::into),
            client_if_away: if development_mode {
                rules::OnConflict::ALL.to_vec()
            } else {
                self.client_if_away.0.clone()
            },
            away_after: self.away_after,
        }
    }
}

/// Parses a limit such as `3/10m`.
fn take_over_limit(text: &str) -> Result<TakeOverLimit, String> {
    const FORM: &str = "must be a number and a time, such as 3/10m";
    let (count, window) = text.split_once('/').ok_or(FORM)?;
    Ok(TakeOverLimit {
        count: NonZeroU32::from_str(count.trim()).map_err(|_| FORM)?,
        window: duration(window.trim())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_and_a_time() {
        let limit = take_over_limit("3/10m").unwrap();
        assert_eq!(
            (limit.count.get(), limit.window),
            (3, Duration::from_mins(10))
        );
        for text in [
            "", "3", "3/", "/10m", "0/10m", "-1/10m", "3/10", "3/0s", "3/10M",
        ] {
            assert!(take_over_limit(text).is_err(), "{text}");
        }
    }
}
