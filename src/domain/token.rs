use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::UserId;

const PREFIX: &str = "sd1_";

/// The secret that opens one session: its user's id and 256 random bits.
///
/// Written `sd1_` and 64 characters of base64url (RFC 4648, section 5). The user's id makes the look-up name the
/// shard that holds the session. `Debug` hides it, and only [`Token::reveal`] writes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    user: UserId,
    secret: [u8; 32],
}

impl Token {
    #[must_use]
    pub const fn new(user: UserId, secret: [u8; 32]) -> Self {
        Self { user, secret }
    }

    /// Reads what [`Token::reveal`] writes; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(PREFIX)?;
        let mut bytes = [0; 48];
        let written = URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes).ok()?;
        if written != bytes.len() {
            return None;
        }
        let (user, secret) = bytes.split_at(16);
        Some(Self {
            user: UserId::new(Uuid::from_slice(user).ok()?),
            secret: secret.try_into().ok()?,
        })
    }

    /// The token's text, for the one answer that shows it.
    #[must_use]
    pub fn reveal(&self) -> String {
        let bytes = [self.user.as_uuid().as_bytes().as_slice(), &self.secret].concat();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

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

/// SHA-256 of a token's 48 bytes: all that a store keeps of it. A fast hash is right for 256 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_hides_itself() {
        let token = Token::new(UserId::new(Uuid::from_u128(7)), [9; 32]);
        let text = token.reveal();
        assert_eq!(text.len(), 68);
        assert!(Token::parse(&text) == Some(token.clone()));
        assert_eq!(format!("{token:?}"), "[token]");
    }

    #[test]
    fn any_other_text_is_no_token() {
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
