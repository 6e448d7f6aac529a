//! Service keys: the secrets that authenticate back ends, and what each of them permits.

use std::{fmt, sync::Arc, time::Instant};

use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use tokio::sync::watch;

use super::{Scope, Scopes};
use crate::{domain::Timestamp, log_limit::LogLimit};

/// The uses of expired keys. They have a limit of their own, so that strangers who send unknown ones
/// do not hide them.
static EXPIRED: LogLimit = LogLimit::new();

/// The uses of credentials that are nothing.
static UNKNOWN: LogLimit = LogLimit::new();

/// The SHA-256 hash of a service key. A fast hash is sufficient, because keys are long and random.
/// `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The minimum number of characters of a key. Shorter keys could be guessed.
    pub const MIN_CHARS: usize = 32;

    /// Hashes a key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Parses 64 hexadecimal digits. `None` for any other text.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digit = |index: usize| char::from(digits[index]).to_digit(16);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
        }
        Some(Self(bytes))
    }
}

/// Writes 64 hexadecimal digits.
impl fmt::LowerHex for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key hash]")
    }
}

/// A service key, of which only the hash is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceKey {
    /// The name, for the log.
    pub name: String,
    /// What the key permits.
    pub scopes: Scopes,
    /// The hash of the key.
    pub hash: KeyHash,
    /// The time when the key becomes invalid. `None` means never.
    pub expires_at: Option<Timestamp>,
}

impl ServiceKey {
    /// Returns true if the key has not expired.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// The service keys at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet(Vec<Arc<ServiceKey>>);

impl KeySet {
    /// Creates a set. Names and hashes must be unique.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = ServiceKey>) -> Self {
        Self(keys.into_iter().map(Arc::new).collect())
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[Arc<ServiceKey>] {
        &self.0
    }

    /// Returns the valid key that `presented` is.
    #[must_use]
    pub fn find(&self, presented: &str, now: Timestamp) -> Option<&Arc<ServiceKey>> {
        self.find_any(presented).filter(|key| key.is_valid(now))
    }

    /// Returns the key that `presented` is, which may have expired. Compares with every key in
    /// constant time, so that the response time reveals nothing about the keys.
    #[must_use]
    pub fn find_any(&self, presented: &str) -> Option<&Arc<ServiceKey>> {
        let presented = KeyHash::of(presented);
        // The position of the key, counted from 1. 0 means that there is none.
        let mut position = 0_u32;
        for (index, key) in (1..).zip(&self.0) {
            let is_equal: Choice = key.hash.0.ct_eq(&presented.0);
            position.conditional_assign(&index, is_equal);
        }
        let index = usize::try_from(position).ok()?.checked_sub(1)?;
        self.0.get(index)
    }

    /// Returns true if the set still has the key, with at least the scopes that it had.
    #[must_use]
    pub fn still_permits(&self, key: &ServiceKey, now: Timestamp) -> bool {
        self.same_as(key)
            .is_some_and(|own| own.is_valid(now) && own.scopes.includes(key.scopes))
    }

    /// Returns the key with the same hash.
    #[must_use]
    pub fn same_as(&self, key: &ServiceKey) -> Option<&Arc<ServiceKey>> {
        self.0.iter().find(|own| own.hash == key.hash)
    }
}

/// The service keys of a running node. They can be replaced as a whole. Whether the node is in
/// development mode never changes.
#[derive(Debug)]
pub struct ServiceKeys {
    current: watch::Sender<KeySet>,
    development_key: Option<Arc<ServiceKey>>,
}

impl ServiceKeys {
    /// Creates the keys of a node. `None` means development mode, in which a request without
    /// credentials has the rights of the service.
    #[must_use]
    pub fn new(keys: Option<KeySet>) -> Self {
        Self {
            development_key: keys.is_none().then(Self::development_key),
            current: watch::Sender::new(keys.unwrap_or_default()),
        }
    }

    /// Returns the key that stands for a caller of development mode. It permits everything, and no
    /// request can present it.
    #[must_use]
    pub fn development_key() -> Arc<ServiceKey> {
        Arc::new(ServiceKey {
            name: "development mode".to_owned(),
            scopes: Scopes::from_iter([Scope::Admin]),
            hash: KeyHash([0; 32]),
            expires_at: None,
        })
    }

