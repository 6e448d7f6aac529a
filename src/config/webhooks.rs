//! The settings of webhooks.

use std::{
    env::{self, VarError},
    path::PathBuf,
};

use clap::{ArgAction, Args};
use humantime::format_duration;

use super::{ConfigError, Settings, confidential::Confidential};
use crate::webhooks::{MAX_AGE, MAX_RECEIVERS, WebhookSecrets, WebhookUrl};

/// The environment variable that holds the secrets of webhooks.
pub(super) const WEBHOOK_SECRET_VARIABLE: &str = "SESSIOND_WEBHOOK_SECRET";

/// The settings of webhooks.
#[derive(Debug, Clone, Args)]
pub struct WebhookSettings {
    /// URL that receives each alert as a signed message (Standard Webhooks): `https://…`, or
    /// `http://…` on this machine. Can be repeated for several receivers
    #[arg(
        long,
        env = "SESSIOND_WEBHOOK_URL",
        global = true,
        hide_env_values = true,
        value_name = "URL",
        value_delimiter = ',',
        value_parser = Confidential::<WebhookUrl>::new(),
        action = ArgAction::Append
    )]
    pub webhook_url: Vec<WebhookUrl>,

    /// File that contains the secret of webhooks (`whsec_…`), one a line if there are several.
    /// Alternatively, set SESSIOND_WEBHOOK_SECRET. SIGHUP reads the file again
    ///
    /// `echo whsec_$(openssl rand -base64 32)` makes a secret. Each message has a signature of every
    /// secret, so that receivers can change from one to another.
    #[arg(
        long,
        env = "SESSIOND_WEBHOOK_SECRET_FILE",
        global = true,
        value_name = "FILE"
    )]
    pub webhook_secret_file: Option<PathBuf>,
}

impl Settings {
    /// Reads the secrets of webhooks. Returns `None` if none are set.
    ///
    /// # Errors
    /// [`ConfigError`] if the secrets are set twice, cannot be read or have another form.
    pub fn read_webhook_secrets(&self) -> Result<Option<WebhookSecrets>, ConfigError> {
        let file = self.webhooks.webhook_secret_file.as_ref();
        let (place, text) = match (env::var(WEBHOOK_SECRET_VARIABLE), file) {
            (Err(VarError::NotPresent), None) => return Ok(None),
            (Err(VarError::NotPresent), Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|source| ConfigError::File {
                    path: path.clone(),
                    source,
                })?;
                (path.display().to_string(), text)
            }
            (_, Some(_)) => return Err(ConfigError::TwoWebhookSecrets),
            // A text that is not UTF-8 is no secret either.
            (text, None) => (
                WEBHOOK_SECRET_VARIABLE.to_owned(),
                text.unwrap_or_else(|_| "?".to_owned()),
            ),
        };
        match WebhookSecrets::parse(&text) {
            Ok(secrets) => Ok(Some(secrets)),
            Err(problem) => Err(ConfigError::WebhookSecret { place, problem }),
        }
    }

    /// Returns the problems of the settings of webhooks.
    pub(crate) fn webhook_problems(&self) -> Vec<ConfigError> {
        let urls = &self.webhooks.webhook_url;
        let mut problems = Vec::new();
        match self.read_webhook_secrets() {
            Err(error) => problems.push(error),
            Ok(None) if !urls.is_empty() => problems.push(ConfigError::NoWebhookSecret),
            Ok(Some(_)) if urls.is_empty() => problems.push(ConfigError::NoWebhookUrl),
            Ok(_) => {}
        }
        if urls.len() > MAX_RECEIVERS {
            problems.push(ConfigError::TooManyWebhooks);
        }
        let same = (1..urls.len()).find(|index| urls[..*index].contains(&urls[*index]));
        problems.extend(same.map(|index| ConfigError::SameWebhooks(urls[index].clone())));
        let retention = self.sessions.retention;
        if !urls.is_empty() && retention < MAX_AGE {
            problems.push(ConfigError::ShortRetention {
                retention: format_duration(retention),
                needed: format_duration(MAX_AGE),
            });
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::config::Cli;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn problems(flags: &[&str], secrets: Option<&str>) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets");
        let mut arguments = vec!["sessiond".to_owned()];
        arguments.extend(flags.iter().map(ToString::to_string));
        if let Some(secrets) = secrets {
            std::fs::write(&file, secrets).unwrap();
            arguments.push(format!("--webhook-secret-file={}", file.display()));
        }
        let settings = Cli::parse_from(arguments).settings;
        let problems = settings.webhook_problems();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn webhooks_need_a_receiver_and_a_secret_and_have_neither_by_default() {
        assert_eq!(problems(&[], None), Vec::<String>::new());
        let url = "--webhook-url=https://a.example/1,http://localhost:9000/2";
        assert_eq!(problems(&[url], Some(SECRET)), Vec::<String>::new());
        for (flags, secrets, expected) in [
            (&[url][..], None, "--webhook-url needs a secret: set"),
            (&[], Some(SECRET), "but no receiver: set --webhook-url"),
            (&[url], Some("secret"), "whsec_$(openssl rand -base64 32)"),
            (&[url], Some("\n"), "has no secret"),
            (
                &[url, "--retention=71h"],
                Some(SECRET),
                "--retention (2days 23h) is shorter than 3days",
            ),
            (
                &[url, "--webhook-url=https://a.example/1"],
                Some(SECRET),
                "--webhook-url names the same receiver at https://a.example twice",
            ),
        ] {
            let problems = problems(flags, secrets);
            assert!(
                problems.len() == 1 && problems[0].contains(expected),
                "{problems:?}"
            );
            assert!(!problems[0].contains("/1"), "{problems:?}");
        }
        let many: Vec<_> = (0..9)
            .map(|n| format!("--webhook-url=https://a.example/{n}"))
            .collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(problems(&many, Some(SECRET))[0].contains("more than 8 receivers"));
    }

    #[test]
    fn a_receiver_without_tls_on_another_machine_is_rejected() {
        for url in ["http://a.example/", "http://10.0.0.1:9000", "a.example"] {
            let flag = format!("--webhook-url={url}");
            assert!(Cli::try_parse_from(["sessiond", &flag]).is_err(), "{url}");
        }
    }
}
