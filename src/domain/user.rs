//! The state of a user that the rules read and change.

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};

use super::{
    AlertWindow, Device, Freeze, LoginHistory, Mobile, Session, SessionKey, Timestamp, UserId,
    Username, rules::OnConflict,
};

/// The user who owns a session. Each session stores a copy, so that a token check reads one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The user's id.
    pub id: UserId,
    /// The user's mobile number.
    pub mobile: Mobile,
    /// The user's name.
    pub username: Username,
}

/// A password hash as a PHC string. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Arc<str>);

impl PasswordHash {
    /// Wraps a PHC string.
    #[must_use]
    pub fn new(phc: String) -> Self {
        Self(phc.into())
    }

    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password hash]")
    }
}

/// The part of a user that the rules need. Its size does not depend on the length of the user's
/// history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserState {
    /// The user's id, mobile number and name.
    pub owner: Owner,
    /// The hash of the user's password, if one is set.
    pub password: Option<PasswordHash>,
    /// The time of the registration.
    pub created_at: Timestamp,
    /// Rises by one with each commit.
    pub version: u64,
    /// The session that is recorded as active. Its limit may have passed.
    pub active: Option<Session>,
    /// The session that is recorded as pending. Its limit may have passed.
    pub pending: Option<Session>,
    /// The sequence number of the last alert. 0 if there is none.
    pub last_alert: u64,
    /// The number of sessions opened so far, which is the number of the last one.
    pub sessions_opened: u64,
    /// The conflicts that raised an alert recently, oldest first, at most 16.
    pub recent_conflicts: Vec<RecentConflict>,
    /// The alerts that count against the bound, in the last minute in which one was raised. `None`
    /// if no such alert was ever raised.
    pub alert_window: Option<AlertWindow>,
    /// What the rules remember of the logins.
    pub history: LoginHistory,
    /// The freeze of the user, as recorded. It may have ended by itself.
    pub freeze: Option<Freeze>,
}

impl UserState {
    /// The active or pending session with this key, as recorded.
    #[must_use]
    pub fn current(&self, key: SessionKey) -> Option<&Session> {
        self.active
            .iter()
            .chain(&self.pending)
            .find(|session| session.key == key)
    }

    /// The freeze of the user, if it holds at `now`.
    #[must_use]
    pub fn freeze_at(&self, now: Timestamp) -> Option<&Freeze> {
        self.freeze.as_ref().filter(|freeze| freeze.holds(now))
    }
}

/// A conflict that raised an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentConflict {
    /// The fingerprint of the login attempt that conflicted.
    pub device: Fingerprint,
    /// The time of the alert.
    pub at: Timestamp,
}

/// A hash that is the same for all login attempts from one device with the same [`OnConflict`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Identifies the device as [`Device::is_same_as`] does: two devices have the same fingerprint
    /// if and only if they are the same. `None` for a device that is not the same as any other.
    #[must_use]
    pub fn of(device: &Device, on_conflict: OnConflict) -> Option<Self> {
        let tag = fingerprint_tag(on_conflict);
        let hash = match &device.id {
            Some(id) => Sha256::new_with_prefix([tag, 0]).chain_update(id.as_bytes()),
            None if device.user_agent.is_known() => Sha256::new_with_prefix([tag, 1])
                .chain_update(device.address.to_canonical().to_string())
                .chain_update([0])
                .chain_update(device.user_agent.as_str()),
            None => return None,
        };
        let mut short = [0; 16];
        short.copy_from_slice(&hash.finalize()[..16]);
        Some(Self(short))
    }

    /// Restores a stored fingerprint.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The byte that represents `on_conflict` in a fingerprint. Stored fingerprints contain it,
/// so it must not change.
const fn fingerprint_tag(on_conflict: OnConflict) -> u8 {
    match on_conflict {
        OnConflict::Reject => 0,
        OnConflict::TakeOver => 1,
        OnConflict::Ask => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::domain::{DeviceId, UserAgent};

    #[test]
    fn stored_fingerprints_stay_valid() {
        let mut device = Device {
            id: None,
            user_agent: UserAgent::parse("Firefox").unwrap(),
            address: Ipv4Addr::LOCALHOST.into(),
        };
        let by_address = Fingerprint::of(&device, OnConflict::Reject).unwrap();
        assert_eq!(hex(by_address), "46ec8ecfa23db378263192329527f291");
        device.id = Some(DeviceId::parse("phone").unwrap());
        for (on_conflict, expected) in [
            (OnConflict::Reject, "c2e9987455f4742f230e185567184969"),
            (OnConflict::TakeOver, "25792455bd6e94e764d7cac463643250"),
            (OnConflict::Ask, "c1bc5e768d745bb0926932eb05710f07"),
        ] {
            let by_id = Fingerprint::of(&device, on_conflict).unwrap();
            assert_eq!(hex(by_id), expected);
        }
    }

    #[test]
    fn only_a_device_that_can_be_the_same_as_another_has_a_fingerprint() {
        let device = |id: Option<&str>, user_agent, address: &str| Device {
            id: id.map(|id| DeviceId::parse(id).unwrap()),
            user_agent: UserAgent::parse(user_agent).unwrap(),
            address: address.parse().unwrap(),
        };
        let devices = [
            device(None, "unknown", "192.0.2.1"),
            device(None, "Firefox", "192.0.2.1"),
            device(None, "Firefox", "::ffff:192.0.2.1"),
            device(None, "Firefox", "192.0.2.2"),
            device(Some("phone"), "unknown", "192.0.2.1"),
            device(Some("phone"), "Firefox", "192.0.2.2"),
            device(Some("Firefox"), "Firefox", "192.0.2.1"),
        ];
        for a in &devices {
            for b in &devices {
                let fingerprint = |device| Fingerprint::of(device, OnConflict::Ask);
                let is_equal = fingerprint(a).is_some() && fingerprint(a) == fingerprint(b);
                assert_eq!(is_equal, a.is_same_as(b), "{a:?} {b:?}");
            }
        }
    }

    fn hex(fingerprint: Fingerprint) -> String {
        format!("{:032x}", u128::from_be_bytes(fingerprint.0))
    }
}
