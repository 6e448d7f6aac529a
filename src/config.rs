//! Every setting: its flag, its environment variable, its default and its unit. A setting that is wrong is refused
//! here, before anything is opened. Secrets are an environment variable or a file, never a flag: flags show in `ps`.

mod limits;
mod values;

use std::{
    env::{self, VarError},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use clap::{ArgAction, Args, Parser, Subcommand};
use humantime::{FormattedDuration, format_duration};
use thiserror::Error;

use self::values::{DatabaseParser, duration};
pub use self::{
    limits::Limits,
    values::{ClientChoices, ClientIp, Database, LogFormat, OnConflict, Origin},
};
use crate::{access::ServiceKey, domain::Token};

/// The environment variable that holds the service key.
const SERVICE_KEY: &str = "SESSIOND_SERVICE_KEY";

/// The session server: one user, one active session, and a live alert when a second device tries to log in.
///
/// Without a command, it serves.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub settings: Settings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Serve (the default)
    Serve,
    /// Print the GraphQL schema
    Schema,
    /// Try the settings and the store, and say what is wrong
    Check,
}

#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Address and port to listen on
    #[arg(
        long,
        env = "SESSIOND_LISTEN",
        global = true,
        default_value = "127.0.0.1:3000"
    )]
    pub listen: SocketAddr,

    /// Where users, sessions and alerts are kept: `sqlite:PATH`, `mongodb://…/NAME` or `mongodb+srv://…/NAME`
    ///
    /// A connection string that holds a password is better set as the environment variable.
    #[arg(
        long,
        env = "SESSIOND_DATABASE",
        global = true,
        default_value = "sqlite:sessiond.db",
        hide_env_values = true,
        value_parser = DatabaseParser
    )]
    pub database: Database,

    /// File that holds the service key, at least 32 characters; or set SESSIOND_SERVICE_KEY
    ///
    /// Without either, the server is in development mode: anyone is trusted as the service, on a loopback address only.
    #[arg(
        long,
        env = "SESSIOND_SERVICE_KEY_FILE",
        global = true,
        value_name = "FILE"
    )]
    pub service_key_file: Option<PathBuf>,

    /// What a login does where another device holds a valid session
    #[arg(
        long,
        env = "SESSIOND_ON_CONFLICT",
        global = true,
        value_enum,
        ignore_case = true,
        default_value = "reject"
    )]
    pub on_conflict: OnConflict,

    /// What a caller other than the service may choose instead, separated by commas; `none` for nothing
    #[arg(
        long,
        env = "SESSIOND_CLIENT_ON_CONFLICT",
        global = true,
        default_value = "reject,take-over,ask"
    )]
    pub client_on_conflict: ClientChoices,

    /// How long a session lives without a request (NIST SP 800-63B-4, AAL2)
    #[arg(long, env = "SESSIOND_IDLE_TIMEOUT", global = true, default_value = "30m", value_parser = duration)]
    pub idle_timeout: Duration,

    /// How long a session lives however busy it is (NIST SP 800-63B-4, AAL2)
    #[arg(long, env = "SESSIOND_SESSION_LIFETIME", global = true, default_value = "24h", value_parser = duration)]
    pub session_lifetime: Duration,

    /// How long a login waits for approval
    #[arg(long, env = "SESSIOND_APPROVAL_TIMEOUT", global = true, default_value = "2m", value_parser = duration)]
    pub approval_timeout: Duration,

    /// How long ended sessions and alerts are kept
    #[arg(long, env = "SESSIOND_RETENTION", global = true, default_value = "90d", value_parser = duration)]
    pub retention: Duration,

    /// Where a client's address is read: its connection, or the header that your own proxy sets
    #[arg(
        long,
        env = "SESSIOND_CLIENT_IP_SOURCE",
        global = true,
        value_enum,
        ignore_case = true,
        default_value = "peer"
    )]
    pub client_ip_source: ClientIp,

    /// Origin of a web page that may use the API, besides the server's own; may be given again
    #[arg(
        long = "allowed-origin",
        env = "SESSIOND_ALLOWED_ORIGIN",
        global = true,
        value_name = "ORIGIN",
        value_delimiter = ',',
        action = ArgAction::Append
    )]
    pub allowed_origins: Vec<Origin>,

    /// How long requests that run may take to finish after SIGTERM
    #[arg(long, env = "SESSIOND_SHUTDOWN_GRACE", global = true, default_value = "30s", value_parser = duration)]
    pub shutdown_grace: Duration,

    /// How log lines are written; `RUST_LOG` says which
    #[arg(
        long,
        env = "SESSIOND_LOG_FORMAT",
        global = true,
        value_enum,
        ignore_case = true,
        default_value = "text"
    )]
    pub log_format: LogFormat,

    #[command(flatten)]
    pub limits: Limits,
}

