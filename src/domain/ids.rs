//! The ids of users, sessions, commits, login attempts and alerts.

use std::{fmt, ops::RangeInclusive};

use uuid::{Builder, Uuid, Variant, Version};

use super::base64url;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID.
            #[must_use]
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }

            /// Parses the hyphenated form that [`fmt::Display`] writes. `None` for any other text.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                (text.len() == uuid::fmt::Hyphenated::LENGTH)
                    .then(|| Uuid::try_parse(text).ok())
                    .flatten()
                    .map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id! {
    /// The id of a user.
    UserId
}
uuid_id! {
    /// The public id of a session. It is not a secret: only the session's [`Token`](super::Token)
    /// opens the session.
    ///
    /// New keys are version 8 UUIDs (RFC 9562, section 5.8) that begin with the user's id, so that
    /// a store that is sharded by user finds the session's shard: see [`SessionKey::of_user`]. They
    /// also contain the session's number, so that a store needs no index of keys: see
    /// [`SessionKey::numbered`].
    SessionKey
}
uuid_id! {
    /// The id of a commit. It makes a commit idempotent: if a store's response was lost, the store
    /// can find out whether it applied the commit.
    CommitId
}

/// The first bits of a user's id that the keys of the user's sessions contain.
const ROUTE_BITS: u32 = 60;

/// The bits of a session's number that its key contains. A number that needs more is not in its key.
const NUMBER_BITS: u32 = 26;

/// The random bits behind the number.
const RANDOM_BITS: u32 = 62 - NUMBER_BITS;

/// The highest bits of a UUID, before its version.
const BITS_BEFORE_VERSION: u32 = 48;

impl SessionKey {
    /// Makes a key from the user's id and 62 random bits. The highest two bits of `random` are not
    /// used.
    ///
    /// The version 8 UUID has the first 60 bits of the user's id in its fields `custom_a` and
    /// `custom_b`, and the random bits in `custom_c`.
    #[must_use]
    pub fn of_user(user: UserId, random: u64) -> Self {
        let route = user.0.as_u128() >> (u128::BITS - ROUTE_BITS);
        let after_version = ROUTE_BITS - BITS_BEFORE_VERSION;
        let before = route >> after_version << (u128::BITS - BITS_BEFORE_VERSION);
        let after = (route & ((1 << after_version) - 1)) << u64::BITS;
        let bytes = (before | after | u128::from(random)).to_be_bytes();
        // Sets the version and the variant, and leaves all other bits.
        Self(Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// Puts the number of a session into its key, in the place of the first 26 random bits. Does
    /// nothing if the number needs more bits, or if the key does not come from
    /// [`SessionKey::of_user`].
    #[must_use]
    pub fn numbered(self, number: u64) -> Self {
        if number >> NUMBER_BITS > 0 || !self.has_fields() {
            return self;
        }
        let cleared = self.0.as_u128() & !(((1 << NUMBER_BITS) - 1) << RANDOM_BITS);
        Self(Uuid::from_u128(cleared | u128::from(number) << RANDOM_BITS))
    }

    /// Returns the number that the key contains. It is the number of its session if the key was made
    /// with [`SessionKey::numbered`]. Otherwise it is random, or `None` for a key that does not come
    /// from [`SessionKey::of_user`].
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        let (_, custom_c) = self.0.as_u64_pair();
        let number = custom_c >> RANDOM_BITS & ((1 << NUMBER_BITS) - 1);
        self.has_fields().then_some(number)
    }

    /// Returns true if the key has the form of those of [`SessionKey::of_user`].
    fn has_fields(&self) -> bool {
        self.0.get_version() == Some(Version::Custom) && self.0.get_variant() == Variant::RFC4122
    }

    /// Returns the ids of the users who may own the session: those with the first 60 bits that the
    /// key contains. `None` for a key that does not come from [`SessionKey::of_user`], as those of
    /// earlier releases.
    #[must_use]
    pub fn possible_users(&self) -> Option<RangeInclusive<UserId>> {
        if !self.has_fields() {
            return None;
        }
        let key = self.0.as_u128();
        let after_version = ROUTE_BITS - BITS_BEFORE_VERSION;
        let before = key >> (u128::BITS - BITS_BEFORE_VERSION) << after_version;
        let after = key >> u64::BITS & ((1 << after_version) - 1);
        let first = (before | after) << (u128::BITS - ROUTE_BITS);
        let last = first | (u128::MAX >> ROUTE_BITS);
        Some(UserId(Uuid::from_u128(first))..=UserId(Uuid::from_u128(last)))
    }
}

/// The id of a login attempt. It contains the user's id, so that a look-up reads the records of
/// that user only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttemptId {
    /// The user whose credentials the attempt used.
    pub user: UserId,
    /// The attempt's unique id.
    pub id: Uuid,
}

