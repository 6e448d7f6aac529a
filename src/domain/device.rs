//! Devices, their ids, and which of them are the same.

use std::{fmt, net::IpAddr, sync::Arc};

use super::{InputRule, InvalidInput, UserAgent, text::is_plain_text};

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

/// An id that a device chose for itself and keeps: 1 to 128 characters without control characters.
///
/// A device that knows the id of another one counts as that device, so the API asks for at least
/// 128 random bits, and never returns an id. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceId(Arc<str>);

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[device id]")
    }
}

impl DeviceId {
    /// Checks the device id of an input.
    ///
    /// # Errors
    /// [`InvalidInput`] if the id is empty, too long, or contains a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        if !is_plain_text(text, 1..=128) {
            return Err(InvalidInput::new("deviceId", InputRule::DeviceId));
        }
        Ok(Self(text.into()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
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
    fn debug_hides_a_device_id() {
        let text = format!("{:?}", device(Some("secret"), "x", "203.0.113.9"));
        assert!(!text.contains("secret"), "{text}");
    }
}
