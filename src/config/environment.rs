//! Environment variables that are probably mistakes: empty ones, and names that no setting has.

use std::{ffi::OsString, fmt};

use clap::CommandFactory;

use super::{Cli, service_keys::SERVICE_KEY_VARIABLE, webhooks::WEBHOOK_SECRET_VARIABLE};

/// The start of the names of all variables.
const PREFIX: &str = "SESSIOND_";

/// The minimum Jaro-Winkler similarity of a name to that of a setting for a suggestion.
const MIN_SIMILARITY: f64 = 0.8;

/// The variables of the environment that are probably mistakes.
#[derive(Debug, Default)]
pub struct Environment {
    /// The settings whose variable is empty. An empty value has no agreed meaning, and the default
    /// could grant more than was meant.
    pub empty: Vec<String>,
    /// The variables that have no effect.
    pub unknown: Vec<UnknownVariable>,
}

/// A variable that looks like a setting, but has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownVariable {
    /// The name of the variable.
    pub name: String,
    /// The setting with the most similar name, if one is similar.
    pub similar: Option<String>,
}

impl UnknownVariable {
    /// Logs a warning.
    pub fn warn(&self) {
        let Self { name, similar } = self;
        tracing::warn!(
            name,
            similar,
            "environment variable is not a setting and has no effect; correct its name, or remove \
             it"
        );
    }
}

impl fmt::Display for UnknownVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a setting and has no effect", self.name)?;
        match &self.similar {
            Some(similar) => write!(f, "; did you mean {similar}?"),
            None => f.write_str("; remove it"),
        }
    }
}

impl Environment {
    /// Finds the mistakes among these variables, in the order of their names.
    pub fn inspect(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let command = Cli::command();
        let settings: Vec<&str> = command
            .get_arguments()
            .filter_map(|argument| argument.get_env()?.to_str())
            .chain([SERVICE_KEY_VARIABLE, WEBHOOK_SECRET_VARIABLE])
            .collect();
        let mut variables: Vec<(String, String)> = variables
            .into_iter()
            .map(|(name, value)| {
                let text = |text: OsString| text.to_string_lossy().into_owned();
                (text(name), text(value))
            })
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        variables.sort();
        let mut environment = Self::default();
        for (name, value) in variables {
            if !settings.contains(&name.as_str()) {
                if !is_of_kubernetes(&name, &value) {
                    let similar = most_similar(&name, &settings);
                    environment.unknown.push(UnknownVariable { name, similar });
                }
            } else if value.trim().is_empty() {
                environment.empty.push(name);
            }
        }
        environment
    }
}

/// Returns true if Kubernetes sets this variable in each container beside a service whose name is
/// `sessiond` or begins with `sessiond-`.
fn is_of_kubernetes(name: &str, value: &str) -> bool {
    let is_url = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| value.starts_with(scheme));
    // Begins with the underscore.
    let name = &name[PREFIX.len() - 1..];
    let is_of_port = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name
            .split_once("_PORT_")
            .is_some_and(|(_, rest)| is_of_port(rest))
        || name.ends_with("_PORT") && is_url
}

/// Returns the setting with the most similar name, if one is similar. The prefix is left out, because
/// all names share it.
fn most_similar(name: &str, settings: &[&str]) -> Option<String> {
    let names = settings.iter().map(|name| &name[PREFIX.len()..]);
    nearest(&name[PREFIX.len()..], names).map(|similar| format!("{PREFIX}{similar}"))
}

/// Returns the most similar of the `names`, if one is similar to `name`.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|other| (strsim::jaro_winkler(name, other), other))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, similar)| similar)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspect(variables: &[(&str, &str)]) -> Environment {
        Environment::inspect(
            variables
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into())),
        )
    }

    #[test]
    fn a_misspelled_variable_is_found_with_the_name_that_was_meant() {
        for (name, similar) in [
            ("SESSIOND_SERVICEKEY", Some("SESSIOND_SERVICE_KEY")),
            ("SESSIOND_ALLOWED_ORIGINS", Some("SESSIOND_ALLOWED_ORIGIN")),
            ("SESSIOND_IDLE_TIME_OUT", Some("SESSIOND_IDLE_TIMEOUT")),
            ("SESSIOND_DATABASE_URL", Some("SESSIOND_DATABASE")),
            ("SESSIOND_listen", None),
            ("SESSIOND_XYZ", None),
            ("SESSIOND_", None),
        ] {
            let similar = similar.map(str::to_owned);
            let name = name.to_owned();
            assert_eq!(
                inspect(&[(&name, "1")]).unknown,
                [UnknownVariable { name, similar }]
            );
        }
    }

    #[test]
    fn settings_and_the_variables_of_others_are_not_reported() {
        let environment = inspect(&[
            ("SESSIOND_LISTEN", "127.0.0.1:3000"),
            ("SESSIOND_SERVICE_KEY", "a key"),
            ("PATH", ""),
            ("SESSION_LISTEN", ""),
            // Kubernetes sets these beside a service that is named `sessiond`.
            ("SESSIOND_SERVICE_HOST", "10.0.0.1"),
            ("SESSIOND_SERVICE_PORT", "3000"),
            ("SESSIOND_SERVICE_PORT_HTTP", "3000"),
            ("SESSIOND_PORT", "tcp://10.0.0.1:3000"),
            ("SESSIOND_PORT_3000_TCP_ADDR", "10.0.0.1"),
            ("SESSIOND_METRICS_SERVICE_HOST", "10.0.0.2"),
            ("SESSIOND_METRICS_SERVICE_PORT_HTTP", "9300"),
            ("SESSIOND_METRICS_PORT_9300_TCP", "tcp://10.0.0.2:9300"),
        ]);
        assert_eq!((environment.empty, environment.unknown), (vec![], vec![]));
        assert_eq!(inspect(&[("SESSIOND_PORT", "3000")]).unknown.len(), 1);
    }

    #[test]
    fn every_empty_setting_is_found() {
        let environment = inspect(&[
            ("SESSIOND_SERVICE_KEY_FILE", ""),
            ("SESSIOND_ALLOWED_ORIGIN", " "),
            ("SESSIOND_DATABASE", "sqlite:a.db"),
            ("SESSIOND_SERVICE_KEY", "\n"),
        ]);
        assert_eq!(
            environment.empty,
            [
                "SESSIOND_ALLOWED_ORIGIN",
                "SESSIOND_SERVICE_KEY",
                "SESSIOND_SERVICE_KEY_FILE"
            ]
        );
    }
}
