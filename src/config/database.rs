//! The setting `--database`: a file of SQLite, or a connection string of MongoDB.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use percent_encoding::percent_decode_str;

/// The database that holds users, sessions and alerts. `Debug` hides the connection string, which
/// may contain a password.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file on this machine.
    Sqlite(SqliteFile),
    /// A connection string of a replica set or a sharded cluster.
    Mongo(String),
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => f.debug_tuple("Sqlite").field(file).finish(),
            Self::Mongo(_) => f.write_str("Mongo([connection string])"),
        }
    }
}

/// Shows which store is used, without the connection string.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.path.display()),
            Self::Mongo(_) => f.write_str("mongodb"),
        }
    }
}

impl FromStr for Database {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
        match scheme {
            _ if scheme.eq_ignore_ascii_case("sqlite") => SqliteFile::parse(rest).map(Self::Sqlite),
            "sqlite3" | "file" => Err("must be written as sqlite:PATH, such as sqlite:sessiond.db"),
            "mongodb" | "mongodb+srv" if rest.starts_with("//") => Ok(Self::Mongo(text.to_owned())),
            _ => Err(
                "must be `sqlite:` and a file path (for example sqlite:sessiond.db), or a MongoDB \
                 connection string (for example mongodb://host/sessiond)",
            ),
        }
    }
}

/// A file that `sqlite:PATH` names.
///
/// Other tools also write `sqlite://PATH`, percent-encode the path, and append `?mode=rwc`. Each of
/// these forms names the same file as `sqlite:PATH`. Any other form is rejected, because a file of
/// an unexpected name would be an empty database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteFile {
    path: PathBuf,
    /// The file that earlier versions opened for the same setting, if it is another one.
    former_path: Option<PathBuf>,
}

impl SqliteFile {
    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that earlier versions opened for the same setting, if it is another one than
    /// [`Self::path`]. They took the setting literally.
    #[must_use]
    pub fn former_path(&self) -> Option<&Path> {
        self.former_path.as_deref()
    }

    /// Parses the part of the setting after `sqlite:`.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (path, parameters) = text.split_once('?').unwrap_or((text, ""));
        // `sqlite://a.db` is relative and `sqlite:///a.db` is absolute, as in most tools.
        let path = path.strip_prefix("//").unwrap_or(path);
        let parameters = || parameters.split('&').filter(|text| !text.is_empty());
        let name = path.trim_start_matches('/');
        if name.trim_start_matches("file:") == ":memory:"
            || parameters().any(|parameter| parameter == "mode=memory")
        {
            return Err(
                "must name a file: a database in memory would lose all users at exit. To try the \
                 server without keeping data, name a file that you may delete, such as \
                 sqlite:/tmp/sessiond.db",
            );
        }
        // Opening and creating the file, as `mode=rwc` demands, is the only mode of this server.
        if parameters().any(|parameter| parameter != "mode=rwc") {
            return Err(
                "has a parameter after the `?`: only mode=rwc is supported. Write a `?` that belongs \
                 to the path as %3F",
            );
        }
        if name.is_empty() {
            return Err("must name a file, for example sqlite:sessiond.db");
        }
        if path.starts_with("file:") {
            return Err("must be written without `file:`, for example sqlite:sessiond.db");
        }
        if path.ends_with('/') {
            return Err("must name a file, not a folder: remove the last `/`, or add a file name");
        }
        if path.starts_with(['~', '$']) {
            return Err("must be a path that needs no shell: `~` and variables are not expanded");
        }
        let path = decode(path)?;
        let is_outer = |text: char| text.is_whitespace() || matches!(text, '"' | '\'');
        if path.starts_with(is_outer) || path.ends_with(is_outer) {
            return Err("must be a path without quotation marks or spaces around it");
        }
        if path.contains(|text: char| text.is_control() || text == '\\') {
            return Err("must be a path without control characters, and with `/` between folders");
        }
        let former = text.strip_prefix("//").unwrap_or(text);
        Ok(Self {
            former_path: (former != path).then(|| former.into()),
            path: path.into(),
        })
    }
}