    /// Returns true in development mode.
    #[must_use]
    pub fn is_development_mode(&self) -> bool {
        self.development_key.is_some()
    }

    /// Returns the key of a request without credentials, which is `None` outside development mode.
    #[must_use]
    pub fn of_anyone(&self) -> Option<Arc<ServiceKey>> {
        self.development_key.clone()
    }

    /// Returns the valid key that `presented` is. If there is none, logs a warning, at most once a
    /// minute: a back end with a wrong key would otherwise fail unnoticed.
    #[must_use]
    pub fn find(&self, presented: &str, now: Timestamp) -> Option<Arc<ServiceKey>> {
        let keys = self.current.borrow();
        match keys.find_any(presented) {
            Some(key) if key.is_valid(now) => return Some(Arc::clone(key)),
            Some(expired) => {
                if let Some(count) = EXPIRED.record(Instant::now()) {
                    tracing::warn!(key = %expired.name, count, "an expired service key is used");
                }
            }
            None => {
                if let Some(count) = UNKNOWN.record(Instant::now()) {
                    tracing::warn!(
                        count,
                        "credentials are neither a session's token nor a service key of this node"
                    );
                }
            }
        }
        None
    }

    /// Replaces the keys. In development mode, this changes nothing.
    pub fn replace(&self, keys: KeySet) {
        if !self.is_development_mode() {
            self.current.send_replace(keys);
        }
    }

    /// Returns a receiver that has the present keys, and is notified when they are replaced.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<KeySet> {
        self.current.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn key(name: &str, scopes: &[Scope], expires_at: Option<i64>) -> ServiceKey {
        ServiceKey {
            name: name.to_owned(),
            scopes: scopes.iter().copied().collect(),
            hash: KeyHash::of(name),
            expires_at: expires_at.map(Timestamp::from_millis),
        }
    }

    #[test]
    fn a_key_is_found_by_its_text_until_it_expires() {
        let keys = KeySet::new([
            key("a", &[Scope::Read], None),
            key("b", &[Scope::Login], Some(1_001)),
            key("c", &[Scope::Admin], Some(1_000)),
        ]);
        let found = |text| keys.find(text, NOW).map(|key| key.name.clone());
        assert_eq!(found("a").as_deref(), Some("a"));
        assert_eq!(found("b").as_deref(), Some("b"));
        assert_eq!(found("c"), None);
        assert_eq!(found("d"), None);
        assert_eq!(KeySet::default().find("", NOW), None);
    }

    #[test]
    fn a_key_is_revoked_if_it_is_missing_has_expired_or_has_lost_a_scope() {
        let before = key("a", &[Scope::Read, Scope::Check], None);
        let is_permitted = |after| KeySet::new([after]).still_permits(&before, NOW);
        assert!(is_permitted(before.clone()));
        assert!(is_permitted(key("a", &[Scope::Admin], Some(2_000))));
        assert!(!is_permitted(key("a", &[Scope::Admin], Some(1_000))));
        assert!(!is_permitted(key("a", &[Scope::Read], None)));
        assert!(!is_permitted(key("b", &[Scope::Admin], None)));
    }

    #[test]
    fn a_hash_is_written_as_64_hexadecimal_digits() {
        let hash = KeyHash::of("a");
        let hex = format!("{hash:x}");
        assert!(hex.starts_with("ca978112ca1bbdca"), "{hex}");
        assert_eq!(KeyHash::from_hex(&hex), Some(hash));
        assert_eq!(KeyHash::from_hex(&hex.to_uppercase()), Some(hash));
        for text in ["", &hex[1..], &format!("{}g", &hex[1..]), &"é".repeat(32)] {
            assert_eq!(KeyHash::from_hex(text), None, "{text}");
        }
        assert_eq!(format!("{hash:?}"), "[key hash]");
    }

    #[test]
    fn development_mode_never_ends_and_nobody_can_present_its_key() {
        let development = ServiceKeys::new(None);
        development.replace(KeySet::new([key("a", &[Scope::Admin], None)]));
        assert!(development.of_anyone().is_some());
        assert_eq!(development.find("a", NOW), None);
        let keys = ServiceKeys::new(Some(KeySet::default()));
        assert!(!keys.is_development_mode() && keys.of_anyone().is_none());
    }
}
