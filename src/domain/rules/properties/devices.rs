//! The devices of the property tests.

use crate::domain::{Device, DeviceId, UserAgent};

/// The devices that log in. The first two have the same id, and different user agents and
/// addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TestDevice {
    Phone,
    PhoneWithAnotherBrowser,
    Laptop,
    LaptopElsewhere,
    WithoutId,
    WithoutIdElsewhere,
    /// Says nothing about itself, so it is another device at each login.
    Unknown,
}

/// The identity of a device across attempts: its id, or its address if it has no id.
pub(super) type DeviceName = (Option<&'static str>, Option<&'static str>);

impl TestDevice {
    /// The device's id, its user agent and its address.
    const fn properties(self) -> (Option<&'static str>, &'static str, &'static str) {
        match self {
            Self::Phone => (Some("phone"), "App/1", "192.0.2.1"),
            Self::PhoneWithAnotherBrowser => (Some("phone"), "Firefox/128", "192.0.2.9"),
            Self::Laptop => (Some("laptop"), "Firefox/128", "192.0.2.2"),
            Self::LaptopElsewhere => (Some("laptop"), "Firefox/129", "198.51.100.7"),
            Self::WithoutId => (None, "Firefox/128", "192.0.2.2"),
            Self::WithoutIdElsewhere => (None, "Firefox/128", "2001:db8::1"),
            Self::Unknown => (None, "unknown", "192.0.2.3"),
        }
    }

    pub(super) fn device(self) -> Device {
        let (id, user_agent, address) = self.properties();
        Device {
            id: id.map(|id| DeviceId::parse(id).unwrap()),
            user_agent: UserAgent::parse(user_agent).unwrap(),
            address: address.parse().unwrap(),
        }
    }

    /// `None` if each attempt comes from another device.
    pub(super) fn name(self) -> Option<DeviceName> {
        match self.properties() {
            (Some(id), ..) => Some((Some(id), None)),
            (None, "unknown", _) => None,
            // No two test devices without an id share an address.
            (None, _, address) => Some((None, Some(address))),
        }
    }
}
