//! The types of the settings, and their parsers.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::{IntErrorKind, NonZeroUsize, ParseIntError},
    str::FromStr,
    time::Duration,
};

use clap::ValueEnum;

use crate::domain::rules;

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
    /// The names of all headers in which proxies send a client's address, in lower case.
    pub fn headers() -> impl Iterator<Item = &'static str> {
        Self::value_variants()
            .iter()
            .filter_map(|source| source.header())
    }

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

/// Whether the server has the playground.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Playground {
    /// In development mode only
    Auto,
    /// Always
    #[value(alias = "true")]
    On,
    /// Never
    #[value(alias = "false")]
    Off,
}

impl Playground {
    /// Returns whether the server has the playground in this mode.
    #[must_use]
    pub const fn is_on(self, development_mode: bool) -> bool {
        match self {
            Self::Auto => development_mode,
            Self::On => true,
            Self::Off => false,
        }
    }
}

/// Parses an address to listen on. `localhost:PORT` and `:PORT` mean 127.0.0.1. Other names are not
/// resolved, because a name may have several addresses.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, &'static str> {
    const PROBLEM: &str = "must be an IP address and a port, such as 127.0.0.1:3000, [::1]:3000, \
         localhost:3000, or 0.0.0.0:3000 for all addresses";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    match text.rsplit_once(':') {
        Some((host, port)) if host.is_empty() || host.eq_ignore_ascii_case("localhost") => {
            let port = port.parse().map_err(|_| PROBLEM)?;
            Ok((Ipv4Addr::LOCALHOST, port).into())
        }
        _ => Err(PROBLEM),
    }
}

/// Parses a duration from one second to ten years. A shorter one is probably a mistake, and a
/// longer one has no practical difference from no limit.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const MAX_DURATION: Duration = Duration::from_hours(10 * 365 * 24);
    // `humantime` reads `30M` as 30 months, and everyone who writes it means minutes.
    if text.contains('M') {
        return Err("`M` is ambiguous: write minutes as 30m, and months as 30months".to_owned());
    }
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration < Duration::from_secs(1) || duration > MAX_DURATION {
        return Err("must be from 1s to 10 years".to_owned());
    }
    Ok(duration)
}

/// Parses a number of at least 1. The errors of the standard library name the types of Rust.
pub(super) fn count<T: FromStr<Err = ParseIntError>>(text: &str) -> Result<T, &'static str> {
    text.parse()
        .map_err(|error: ParseIntError| match error.kind() {
            IntErrorKind::Zero => "must be at least 1",
            IntErrorKind::PosOverflow => "is too large",
            _ => "must be a whole number of at least 1",
        })
}

/// Parses the maximum nesting of fields. The executor is recursive, so its stack bounds the
/// nesting: with a fragment around each level, 32 levels of fields have the maximum of 64 selection
/// sets.
pub(super) fn depth(text: &str) -> Result<NonZeroUsize, String> {
    const MAX_DEPTH: usize = 32;
    match text.parse::<NonZeroUsize>() {
        Ok(depth) if depth.get() <= MAX_DEPTH => Ok(depth),
        _ => Err(format!("must be from 1 to {MAX_DEPTH}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_listen_on_may_be_that_of_this_machine() {
        for (text, address) in [
            ("127.0.0.1:3000", "127.0.0.1:3000"),
            ("[::]:0", "[::]:0"),
            ("localhost:3000", "127.0.0.1:3000"),
            ("LocalHost:0", "127.0.0.1:0"),
            (":3000", "127.0.0.1:3000"),
        ] {
            assert_eq!(listen_address(text), Ok(address.parse().unwrap()), "{text}");
        }
        for text in [
            "",
            ":",
            "3000",
            "localhost",
            "localhost:",
            "localhost:65536",
            "example.com:3000",
            "*:3000",
            "::1:3000",
            "http://127.0.0.1:3000",
        ] {
            assert!(listen_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_has_a_unit_that_is_not_ambiguous() {
        for (text, seconds) in [
            ("90s", 90),
            ("30m", 1800),
            ("30min", 1800),
            ("1h 30m", 5400),
            ("1h30m", 5400),
            ("2months", 2 * 2_630_016),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for (text, problem) in [
            ("90", "time unit needed"),
            ("30M", "write minutes as 30m"),
            ("999ms", "from 1s"),
            ("0s", "from 1s"),
            ("11years", "10 years"),
            ("", "empty"),
            ("-1s", "number"),
        ] {
            let error = duration(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
