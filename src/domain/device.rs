//! Devices: their ids and their addresses.

use std::net::IpAddr;

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

/// An id that a device chose for itself and keeps: 1 to 128 characters without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceId(String);

impl DeviceId {
    /// Checks the device id of an input.
    ///
    /// # Errors
    /// [`InvalidInput`] if the id is empty, too long, or contains a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        if !is_plain_text(text, 1..=128) {
            return Err(InvalidInput::new("deviceId", InputRule::DeviceId));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
