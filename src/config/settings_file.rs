//! The file of settings, `--config`: TOML, with the name of a flag as the key. Its values lie beneath
//! the environment and the flags: they take the place of the defaults.

use std::path::Path;

use clap::{Arg, Command, CommandFactory, builder::Resettable};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Cli, ConfigError, Settings, environment::nearest, text_file, values::ClientOnConflict,
};

/// The text that a file must not contain, because a file of settings is read by many.
const SECRETS: [(&str, &str); 2] = [
    ("service-key", "service-key-file"),
    ("webhook-secret", "webhook-secret-file"),
];

/// The values of a file that are valid, each with the id of its argument.
#[derive(Debug, Clone, Default)]
pub struct SettingsFile(Vec<(String, String)>);

impl SettingsFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError::File`], or [`ConfigError::SettingsFile`] with all mistakes of the file.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = text_file::read(path).map_err(|source| ConfigError::File {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text).map_err(|problems| ConfigError::SettingsFile {
            path: path.to_owned(),
            problems,
        })
    }

    fn parse(text: &str) -> Result<Self, Vec<String>> {
        let table = DeTable::parse(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            vec![format!("line {}: {}", line(text, start), error.message())]
        })?;
        let command = Cli::command();
        let mut file = Self::default();
        let mut problems = Vec::new();
        for (key, value) in table.get_ref() {
            match setting(&command, key.get_ref(), value) {
                Ok(found) => file.0.extend(found),
                Err(problem) => problems.push((line(text, key.span().start), problem)),
            }
        }
        let has = |id| file.0.iter().any(|(found, _)| found == id);
        if has("database") && has("database_file") {
            problems.push((1, ConfigError::TwoDatabases.to_string()));
        }
        if problems.is_empty() {
            return Ok(file);
        }
        problems.sort();
        let with_line = |(line, problem)| format!("line {line}: {problem}");
        Err(problems.into_iter().map(with_line).collect())
    }

    /// Returns the names of the settings that differ from those of `other`.
    pub(super) fn changed_since(&self, other: &Self) -> Vec<String> {
        let differences = [(self, other), (other, self)].map(|(one, another)| {
            one.0
                .iter()
                .filter(|value| !another.0.contains(value))
                .map(|(id, _)| id.replace('_', "-"))
        });
        let mut names: Vec<_> = differences.into_iter().flatten().collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Puts the values in the place of the defaults.
    pub(super) fn beneath(&self, command: Command) -> Command {
        self.0.iter().fold(command, |command, (id, value)| {
            command.mut_arg(id, |argument| argument.default_value(value.clone()))
        })
    }
}

/// The settings that a file may contain, with their keys, in the order of the help.
pub(super) fn settings(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    command
        .get_arguments()
        .filter(|argument| argument.get_env().is_some() && argument.get_id() != "config")
        .filter_map(|argument| Some((argument.get_long()?, argument)))
}

/// Returns whether the file may have a list of texts for this setting.
pub(super) fn is_list(argument: &Arg) -> bool {
    argument.get_value_delimiter().is_some()
        || argument.get_value_parser().type_id() == std::any::TypeId::of::<ClientOnConflict>()
}

/// Checks a value of the file, and returns it with the id of its argument. An empty list has no
/// value.
fn setting(
    command: &Command,
    key: &str,
    value: &Spanned<DeValue<'_>>,
) -> Result<Option<(String, String)>, String> {
    if let Some((_, file)) = SECRETS.iter().find(|(secret, _)| *secret == key) {
        return Err(format!(
            "{key} is a secret: name the file that contains it with {file}"
        ));
    }
    let Some((_, argument)) = settings(command).find(|(name, _)| *name == key) else {
        let similar = nearest(key, settings(command).map(|(name, _)| name));
        let hint = similar.map_or_else(String::new, |similar| format!("; did you mean {similar}?"));
        return Err(format!("{key} is not a setting{hint}"));
    };
    let value = match value.get_ref() {
        DeValue::Array(list) if is_list(argument) => {
            let texts = list.iter().map(|text| text.get_ref().as_str());
            let texts: Option<Vec<_>> = texts.collect();
            let texts = texts.ok_or_else(|| format!("{key} must be a list of texts"))?;
            if texts.is_empty() {
                return Ok(None);
            }
            texts.join(",")
        }
        DeValue::String(text) => text.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| format!("{key} is not a number that fits"))?
            .to_string(),
        _ => {
            return Err(format!(
                "{key} must be a text, a whole number, or true or false"
            ));
        }
    };
    check(command, key, &value)?;
    Ok(Some((argument.get_id().to_string(), value)))
}

/// Checks a value as the flag of the same name does, whatever the environment has.
fn check(command: &Command, key: &str, value: &str) -> Result<(), String> {
    let without_environment = command
        .clone()
        .mut_args(|argument| argument.env(Resettable::Reset));
    let flag = format!("--{key}={value}");
    match without_environment.try_get_matches_from(["sessiond", &flag]) {
        Ok(_) => Ok(()),
        Err(error) => Err(first_paragraph(&error.to_string())),
    }
}

/// Returns the sentence of an error of the command line, without the advice that follows it.
fn first_paragraph(error: &str) -> String {
    let lines = error
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty());
    let sentence = lines.collect::<Vec<_>>().join(" ");
    sentence.trim_start_matches("error: ").to_owned()
}

/// The number of the line that contains this byte, from 1.
fn line(text: &str, at: usize) -> usize {
    text.get(..at)
        .map_or(1, |before| before.matches('\n').count() + 1)
}

impl Settings {
    /// Reads the file of settings again, and returns the names of the settings whose values in the
    /// file have changed since the start.
    ///
    /// # Errors
    /// [`ConfigError`] if the file cannot be read or has mistakes.
    pub fn changed_in_file(&self) -> Result<Vec<String>, ConfigError> {
        let Some(path) = &self.config else {
            return Ok(Vec::new());
        };
        Ok(SettingsFile::read(path)?.changed_since(&self.file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_of_a_file_is_reported_with_its_line() {
        let problems = SettingsFile::parse(
            "idle_timeout = \"1h\"\n\
             on-conflict = \"maybe\"\n\
             max-depth = 99\n\
             listen = [\"127.0.0.1:1\"]\n\
             service-key = \"secret\"\n\
             config = \"other.toml\"\n\
             database = \"mongo://root:secret@host\"\n\
             [limits]\n",
        )
        .unwrap_err();
        for (problem, expected) in problems.iter().zip([
            "line 1: idle_timeout is not a setting; did you mean idle-timeout?",
            "line 2: invalid value 'maybe' for '--on-conflict <ON_CONFLICT>' [possible values: \
             reject, take-over, ask]",
            "line 3: invalid value '99' for '--max-depth <COUNT>': must be from 1 to 32",
            "line 4: listen must be a text",
            "line 5: service-key is a secret: name the file that contains it with service-key-file",
            "line 6: config is not a setting",
            "line 7: --database must be",
            "line 8: limits is not a setting",
        ]) {
            assert!(problem.starts_with(expected), "{problem}");
        }
        assert_eq!(problems.len(), 8);
        assert!(!problems.concat().contains("root:secret"), "{problems:?}");
        let syntax = SettingsFile::parse("\nlisten = ").unwrap_err();
        assert!(syntax[0].starts_with("line 2: "), "{syntax:?}");
    }

    #[test]
    fn a_file_may_name_the_database_only_once() {
        let both = "database = \"sqlite:a.db\"\ndatabase-file = \"/a\"";
        assert_eq!(
            SettingsFile::parse(both).unwrap_err(),
            ["line 1: both --database and --database-file are set: set only one"]
        );
    }
}
