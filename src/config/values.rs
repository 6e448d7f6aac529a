//! The types of the settings, and their parsers.

use std::{ffi::OsStr, fmt, path::PathBuf, str::FromStr, time::Duration};

use clap::{Arg, Command, ValueEnum, builder::TypedValueParser, error::ErrorKind};

use crate::domain::rules;

/// The database that holds users, sessions and alerts. `Debug` hides the connection string, which
/// may contain a password.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file on this machine.
    Sqlite(PathBuf),
    /// A connection string of a replica set or a sharded cluster.
    Mongo(String),
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Mongo(_) => f.write_str("Mongo([connection string])"),
        }
    }
}

impl FromStr for Database {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.trim_start_matches('/').is_empty() => {
                // Both `sqlite:///var/lib/x.db` and `sqlite:/var/lib/x.db` are common.
                Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into()))
            }
            Some(("mongodb" | "mongodb+srv", rest)) if rest.starts_with("//") => {
                Ok(Self::Mongo(text.to_owned()))
            }
            _ => Err(
                "must be `sqlite:` and a file path (for example sqlite:sessiond.db), or a MongoDB \
                 connection string (for example mongodb://host/sessiond)",
            ),
        }
    }
}

/// Parses a [`Database`]. Unlike clap's own parsers, it does not print a rejected value, which may
/// contain a password.
#[derive(Debug, Clone, Copy)]
pub struct DatabaseParser;

impl TypedValueParser for DatabaseParser {
    type Value = Database;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        value
            .to_str()
            .unwrap_or_default()
            .parse()
            .map_err(|problem: &str| {
                clap::Error::raw(
                    ErrorKind::ValueValidation,
                    format!("--database {problem}\n"),
                )
                .with_cmd(command)
            })
    }
}

/// The effect of a login while another device has a valid session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnConflict {
    /// Refuse the login, and alert the device that has the session
    Reject,
    /// End the other session, alert its device, and open the new one
    TakeOver,
    /// Ask the device that has the session to approve or deny the login
    Ask,
}

impl From<OnConflict> for rules::OnConflict {
    fn from(on_conflict: OnConflict) -> Self {
        match on_conflict {
            OnConflict::Reject => Self::Reject,
            OnConflict::TakeOver => Self::TakeOver,
            OnConflict::Ask => Self::Ask,
        }
    }
}

/// The conflict policies that callers other than the service may choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOnConflict(pub Vec<rules::OnConflict>);

impl FromStr for ClientOnConflict {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        text.split(',')
            .map(|policy| OnConflict::from_str(policy.trim(), true).map(Into::into))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// The source of a client's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClientIp {
    /// The address of the connection
    Peer,
    /// The last address in X-Forwarded-For
    XForwardedFor,
    /// The last `for` address in Forwarded (RFC 7239)
    Forwarded,
    /// X-Real-IP (nginx)
    XRealIp,
    /// X-Envoy-External-Address (Envoy, Istio)
    XEnvoyExternalAddress,
    /// CF-Connecting-IP (Cloudflare)
    CfConnectingIp,
    /// CloudFront-Viewer-Address (AWS CloudFront)
    CloudfrontViewerAddress,
    /// Fly-Client-IP (Fly.io)
    FlyClientIp,
    /// True-Client-IP (Akamai, Cloudflare)
    TrueClientIp,
}

impl ClientIp {
    /// The name of the header, in lower case. `None` for the address of the connection.
    #[must_use]
    pub const fn header(self) -> Option<&'static str> {
        match self {
            Self::Peer => None,
            Self::XForwardedFor => Some("x-forwarded-for"),
            Self::Forwarded => Some("forwarded"),
            Self::XRealIp => Some("x-real-ip"),
            Self::XEnvoyExternalAddress => Some("x-envoy-external-address"),
            Self::CfConnectingIp => Some("cf-connecting-ip"),
            Self::CloudfrontViewerAddress => Some("cloudfront-viewer-address"),
            Self::FlyClientIp => Some("fly-client-ip"),
            Self::TrueClientIp => Some("true-client-ip"),
        }
    }
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line of text per event, for people
    Text,
    /// One JSON object per line, for machines
    Json,
}

/// Parses a duration from one second to ten years. A shorter one is probably a mistake, and a
/// longer one has no practical difference from no limit.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const MAX_DURATION: Duration = Duration::from_hours(10 * 365 * 24);
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration < Duration::from_secs(1) || duration > MAX_DURATION {
        return Err("must be from 1s to 10 years".to_owned());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::config::Cli;

    #[test]
    fn a_rejected_connection_string_is_not_printed() {
        for text in [
            "\"mongodb://root:secret@host/bank\"",
            "mongo://root:secret@host/bank",
        ] {
            let error = Cli::try_parse_from(["sessiond", "--database", text])
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("--database must be") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
