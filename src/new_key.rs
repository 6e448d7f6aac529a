//! The `key new` command: makes a service key.

use std::time::Duration;

use crate::{
    access::{KeyHash, Scope},
    config::entry_of,
    domain::base64url,
    ids::IdGenerator,
};

/// The start of the keys that this command makes, so that scanners for secrets find them.
const PREFIX: &str = "sdk_";

/// A new service key. Only this value contains the key itself.
pub struct NewKey {
    /// The key.
    pub secret: String,
    /// Its entry in the file of service keys.
    pub entry: String,
}

impl NewKey {
    /// Makes a key of 256 random bits.
    #[must_use]
    pub fn new(
        ids: &IdGenerator,
        name: &str,
        scopes: &[Scope],
        expires_in: Option<Duration>,
    ) -> Self {
        let secret = format!("{PREFIX}{}", base64url::encode(&ids.secret()));
        let expires_at = expires_in.map(|time| ids.now().plus(time));
        let entry = entry_of(name, scopes, KeyHash::of(&secret), expires_at);
        Self { secret, entry }
    }
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[new service key]")
    }
}