/// Decodes the percent-encoding of a path.
fn decode(path: &str) -> Result<String, &'static str> {
    let is_encoded = |(_, after): (&str, &str)| {
        let mut digits = after.bytes();
        let mut is_digit = || digits.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        is_digit() && is_digit()
    };
    if path.contains('#') {
        return Err("must not contain a `#`: write it as %23");
    }
    let mut signs = path.match_indices('%').map(|(at, _)| path.split_at(at + 1));
    if !signs.all(is_encoded) {
        return Err("must be percent-encoded: write a `%` of the path as %25");
    }
    match percent_decode_str(path).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err("must be UTF-8 text after its percent-encoding is decoded"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Cli;

    fn paths(text: &str) -> (String, Option<String>) {
        let Ok(Database::Sqlite(file)) = text.parse() else {
            panic!("{text} is rejected")
        };
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        (text(file.path()), file.former_path().map(text))
    }

    #[test]
    fn the_forms_that_other_tools_write_name_the_same_file() {
        for text in [
            "sqlite:a.db",
            "SQLite:a.db",
            "sqlite://a.db",
            "sqlite:a.db?mode=rwc",
            "sqlite:a.db?",
            "sqlite://a.db?mode=rwc&mode=rwc",
            "sqlite:%61%2Edb",
        ] {
            assert_eq!(paths(text).0, "a.db", "{text}");
        }
        for text in [
            "sqlite:/x/a b.db",
            "sqlite:///x/a b.db",
            "sqlite:///x/a%20b.db?mode=rwc",
        ] {
            assert_eq!(paths(text).0, "/x/a b.db", "{text}");
        }
        for (text, path) in [
            ("sqlite:./file:a.db", "./file:a.db"),
            ("sqlite:a%3Fmode=rwc", "a?mode=rwc"),
            ("sqlite:a%23%25.db", "a#%.db"),
            ("sqlite:../größe.db", "../größe.db"),
            ("sqlite:gr%C3%B6%C3%9Fe.db", "größe.db"),
        ] {
            assert_eq!(paths(text).0, path, "{text}");
        }
    }

    #[test]
    fn the_file_that_earlier_versions_opened_is_known_if_it_is_another_one() {
        for (text, former) in [
            ("sqlite:a.db", None),
            ("sqlite://a.db", None),
            ("sqlite:///x/a.db", None),
            ("sqlite:a.db?mode=rwc", Some("a.db?mode=rwc")),
            ("sqlite:///x/a%20b.db", Some("/x/a%20b.db")),
        ] {
            assert_eq!(paths(text).1.as_deref(), former, "{text}");
        }
    }

    #[test]
    fn a_setting_that_would_name_an_unexpected_file_is_rejected() {
        for (text, problem) in [
            ("sqlite", "must be `sqlite:`"),
            ("a.db", "must be `sqlite:`"),
            ("jdbc:sqlite:a.db", "must be `sqlite:`"),
            ("\"sqlite:a.db\"", "must be `sqlite:`"),
            ("sqlite3:a.db", "sqlite:PATH"),
            ("file:a.db?mode=ro", "sqlite:PATH"),
            ("sqlite:", "must name a file,"),
            ("sqlite://", "must name a file,"),
            ("sqlite:///", "must name a file,"),
            ("sqlite:?mode=rwc", "must name a file,"),
            ("sqlite::memory:", "in memory"),
            ("sqlite://:memory:", "in memory"),
            ("sqlite:///:memory:", "in memory"),
            ("sqlite:file::memory:?cache=shared", "in memory"),
            ("sqlite:a.db?mode=memory", "in memory"),
            ("sqlite:file:a.db", "without `file:`"),
            ("sqlite:a.db?mode=ro", "only mode=rwc"),
            ("sqlite:a.db?mode=rwc&cache=shared", "only mode=rwc"),
            ("sqlite:a.db?x?mode=rwc", "only mode=rwc"),
            ("sqlite:data/", "not a folder"),
            ("sqlite:~/a.db", "not expanded"),
            ("sqlite:$HOME/a.db", "not expanded"),
            ("sqlite:a#b.db", "%23"),
            ("sqlite:100%.db", "%25"),
            ("sqlite:a%2", "%25"),
            ("sqlite:%ff.db", "UTF-8"),
            ("sqlite:a%00.db", "control characters"),
            ("sqlite:a.db\r", "around it"),
            ("sqlite: a.db", "around it"),
            ("sqlite:\"a.db\"", "around it"),
            (r"sqlite:C:\data\a.db", "`/` between"),
        ] {
            let error = text.parse::<Database>().unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn a_rejected_connection_string_is_not_printed() {
        for text in [
            "\"mongodb://root:secret@host/bank\"",
            "mongo://root:secret@host/bank",
            "sqlite:mongodb://root:secret@host/bank?x",
        ] {
            let error = Cli::try_parse_from(["sessiond", "--database", text])
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("--database ") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
