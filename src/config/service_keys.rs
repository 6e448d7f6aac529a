//! Reads the service keys from their sources: an environment variable, the file of one key, and the
//! file of several keys.

use std::{
    env::{self, VarError},
    path::Path,
};

use super::{ConfigError, Settings, key_file, text_file};
use crate::{
    access::{KeyHash, KeySet, Scope, ServiceKey},
    domain::Token,
};

/// The environment variable that holds the one service key.
pub(super) const SERVICE_KEY_VARIABLE: &str = "SESSIOND_SERVICE_KEY";

/// The name of the one service key in the log.
const SINGLE_KEY_NAME: &str = "service-key";

impl Settings {
    /// Reads the service keys. Returns `None` in development mode: if no source of keys is named,
    /// and `listen` is a loopback address. A source without a valid key does not mean development
    /// mode: then nobody is the service.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] if a source cannot be read or holds something else than keys, or
    /// if no source is named although others can reach the server.
    pub fn read_service_keys(&self) -> Result<Option<KeySet>, ConfigError> {
        let single = read_single(self.service_key_file.as_deref())?;
        let several = self
            .service_keys
            .as_deref()
            .map(key_file::read)
            .transpose()?;
        match (single, several) {
            (None, None) if self.listen.ip().is_loopback() => Ok(None),
            (None, None) => Err(ConfigError::Exposed(self.listen)),
            (single, several) => {
                let mut keys = several.unwrap_or_default();
                if let (Some(single), Some(path)) = (&single, &self.service_keys) {
                    reject_twice(single, &keys, path)?;
                }
                keys.extend(single);
                Ok(Some(KeySet::new(keys)))
            }
        }
    }
}

/// Rejects a file that contains the one key, or a key of its name. It would be unclear which scopes
/// count.
fn reject_twice(single: &ServiceKey, keys: &[ServiceKey], path: &Path) -> Result<(), ConfigError> {
    let is_same = |key: &&ServiceKey| key.hash == single.hash || key.name == single.name;
    let Some(key) = keys.iter().find(is_same) else {
        return Ok(());
    };
    Err(ConfigError::KeysInvalid {
        path: path.to_owned(),
        problem: format!(
            "the key {} is also the one of {SERVICE_KEY_VARIABLE} or --service-key-file, or has its \
             name",
            key.name
        ),
    })
}

/// Reads the one key, which has every scope.
fn read_single(file: Option<&Path>) -> Result<Option<ServiceKey>, ConfigError> {
    let (source, text) = match (env::var(SERVICE_KEY_VARIABLE), file) {
        (Ok(_) | Err(VarError::NotUnicode(_)), Some(_)) => return Err(ConfigError::TwoKeys),
        // A key that is set but invalid is a mistake. It must never start development mode.
        (Err(VarError::NotUnicode(_)), None) => return Err(ConfigError::KeyNotText),
        (Ok(key), None) => (SERVICE_KEY_VARIABLE.to_owned(), key),
        (Err(VarError::NotPresent), Some(path)) => {
            let text = text_file::read(path).map_err(|source| ConfigError::KeyFile {
                path: path.to_owned(),
                source,
            })?;
            (path.display().to_string(), text)
        }
        (Err(VarError::NotPresent), None) => return Ok(None),
    };
    let text = text.trim();
    if Token::parse(text).is_some() {
        return Err(ConfigError::TokenAsKey(source));
    }
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(ConfigError::KeyNotForHeaders(source));
    }
    if text.chars().count() < KeyHash::MIN_CHARS {
        return Err(ConfigError::ShortKey(source));
    }
    Ok(Some(ServiceKey {
        name: SINGLE_KEY_NAME.to_owned(),
        scopes: [Scope::Admin].into_iter().collect(),
        hash: KeyHash::of(text),
        expires_at: None,
    }))
}
