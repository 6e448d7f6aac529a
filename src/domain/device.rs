//! Devices, their ids, and which of them are the same.

use std::{fmt, net::IpAddr, sync::Arc};

use sha2::{Digest, Sha256};

use super::{InputRule, InvalidInput, UserAgent, base64url, text::is_plain_text};

/// The device that a login comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The id that the device chose for itself, if it sends one.
    pub id: Option<DeviceId>,
    /// The device's user agent.
    pub user_agent: UserAgent,
    /// The device's network address, in canonical form.
    pub address: IpAddr,
}

impl Device {
    /// Whether the two descriptions are certainly of one device. Every rule that depends on who a
    /// device is uses this definition.
    ///
    /// Devices with ids are the same if the ids are equal, whatever their user agents and addresses
    /// are. Devices without ids are the same if their user agents are known and equal, and their
    /// addresses are equal. A device with an id and one without are never the same, and neither are
    /// two devices that say nothing about themselves.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        match (&self.id, &other.id) {
            (Some(id), Some(other)) => id == other,
            (None, None) => {
                self.user_agent.is_known()
                    && self.user_agent == other.user_agent
                    && self.address.to_canonical() == other.address.to_canonical()
            }
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

/// The SHA-256 hash of an id that a device chose for itself and keeps: 1 to 128 characters without
/// control characters.
///
/// A device that knows the id of another one counts as that device, so the id is a secret, and the
/// API asks for at least 128 random bits. Only the hash is kept, from the moment when an input is
/// parsed. A fast hash is sufficient, because 128 random bits cannot be guessed. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceId(Arc<[u8; 32]>);

/// The start of a stored hash. Earlier versions stored the id itself.
const STORED_PREFIX: &str = "sha256:";

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[device id]")
    }
}

impl DeviceId {
    /// Checks and hashes the device id of an input.
    ///
    /// # Errors
    /// [`InvalidInput`] if the id is empty, too long, or contains a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        if !is_plain_text(text, 1..=128) {
            return Err(InvalidInput::new("deviceId", InputRule::DeviceId));
        }
        Ok(Self(Arc::new(Sha256::digest(text).into())))
    }

    /// Restores a stored id. An id that an earlier version stored as it was sent is hashed, so it
    /// still matches when the device sends it again.
    ///
    /// # Errors
    /// [`InvalidInput`] if the text is neither a stored hash nor a device id.
    pub fn from_stored(text: &str) -> Result<Self, InvalidInput> {
        match text.strip_prefix(STORED_PREFIX).map(base64url::decode) {
            Some(Some(hash)) => Ok(Self(Arc::new(hash))),
            Some(None) | None => Self::parse(text),
        }
    }

    /// The text to store: `sha256:` and the hash in base64url.
    #[must_use]
    pub fn to_stored(&self) -> String {
        format!("{STORED_PREFIX}{}", base64url::encode(&*self.0))
    }

    /// The bytes of the hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: Option<&str>, user_agent: &str, address: &str) -> Device {
        Device {
            id: id.map(|id| DeviceId::parse(id).unwrap()),
            user_agent: UserAgent::parse(user_agent).unwrap(),
            address: address.parse().unwrap(),
        }
    }

    #[test]
    fn a_device_is_known_by_its_id_or_by_its_user_agent_and_address() {
        let (here, there) = ("203.0.113.9", "198.51.100.7");
        let mapped = "::ffff:203.0.113.9";
        for (a, b, is_same) in [
            (
                device(Some("a"), "x", here),
                device(Some("a"), "y", there),
                true,
            ),
            (
                device(Some("a"), "unknown", here),
                device(Some("a"), "unknown", there),
                true,
            ),
            (
                device(Some("a"), "x", here),
                device(Some("b"), "x", here),
                false,
            ),
            (device(Some("a"), "x", here), device(None, "x", here), false),
            (device(None, "x", here), device(None, "x", here), true),
            (device(None, "x", here), device(None, "x", mapped), true),
            (device(None, "x", here), device(None, "y", here), false),
            (device(None, "x", here), device(None, "x", there), false),
            (
                device(None, "unknown", here),
                device(None, "unknown", here),
                false,
            ),
            (
                device(None, "Unknown", here),
                device(None, "Unknown", here),
                false,
            ),
        ] {
            assert_eq!(a.is_same_as(&b), is_same, "{a:?} {b:?}");
            assert_eq!(b.is_same_as(&a), is_same, "{b:?} {a:?}");
        }
    }

    #[test]
    fn only_the_hash_of_an_id_is_stored_and_an_id_that_was_stored_before_still_matches() {
        let id = DeviceId::parse("4f9d5d5e-6b8a-4f0c-9a55-1f6d2f4d8c11").unwrap();
        let stored = id.to_stored();
        assert_eq!(stored, "sha256:2n_2xptDRne6dFGkeV7nQdLPNzlrDrctG_Lr9iAS1Xk");
        assert_eq!(DeviceId::from_stored(&stored), Ok(id.clone()));
        let plain = DeviceId::from_stored("4f9d5d5e-6b8a-4f0c-9a55-1f6d2f4d8c11");
        assert_eq!(plain, Ok(id));
        // A device may have chosen such a text before ids were hashed.
        for text in ["sha256:", "sha256:phone"] {
            assert_eq!(DeviceId::from_stored(text), DeviceId::parse(text));
        }
        assert!(DeviceId::from_stored("").is_err());
    }

    #[test]
    fn debug_hides_a_device_id() {
        let text = format!("{:?}", device(Some("secret"), "x", "203.0.113.9"));
        assert!(!text.contains("secret"), "{text}");
    }
}