/// Why the settings cannot be used, as a sentence for an operator.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("cannot read the service key file {path}: {source}", path = path.display())]
    KeyFile {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the service key in {0} has fewer than 32 characters: try `openssl rand -base64 32`")]
    ShortKey(String),
    #[error(
        "the service key in {0} has the form of a session's token: try `openssl rand -base64 32`"
    )]
    TokenAsKey(String),
    #[error(
        "the service key in {0} must be one line of ASCII: a request's header cannot carry another"
    )]
    KeyNotForHeaders(String),
    #[error("{SERVICE_KEY} is not UTF-8 text")]
    KeyNotText,
    #[error("{SERVICE_KEY} and --service-key-file are both given: give one")]
    TwoKeys,
    #[error(
        "{0} is not a loopback address, and no service key is given: set {SERVICE_KEY}, or listen on 127.0.0.1"
    )]
    Exposed(SocketAddr),
    #[error("{flag} ({given}) is longer than --session-lifetime ({lifetime})")]
    Outlives {
        flag: &'static str,
        given: FormattedDuration,
        lifetime: FormattedDuration,
    },
}

impl Settings {
    /// The service key: `None` is development mode.
    ///
    /// # Errors
    /// Every [`ConfigError`] there is.
    pub fn check(&self) -> Result<Option<ServiceKey>, Vec<ConfigError>> {
        let mut errors = Vec::new();
        for (flag, given) in [
            ("--idle-timeout", self.idle_timeout),
            ("--approval-timeout", self.approval_timeout),
        ] {
            if given > self.session_lifetime {
                let (given, lifetime) = (
                    format_duration(given),
                    format_duration(self.session_lifetime),
                );
                errors.push(ConfigError::Outlives {
                    flag,
                    given,
                    lifetime,
                });
            }
        }
        match self.service_key() {
            Ok(key) if errors.is_empty() => return Ok(key),
            Ok(_) => {}
            Err(error) => errors.push(error),
        }
        Err(errors)
    }