impl AttemptId {
    /// Parses the form that [`fmt::Display`] writes. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = base64url::decode(text)?;
        let (user, id) = bytes.split_at(16);
        Some(Self {
            user: UserId(Uuid::from_slice(user).ok()?),
            id: Uuid::from_slice(id).ok()?,
        })
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [*self.user.0.as_bytes(), *self.id.as_bytes()].concat();
        f.write_str(&base64url::encode(&bytes))
    }
}

/// The id of an alert, unique among the alerts of all users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlertId {
    /// The user whose log holds the alert.
    pub user: UserId,
    /// The alert's number in that log.
    pub sequence: u64,
}

impl AlertId {
    /// Parses the form that [`fmt::Display`] writes. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 24] = base64url::decode(text)?;
        let (user, sequence) = bytes.split_at(16);
        Some(Self {
            user: UserId(Uuid::from_slice(user).ok()?),
            sequence: u64::from_be_bytes(sequence.try_into().ok()?),
        })
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(self.user.0.as_bytes());
        bytes[16..].copy_from_slice(&self.sequence.to_be_bytes());
        f.write_str(&base64url::encode(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_leads_to_its_user_and_keeps_62_random_bits(user: u128, random: u64) {
            let user = UserId::new(Uuid::from_u128(user));
            let key = SessionKey::of_user(user, random);
            let users = key.possible_users().expect("a key with a route");
            prop_assert!(users.contains(&user));
            let (first, last) = (users.start().0.as_u128(), users.end().0.as_u128());
            prop_assert_eq!(last - first, (1 << 68) - 1);
            let custom_c = key.0.as_u64_pair().1 << 2 >> 2;
            prop_assert_eq!(custom_c, random << 2 >> 2);
            prop_assert_eq!(SessionKey::parse(&key.to_string()), Some(key));
        }

        #[test]
        fn a_key_contains_the_number_of_its_session(
            user: u128, random: u64, number in 0_u64..1 << 26, larger in 1_u64 << 26..,
        ) {
            let plain = SessionKey::of_user(UserId::new(Uuid::from_u128(user)), random);
            let key = plain.numbered(number);
            prop_assert_eq!(key.number(), Some(number));
            prop_assert_eq!(key.possible_users(), plain.possible_users());
            let rest = (1 << 36) - 1;
            prop_assert_eq!(key.0.as_u128() & rest, plain.0.as_u128() & rest);
            prop_assert_eq!(SessionKey::parse(&key.to_string()), Some(key));
            prop_assert_eq!(plain.numbered(larger), plain);
        }

        #[test]
        fn a_user_outside_the_range_has_other_keys(user: u128, other: u128) {
            let [user, other] = [user, other].map(|id| UserId::new(Uuid::from_u128(id)));
            let users = SessionKey::of_user(user, 0).possible_users().expect("a key with a route");
            let same = SessionKey::of_user(user, 0) == SessionKey::of_user(other, 0);
            prop_assert_eq!(users.contains(&other), same);
        }
    }

    #[test]
    fn a_key_is_a_version_8_uuid_that_shows_the_first_bits_of_the_user() {
        let user = UserId::parse("0193a5b2-c4d6-7e8f-90a1-b2c3d4e5f607").expect("a UUID");
        let key = SessionKey::of_user(user, u64::MAX);
        assert_eq!(key.to_string(), "0193a5b2-c4d6-87e8-bfff-ffffffffffff");
    }

    #[test]
    fn the_keys_of_earlier_releases_lead_to_no_user() {
        for key in [
            "0193a5b2-c4d6-7e8f-90a1-b2c3d4e5f607",
            "4f9d5d5e-6b8a-4f0c-9a55-1f6d2f4d8c11",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "4f9d5d5e-6b8a-8f0c-0a55-1f6d2f4d8c11",
        ] {
            let key = SessionKey::parse(key).expect("a UUID");
            assert_eq!(key.possible_users(), None, "{key}");
            assert_eq!((key.number(), key.numbered(1)), (None, key));
        }
    }
}
