//! Reads the command and the settings from the arguments, the environment and the file of settings.

use std::{ffi::OsString, path::Path};

use clap::{ArgMatches, CommandFactory, FromArgMatches, parser::ValueSource};
use thiserror::Error;

use super::{
    Cli, ConfigError, Environment, UnknownVariable, settings_file::SettingsFile, text_file,
};

/// The reason why the command line cannot be read, or the help that it asks for.
#[derive(Debug, Error)]
enum ReadError {
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    #[error(transparent)]
    Settings(#[from] ConfigError),
}

impl Cli {
    /// Reads the command and the settings of this process, and returns the variables that have no
    /// effect. A flag overrides a variable, and a variable overrides a value of the file of settings.
    /// Like [`clap::Parser::parse`], it ends the process if an argument is invalid, or asks for the
    /// help or the version.
    ///
    /// # Errors
    /// [`ConfigError::EmptyVariables`] if the variable of a setting is empty, and the errors of the
    /// file of settings and of --database-file.
    pub fn read(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(Self, Vec<UnknownVariable>), ConfigError> {
        let Environment { empty, unknown } = Environment::inspect(variables);
        let read = Self::from_arguments(&std::env::args_os().collect::<Vec<_>>());
        let is_help = matches!(&read, Err(ReadError::CommandLine(output)) if !output.use_stderr());
        if !empty.is_empty() && !is_help {
            return Err(ConfigError::EmptyVariables(empty.join(", ")));
        }
        match read {
            Ok(cli) => Ok((cli, unknown)),
            Err(ReadError::CommandLine(error)) => error.exit(),
            Err(ReadError::Settings(error)) => Err(error),
        }
    }

    fn from_arguments(arguments: &[OsString]) -> Result<Self, ReadError> {
        let command = Self::command();
        let mut matches = command.clone().try_get_matches_from(arguments)?;
        let path = Self::from_arg_matches(&matches)?.settings.config;
        let mut file = SettingsFile::default();
        if let Some(path) = path {
            file = SettingsFile::read(&path)?;
            matches = file.beneath(command).try_get_matches_from(arguments)?;
        }
        let mut cli = Self::from_arg_matches(&matches)?;
        cli.settings.file = file;
        cli.read_database_file(&matches)?;
        Ok(cli)
    }

    /// Reads the setting of the database from its file. A value of the file of settings counts as a
    /// default here, so a flag or a variable overrides it.
    fn read_database_file(&mut self, matches: &ArgMatches) -> Result<(), ConfigError> {
        let is_given = |id| matches.value_source(id) != Some(ValueSource::DefaultValue);
        let Some(path) = &self.settings.database_file else {
            return Ok(());
        };
        match (is_given("database"), is_given("database_file")) {
            (true, true) => return Err(ConfigError::TwoDatabases),
            (true, false) => {}
            (false, _) => self.settings.database = read_database(path)?,
        }
        Ok(())
    }
}

fn read_database(path: &Path) -> Result<super::Database, ConfigError> {
    let text = text_file::read(path).map_err(|source| ConfigError::File {
        path: path.to_owned(),
        source,
    })?;
    text.trim()
        .parse()
        .map_err(|problem| ConfigError::DatabaseFile {
            path: path.to_owned(),
            problem,
        })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{config::Database, domain::rules};

    /// A folder with a file of settings.
    struct Folder(tempfile::TempDir);

    impl Folder {
        fn with(settings: &str) -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            folder.write("sessiond.toml", settings);
            folder
        }

        fn write(&self, name: &str, text: &str) -> String {
            let path = self.0.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        }

        fn read(&self, flags: &[&str]) -> Result<Cli, ReadError> {
            let config = format!("--config={}", self.0.path().join("sessiond.toml").display());
            let arguments = ["sessiond", &config]
                .into_iter()
                .chain(flags.iter().copied());
            Cli::from_arguments(&arguments.map(OsString::from).collect::<Vec<_>>())
        }
    }

    #[test]
    fn a_flag_overrides_a_value_of_the_file_and_the_file_overrides_a_default() {
        let folder = Folder::with(
            "listen = \":4000\"\n\
             idle-timeout = \"1h\"\n\
             session-lifetime = \"2h\"\n\
             max-depth = 20\n\
             introspection = false\n\
             allowed-origin = [\"https://a.example\", \"https://b.example\"]\n\
             client-on-conflict = [\"reject\", \"ask\"]\n\
             tls-key = \"key.pem\"\n",
        );
        for flags in [
            &["--idle-timeout=5m", "--tls-cert=cert.pem", "check"][..],
            &["check", "--idle-timeout=5m", "--tls-cert=cert.pem"],
        ] {
            let settings = folder.read(flags).unwrap().settings;
            assert_eq!(settings.listen.port(), 4000);
            assert_eq!(settings.sessions.idle_timeout, Duration::from_mins(5));
            assert_eq!(settings.sessions.session_lifetime, Duration::from_hours(2));
            assert_eq!(settings.operation_limits.max_depth.get(), 20);
            assert!(!settings.operation_limits.introspection);
            assert_eq!(settings.allowed_origins.len(), 2);
            let policies = settings.sessions.client_policies(false);
            assert_eq!(
                policies,
                [rules::OnConflict::Reject, rules::OnConflict::Ask]
            );
            assert_eq!(settings.tls_cert.unwrap(), Path::new("cert.pem"));
            assert_eq!(settings.tls_key.unwrap(), Path::new("key.pem"));
            assert_eq!(settings.operation_limits.max_aliases.get(), 32);
        }
    }

    #[test]
    fn the_database_may_be_in_a_file_of_its_own_and_is_named_once() {
        let folder = Folder::with("");
        let secret = folder.write("database", "mongodb://user:password@host/bank\n");
        folder.write("sessiond.toml", &format!("database-file = {secret:?}"));
        let database = |flags: &[&str]| folder.read(flags).unwrap().settings.database;
        let Database::Mongo(uri) = database(&[]) else {
            panic!("not the database of the file")
        };
        assert_eq!(uri, "mongodb://user:password@host/bank");
        let is_file = |database| matches!(database, Database::Sqlite(_));
        assert!(is_file(database(&["--database=sqlite:a.db"])));
        let both = [
            "--database=sqlite:a.db",
            &format!("--database-file={secret}"),
        ];
        let both = folder.read(&both).unwrap_err();
        assert!(matches!(
            both,
            ReadError::Settings(ConfigError::TwoDatabases)
        ));

        folder.write("database", "mongo://user:password@host/bank");
        let invalid = folder.read(&[]).unwrap_err().to_string();
        assert!(!invalid.contains("password"), "{invalid}");
        assert!(invalid.contains("must be `sqlite:`"), "{invalid}");
    }

    #[test]
    fn a_missing_file_of_settings_is_an_error() {
        let missing = [OsString::from("sessiond"), "--config=/nonexistent".into()];
        let error = Cli::from_arguments(&missing).unwrap_err();
        assert!(matches!(
            error,
            ReadError::Settings(ConfigError::File { .. })
        ));
    }
}