    fn service_key(&self) -> Result<Option<ServiceKey>, ConfigError> {
        let (source, text) = match (env::var(SERVICE_KEY), &self.service_key_file) {
            (Ok(_) | Err(VarError::NotUnicode(_)), Some(_)) => return Err(ConfigError::TwoKeys),
            // Set and of no use is a slip: it is never taken for development mode.
            (Err(VarError::NotUnicode(_)), None) => return Err(ConfigError::KeyNotText),
            (Ok(key), None) => (SERVICE_KEY.to_owned(), key),
            (Err(VarError::NotPresent), Some(path)) => {
                let text =
                    std::fs::read_to_string(path).map_err(|source| ConfigError::KeyFile {
                        path: path.clone(),
                        source,
                    })?;
                (path.display().to_string(), text)
            }
            (Err(VarError::NotPresent), None) if self.listen.ip().is_loopback() => return Ok(None),
            (Err(VarError::NotPresent), None) => return Err(ConfigError::Exposed(self.listen)),
        };
        let text = text.trim();
        if Token::parse(text).is_some() {
            return Err(ConfigError::TokenAsKey(source));
        }
        if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(ConfigError::KeyNotForHeaders(source));
        }
        ServiceKey::new(text)
            .map(Some)
            .ok_or(ConfigError::ShortKey(source))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(flags: &[&str]) -> Result<Settings, String> {
        let arguments = ["sessiond"].iter().chain(flags);
        Cli::try_parse_from(arguments)
            .map(|cli| cli.settings)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_setting_stands_in_the_example_of_the_environment() {
        let example = include_str!("../.env.example");
        let command = Cli::command();
        let variables = command
            .get_arguments()
            .filter_map(|argument| argument.get_env()?.to_str());
        for variable in variables.chain([SERVICE_KEY]) {
            assert!(
                example.contains(&format!("{variable}=")),
                ".env.example lacks {variable}"
            );
        }
    }

    #[test]
    fn without_a_key_only_a_loopback_address_is_served() {
        assert!(parse(&[]).unwrap().check().unwrap().is_none());
        assert!(
            parse(&["--listen", "[::1]:0"])
                .unwrap()
                .check()
                .unwrap()
                .is_none()
        );
        let errors = parse(&["--listen", "0.0.0.0:3000"])
            .unwrap()
            .check()
            .unwrap_err();
        assert!(
            matches!(errors[..], [ConfigError::Exposed(_)]),
            "{errors:?}"
        );
    }

    #[test]
    fn a_value_of_another_shape_is_refused() {
        for flags in [
            ["--listen", "localhost"],
            ["--database", "postgres://x"],
            ["--database", "sqlite:"],
            ["--idle-timeout", "0s"],
            ["--idle-timeout", "20years"],
            ["--client-on-conflict", "reject,maybe"],
            ["--allowed-origin", "https://app.example.com/path"],
            ["--allowed-origin", "*"],
        ] {
            assert!(parse(&flags).is_err(), "{flags:?}");
        }
    }

    #[test]
    fn a_session_neither_idles_nor_waits_for_longer_than_it_lives_and_all_that_is_wrong_is_said() {
        let flags = [
            "--approval-timeout=2d",
            "--idle-timeout=25h",
            "--listen=0.0.0.0:3000",
        ];
        let errors = parse(&flags).unwrap().check().unwrap_err();
        assert_eq!(
            errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "--idle-timeout (1day 1h) is longer than --session-lifetime (1day)",
                "--approval-timeout (2days) is longer than --session-lifetime (1day)",
                &ConfigError::Exposed("0.0.0.0:3000".parse().unwrap()).to_string(),
            ]
        );
    }

    #[test]
    fn a_key_file_is_read_without_the_line_end_and_must_be_of_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let settings = parse(&["--service-key-file", path.to_str().unwrap()]).unwrap();
        let refused = || settings.check().unwrap_err().pop().unwrap();
        assert!(matches!(refused(), ConfigError::KeyFile { .. }));
        std::fs::write(&path, "short\n").unwrap();
        assert!(matches!(refused(), ConfigError::ShortKey(_)));
        std::fs::write(&path, format!("sd1_{}\n", "A".repeat(64))).unwrap();
        assert!(matches!(refused(), ConfigError::TokenAsKey(_)));
        for key in [
            "0123456789abcdef\n0123456789abcdef\n",
            "clé 0123456789abcdef0123456789abcdef",
        ] {
            std::fs::write(&path, key).unwrap();
            assert!(matches!(refused(), ConfigError::KeyNotForHeaders(_)));
        }
        std::fs::write(&path, "0123456789abcdef0123456789abcdef\n").unwrap();
        assert!(
            settings
                .check()
                .unwrap()
                .unwrap()
                .opens("0123456789abcdef0123456789abcdef")
        );
    }
}
