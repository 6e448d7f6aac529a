//! The problems of the settings.

use std::{net::SocketAddr, path::PathBuf};

use humantime::FormattedDuration;
use thiserror::Error;

use super::{service_keys::SERVICE_KEY_VARIABLE, webhooks::WEBHOOK_SECRET_VARIABLE};
use crate::webhooks::{MAX_RECEIVERS, SecretsError, WebhookUrl};

/// A problem with the settings, as a message for an operator.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file of service keys cannot be read.
    #[error("cannot read the service key file {path}: {source}", path = path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file of several service keys holds something else.
    #[error("{path} is not a file of service keys: {problem}", path = path.display())]
    KeysInvalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The service key is too short. The field is the variable or file that holds it, as in the
    /// following variants.
    #[error("the service key in {0} has fewer than 32 characters: try `openssl rand -base64 32`")]
    ShortKey(String),
    /// The service key has the form of a session's token, so the server would mistake it for one.
    #[error(
        "the service key in {0} has the form of a session's token: try `openssl rand -base64 32`"
    )]
    TokenAsKey(String),
    /// The service key cannot be sent in an HTTP header.
    #[error(
        "the service key in {0} must be one line of ASCII text, so that an HTTP header can carry it"
    )]
    KeyNotForHeaders(String),
    /// The environment variable does not hold text.
    #[error("{SERVICE_KEY_VARIABLE} is not UTF-8 text")]
    KeyNotText,
    /// The service key is given twice.
    #[error("both {SERVICE_KEY_VARIABLE} and --service-key-file are set: set only one")]
    TwoKeys,
    /// The server would be in development mode on an address that other machines can reach.
    #[error(
        "{0} is not a loopback address, and no service key is given: set {SERVICE_KEY_VARIABLE}, \
         --service-key-file or --service-keys, or listen on 127.0.0.1"
    )]
    Exposed(SocketAddr),
    /// Environment variables of settings are empty. The field is their names.
    #[error("set but empty: {0}; remove each of them, or give it a value")]
    EmptyVariables(String),
    /// The data may be in a file of another name, which earlier versions opened.
    #[error(
        "{former} exists, and earlier versions of sessiond opened it for the same setting; if it \
         holds your data, rename it to {path} (and {former}-wal to {path}-wal), else move it away",
        former = former.display(),
        path = path.display()
    )]
    FormerFile {
        /// The file that earlier versions opened.
        former: PathBuf,
        /// The file that this version opens.
        path: PathBuf,
    },
    /// A timeout is longer than the lifetime of a session.
    #[error("{flag} ({given}) is longer than --session-lifetime ({lifetime})")]
    LongerThanLifetime {
        /// The flag of the timeout.
        flag: &'static str,
        /// The timeout.
        given: FormattedDuration,
        /// The lifetime.
        lifetime: FormattedDuration,
    },
    /// A device would count as away before other nodes can know of its requests.
    #[error(
        "--away-after ({given}) is shorter than {least}: with MongoDB, a node learns of the requests \
         at another node only after a few seconds"
    )]
    AwayTooSoon {
        /// The setting.
        given: FormattedDuration,
        /// The least possible value.
        least: FormattedDuration,
    },
    /// The certificate is given without its key, or the key without the certificate.
    #[error("--tls-cert and --tls-key belong together: set both, or neither")]
    HalfOfTls,
    /// The cookie of development mode has no domain.
    #[error(
        "--cookie-domain needs a service key, because the cookie of development mode has no domain"
    )]
    CookieDomainWithoutKey,
    /// Two listeners would share one port.
    #[error("--listen and --metrics-listen are both {0}: give each a port of its own")]
    SameAddress(SocketAddr),
    /// The file of settings, or a file that it names, cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file of settings has mistakes.
    #[error("{path}: {problems}", path = path.display(), problems = problems.join("; "))]
    SettingsFile {
        /// The file.
        path: PathBuf,
        /// All mistakes, each with its line.
        problems: Vec<String>,
    },
    /// The secret of webhooks has another form.
    #[error("the webhook secret in {place} cannot be used: it {problem}")]
    WebhookSecret {
        /// The variable or the file that holds it.
        place: String,
        /// What is wrong.
        problem: SecretsError,
    },
    /// The secret of webhooks is given twice.
    #[error("both {WEBHOOK_SECRET_VARIABLE} and --webhook-secret-file are set: set only one")]
    TwoWebhookSecrets,
    /// There are receivers of webhooks and no secret.
    #[error(
        "--webhook-url needs a secret: set {WEBHOOK_SECRET_VARIABLE} or --webhook-secret-file; \
         `echo whsec_$(openssl rand -base64 32)` makes one"
    )]
    NoWebhookSecret,
    /// There is a secret of webhooks and no receiver.
    #[error(
        "there is a webhook secret, but no receiver: set --webhook-url, or remove \
         {WEBHOOK_SECRET_VARIABLE} and --webhook-secret-file"
    )]
    NoWebhookUrl,
    /// A receiver of webhooks is given twice.
    #[error("--webhook-url names the same receiver at {0} twice: remove one of them")]
    SameWebhooks(WebhookUrl),
    /// There are too many receivers of webhooks.
    #[error("--webhook-url names more than {MAX_RECEIVERS} receivers")]
    TooManyWebhooks,
    /// Alerts would be deleted before webhooks are given up.
    #[error(
        "--retention ({retention}) is shorter than {needed}, for which a webhook is tried again: \
         keep alerts for at least that time"
    )]
    ShortRetention {
        /// The retention.
        retention: FormattedDuration,
        /// The time for which a message is tried again.
        needed: FormattedDuration,
    },
    /// The database is given twice.
    #[error("both --database and --database-file are set: set only one")]
    TwoDatabases,
    /// The file of the database setting holds something else. The message never quotes it.
    #[error("the setting of the database in {path} {problem}", path = path.display())]
    DatabaseFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
}
