//! Validates the settings as a whole: the service key, and values that depend on each other.

use humantime::format_duration;

use super::{ConfigError, Database, Settings, asking::MIN_AWAY_AFTER_OF_NODES};
use crate::access::KeySet;

impl Settings {
    /// Validates the settings and reads the service keys. Returns `None` in development mode.
    ///
    /// # Errors
    /// Returns every [`ConfigError`] that was found.
    pub fn validate(&self) -> Result<Option<KeySet>, Vec<ConfigError>> {
        let sessions = &self.sessions;
        let mut errors: Vec<ConfigError> = [
            ("--idle-timeout", sessions.idle_timeout),
            ("--approval-timeout", sessions.approval_timeout),
        ]
        .into_iter()
        .filter(|(_, given)| *given > sessions.session_lifetime)
        .map(|(flag, given)| ConfigError::LongerThanLifetime {
            flag,
            given: format_duration(given),
            lifetime: format_duration(sessions.session_lifetime),
        })
        .collect();
        let away_after = self.asking.away_after;
        if matches!(self.database, Database::Mongo(_)) && away_after < MIN_AWAY_AFTER_OF_NODES {
            errors.push(ConfigError::AwayTooSoon {
                given: format_duration(away_after),
                least: format_duration(MIN_AWAY_AFTER_OF_NODES),
            });
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            errors.push(ConfigError::HalfOfTls);
        }
        if self.listen.port() != 0 && self.metrics_listen == Some(self.listen) {
            errors.push(ConfigError::SameAddress(self.listen));
        }
        errors.extend(self.webhook_problems());
        if let Database::Sqlite(file) = &self.database
            && let Some(former) = file.former_path().filter(|path| path.exists())
        {
            errors.push(ConfigError::FormerFile {
                former: former.to_owned(),
                path: file.path().to_owned(),
            });
        }
        match self.read_service_keys() {
            Ok(None) if self.browsers.cookie_domain.is_some() => {
                errors.push(ConfigError::CookieDomainWithoutKey);
            }
            Ok(keys) if errors.is_empty() => return Ok(keys),
            Ok(_) => {}
            Err(error) => errors.push(error),
        }
        Err(errors)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{
        access::{KeyHash, Scope},
        config::{Cli, entry_of},
        domain::Timestamp,
    };

    fn parse(flags: &[&str]) -> Settings {
        Cli::parse_from(["sessiond"].iter().chain(flags)).settings
    }

    #[test]
    fn without_a_key_the_server_listens_on_a_loopback_address_only() {
        assert!(parse(&[]).validate().unwrap().is_none());
        let ipv6_loopback = parse(&["--listen", "[::1]:0"]);
        assert!(ipv6_loopback.validate().unwrap().is_none());
        let errors = parse(&["--listen", "0.0.0.0:3000"]).validate().unwrap_err();
        assert!(
            matches!(errors[..], [ConfigError::Exposed(_)]),
            "{errors:?}"
        );
    }

    #[test]
    fn a_cookie_has_no_domain_in_development_mode() {
        let errors = parse(&["--cookie-domain=example.com"]).validate();
        assert!(matches!(
            errors.unwrap_err()[..],
            [ConfigError::CookieDomainWithoutKey]
        ));
    }

    #[test]
    fn timeouts_above_the_session_lifetime_are_rejected_and_every_problem_is_reported() {
        let flags = [
            "--approval-timeout=2d",
            "--idle-timeout=25h",
            "--listen=0.0.0.0:3000",
        ];
        let errors = parse(&flags).validate().unwrap_err();
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
    fn a_device_is_not_away_before_other_nodes_can_know_of_its_requests() {
        let mongo = "--database=mongodb://localhost/sessiond?replicaSet=rs0";
        let errors = parse(&[mongo, "--away-after=9s"]).validate().unwrap_err();
        assert!(
            matches!(errors[..], [ConfigError::AwayTooSoon { .. }]),
            "{errors:?}"
        );
        assert!(parse(&[mongo, "--away-after=10s"]).validate().is_ok());
        assert!(parse(&["--away-after=1s"]).validate().is_ok());
    }

    #[test]
    fn a_file_that_an_earlier_version_named_after_the_same_setting_is_not_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}/a.db?mode=rwc", folder.path().display());
        let settings = parse(&["--database", &database]);
        assert!(settings.validate().is_ok());
        std::fs::write(folder.path().join("a.db?mode=rwc"), "").unwrap();
        let error = settings.validate().unwrap_err().pop().unwrap().to_string();
        assert!(error.contains("a.db?mode=rwc exists"), "{error}");
        assert!(error.contains("/a.db (and"), "{error}");
    }

    #[test]
    fn a_key_file_is_read_without_its_line_end_and_must_hold_a_usable_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let settings = parse(&["--service-key-file", path.to_str().unwrap()]);
        let error = || settings.validate().unwrap_err().pop().unwrap();
        assert!(matches!(error(), ConfigError::KeyFile { .. }));
        std::fs::write(&path, "short\n").unwrap();
        assert!(matches!(error(), ConfigError::ShortKey(_)));
        std::fs::write(&path, format!("sd1_{}\n", "A".repeat(64))).unwrap();
        assert!(matches!(error(), ConfigError::TokenAsKey(_)));
        for key in [
            "0123456789abcdef\n0123456789abcdef\n",
            "clé 0123456789abcdef0123456789abcdef",
        ] {
            std::fs::write(&path, key).unwrap();
            assert!(matches!(error(), ConfigError::KeyNotForHeaders(_)));
        }
        std::fs::write(&path, "0123456789abcdef0123456789abcdef\n").unwrap();
        let keys = settings.validate().unwrap().unwrap();
        let now = Timestamp::from_millis(0);
        let key = keys.find("0123456789abcdef0123456789abcdef", now).unwrap();
        assert!(key.scopes.contains(Scope::Admin));
    }

    #[test]
    fn a_file_of_keys_without_a_key_does_not_mean_development_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let settings = parse(&["--service-keys", path.to_str().unwrap()]);
        let missing = settings.validate().unwrap_err().pop().unwrap();
        assert!(matches!(missing, ConfigError::KeyFile { .. }));
        std::fs::write(&path, "# no key yet").unwrap();
        assert_eq!(settings.validate().unwrap(), Some(KeySet::default()));
        std::fs::write(&path, "key = 1").unwrap();
        let invalid = settings.validate().unwrap_err().pop().unwrap();
        assert!(matches!(invalid, ConfigError::KeysInvalid { .. }));
    }

    #[test]
    fn a_file_of_keys_may_contain_neither_the_one_key_nor_its_name() {
        const KEY: &str = "0123456789abcdef0123456789abcdef";
        let folder = tempfile::tempdir().unwrap();
        let (one, several) = (folder.path().join("key"), folder.path().join("keys.toml"));
        std::fs::write(&one, KEY).unwrap();
        let flags = [
            format!("--service-key-file={}", one.display()),
            format!("--service-keys={}", several.display()),
        ];
        let settings = parse(&flags.each_ref().map(String::as_str));
        let other = KeyHash::of("another key of more than 32 characters");
        for (name, hash) in [("orders", KeyHash::of(KEY)), ("service-key", other)] {
            std::fs::write(&several, entry_of(name, &[Scope::Check], hash, None)).unwrap();
            let invalid = settings.validate().unwrap_err().pop().unwrap();
            assert!(matches!(invalid, ConfigError::KeysInvalid { .. }));
        }
        std::fs::write(&several, entry_of("orders", &[Scope::Check], other, None)).unwrap();
        assert_eq!(settings.validate().unwrap().unwrap().keys().len(), 2);
    }
}
