//! Service keys of a server under test.

use sessiond::{
    access::{KeyHash, Scope},
    config::entry_of,
    domain::Timestamp,
};

/// A service key whose text is its name, made longer.
#[derive(Debug, Clone, Copy)]
pub struct TestKey<'a> {
    /// The name.
    pub name: &'a str,
    /// The scopes.
    pub scopes: &'a [Scope],
    /// The time when it becomes invalid.
    pub expires_at: Option<Timestamp>,
}

impl<'a> TestKey<'a> {
    /// A key that never expires.
    pub const fn new(name: &'a str, scopes: &'a [Scope]) -> Self {
        Self {
            name,
            scopes,
            expires_at: None,
        }
    }

    /// The text that a request presents.
    pub fn secret(&self) -> String {
        format!("the secret of the service key {}", self.name)
    }

    /// The content of a file with these keys.
    pub fn file_of(keys: &[Self]) -> String {
        let entry = |key: &Self| {
            let hash = KeyHash::of(&key.secret());
            entry_of(key.name, key.scopes, hash, key.expires_at)
        };
        keys.iter().map(entry).collect()
    }
}
