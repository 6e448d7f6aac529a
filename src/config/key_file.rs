//! The file of several service keys: TOML with one table `[[key]]` for each key. It holds the hashes
//! of the keys and never the keys.

use std::{collections::HashSet, path::Path};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use toml::value::Datetime;

use super::{ConfigError, text_file};
use crate::{
    access::{KeyHash, Scope, ServiceKey},
    domain::Timestamp,
};

/// The maximum length of a key's name in bytes.
const MAX_NAME_LENGTH: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    #[serde(default)]
    key: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    scopes: Vec<String>,
    sha256: String,
    expires: Option<Datetime>,
}

/// Reads the keys of a file.
pub(super) fn read(path: &Path) -> Result<Vec<ServiceKey>, ConfigError> {
    let text = text_file::read(path).map_err(|source| ConfigError::KeyFile {
        path: path.to_owned(),
        source,
    })?;
    parse(&text).map_err(|problem| ConfigError::KeysInvalid {
        path: path.to_owned(),
        problem,
    })
}

/// Parses the keys of a file. The error quotes nothing of the file except names and scopes, because
/// somebody may have pasted a key by mistake.
fn parse(text: &str) -> Result<Vec<ServiceKey>, String> {
    let file: KeyFile = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text
            .get(..start)
            .map_or(1, |before| before.matches('\n').count() + 1);
        format!(
            "line {line}: not a table [[key]] with name, scopes, sha256 and, optionally, expires"
        )
    })?;
    let (mut names, mut hashes) = (HashSet::new(), HashSet::new());
    let mut keys = Vec::new();
    for (number, entry) in (1..).zip(file.key) {
        let name = key_name(&entry.name).map_err(|problem| format!("key {number}: {problem}"))?;
        let key = entry
            .parse()
            .map_err(|problem| format!("key {name}: {problem}"))?;
        if !names.insert(name.clone()) {
            return Err(format!("the name {name} occurs twice"));
        }
        if !hashes.insert(key.hash) {
            return Err(format!("the key {name} occurs twice"));
        }
        keys.push(key);
    }
    Ok(keys)
}

impl Entry {
    fn parse(self) -> Result<ServiceKey, String> {
        let scopes = self.scopes.iter().map(|scope| scope.parse::<Scope>());
        let expires_at = self.expires.map(|time| {
            let time = time.to_string();
            DateTime::parse_from_rfc3339(&time)
                .map(|time| time.with_timezone(&Utc).into())
                .map_err(|_| format!("expires ({time}) must be a date and a time with an offset"))
        });
        if self.scopes.is_empty() {
            return Err("scopes must not be empty".to_owned());
        }
        let hash = KeyHash::from_hex(&self.sha256)
            .ok_or("sha256 must be the 64 hexadecimal digits of the key's SHA-256 hash")?;
        // An empty credential would otherwise be this key.
        if hash == KeyHash::of("") {
            return Err("sha256 is the hash of an empty text, not of a key".to_owned());
        }
        Ok(ServiceKey {
            scopes: scopes.collect::<Result<_, _>>()?,
            hash,
            expires_at: expires_at.transpose()?,
            name: self.name,
        })
    }
}

/// Parses the name of a key.
pub(super) fn key_name(text: &str) -> Result<String, String> {
    let is_permitted = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=MAX_NAME_LENGTH).contains(&text.len()) && text.bytes().all(is_permitted) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "the name must be 1 to {MAX_NAME_LENGTH} letters, digits, dots, underscores and dashes"
        ))
    }
}

/// Returns the entry of a key in the file.
#[must_use]
pub fn entry_of(
    name: &str,
    scopes: &[Scope],
    hash: KeyHash,
    expires_at: Option<Timestamp>,
) -> String {
    let scopes: Vec<_> = scopes.iter().map(|scope| format!("\"{scope}\"")).collect();
    let expires = expires_at.map_or_else(String::new, |time| {
        let time = DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Secs, true);
        format!("expires = {time}\n")
    });
    format!(
        "[[key]]\nname = \"{name}\"\nscopes = [{}]\nsha256 = \"{hash:x}\"\n{expires}",
        scopes.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Scopes;

    #[test]
    fn an_entry_of_a_new_key_is_read_back() {
        let (hash, end) = (KeyHash::of("a"), Timestamp::from_millis(1_800_000_000_000));
        let orders = entry_of("orders", &[Scope::Check, Scope::Read], hash, Some(end));
        let shop = entry_of("shop.v-2_b", &[Scope::Admin], KeyHash::of("b"), None);
        let keys = parse(&format!("# Keys\n{orders}\n{shop}")).unwrap();
        let [orders, shop] = &keys[..] else {
            panic!("{keys:?}");
        };
        assert_eq!(
            (&*orders.name, orders.hash, orders.expires_at),
            ("orders", hash, Some(end))
        );
        assert_eq!(
            orders.scopes,
            Scopes::from_iter([Scope::Read, Scope::Check])
        );
        assert_eq!((&*shop.name, shop.expires_at), ("shop.v-2_b", None));
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn a_file_with_a_mistake_is_rejected_and_the_error_quotes_no_key() {
        let hash = format!("{:x}", KeyHash::of("a"));
        let entry = format!("[[key]]\nname = \"a\"\nscopes = [\"read\"]\nsha256 = \"{hash}\"\n");
        for (text, problem) in [
            (
                "secret-key-without-a-name".to_owned(),
                "line 1: not a table",
            ),
            (
                entry.replace(&hash, &format!("{:x}", KeyHash::of(""))),
                "key a: sha256 is the hash of an empty text",
            ),
            (
                format!("{entry}\nkey = \"secret\"\n"),
                "line 6: not a table",
            ),
            (entry.replace("\"a\"", "\"a b\""), "key 1: the name must be"),
            (
                entry.replace("\"read\"", ""),
                "key a: scopes must not be empty",
            ),
            (
                entry.replace("read", "Read"),
                "key a: \"Read\" is not a scope",
            ),
            (entry.replace(&hash, "secret"), "key a: sha256 must be"),
            (
                format!("{entry}expires = 2030-01-01\n"),
                "key a: expires (2030-01-01) must be",
            ),
            (
                format!("{entry}expires = 2030-01-01T00:00:00\n"),
                "with an offset",
            ),
            (format!("{entry}{entry}"), "the name a occurs twice"),
            (
                format!("{entry}{}", entry.replace("\"a\"", "\"b\"")),
                "the key b occurs twice",
            ),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
            assert!(
                !error.contains("secret") && !error.contains(&hash),
                "{error}"
            );
        }
    }
}
