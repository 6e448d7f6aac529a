//! Reads the service key from its environment variable or its file.

use std::{
    env::{self, VarError},
    net::SocketAddr,
    path::Path,
};

use super::ConfigError;
use crate::{access::ServiceKey, domain::Token};

/// The environment variable that holds the service key.
pub(super) const SERVICE_KEY_VARIABLE: &str = "SESSIOND_SERVICE_KEY";

/// Reads the service key. Returns `None` in development mode: if no key is given and `listen` is a
/// loopback address.
pub(super) fn read(
    file: Option<&Path>,
    listen: SocketAddr,
) -> Result<Option<ServiceKey>, ConfigError> {
    let (source, text) = match (env::var(SERVICE_KEY_VARIABLE), file) {
        (Ok(_) | Err(VarError::NotUnicode(_)), Some(_)) => return Err(ConfigError::TwoKeys),
        // A key that is set but invalid is a mistake. It must never start development mode.
        (Err(VarError::NotUnicode(_)), None) => return Err(ConfigError::KeyNotText),
        (Ok(key), None) => (SERVICE_KEY_VARIABLE.to_owned(), key),
        (Err(VarError::NotPresent), Some(path)) => {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::KeyFile {
                path: path.to_owned(),
                source,
            })?;
            (path.display().to_string(), text)
        }
        (Err(VarError::NotPresent), None) if listen.ip().is_loopback() => return Ok(None),
        (Err(VarError::NotPresent), None) => return Err(ConfigError::Exposed(listen)),
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
