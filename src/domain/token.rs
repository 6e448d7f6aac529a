//! Session tokens and their hashes.

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{UserId, base64url};

const PREFIX: &str = "sd1_";

/// The secret that opens one session: the user's id and 256 random bits.
///
/// The text form is `sd1_` and 64 characters of base64url (RFC 4648, section 5). The user's id is
/// the shard key, so a look-up goes to the one shard that holds the session. `Debug` hides the
/// token. Only [`Token::reveal`] returns it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    user: UserId,
    secret: [u8; 32],
}

impl Token {
    /// Creates a token for a session of this user, from 256 random bits.
    #[must_use]
    pub const fn new(user: UserId, secret: [u8; 32]) -> Self {
        Self { user, secret }
    }

    /// Parses the form that [`Token::reveal`] writes. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(PREFIX)?;
        let bytes: [u8; 48] = base64url::decode(encoded)?;
        let (user, secret) = bytes.split_at(16);
        Some(Self {
            user: UserId::new(Uuid::from_slice(user).ok()?),
            secret: secret.try_into().ok()?,
        })
    }

    /// The token's text form, for the one response that contains it.
    #[must_use]
    pub fn reveal(&self) -> String {
        let bytes = [self.user.as_uuid().as_bytes().as_slice(), &self.secret].concat();
        format!("{PREFIX}{}", base64url::encode(&bytes))
    }

    /// The user whose session the token opens.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// The hash of the token. Stores look up the session by this hash.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        let mut hasher = Sha256::new();
        hasher.update(self.user.as_uuid().as_bytes());
        hasher.update(self.secret);
        TokenHash(hasher.finalize().into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[token]")
    }
}

/// The SHA-256 hash of a token's 48 bytes. Stores keep only this hash. A fast hash is sufficient,
/// because 256 random bits cannot be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Restores a stored hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_parses_back_and_debug_hides_it() {
        let token = Token::new(UserId::new(Uuid::from_u128(7)), [9; 32]);
        let text = token.reveal();
        assert_eq!(text.len(), 68);
        assert!(Token::parse(&text) == Some(token.clone()));
        assert_eq!(format!("{token:?}"), "[token]");
    }

    #[test]
    fn any_other_text_is_rejected() {
        let text = Token::new(UserId::new(Uuid::from_u128(7)), [9; 32]).reveal();
        for wrong in [
            "",
            "sd1_",
            "sd2_AAAA",
            &text[1..],
            &text[..67],
            &format!("{text}A"),
            &format!("{text}="),
        ] {
            assert!(Token::parse(wrong).is_none(), "{wrong}");
        }
    }
}
