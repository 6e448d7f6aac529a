//! Passwords in plain text.

use std::fmt;

use super::{InputRule, InvalidInput};

/// A password as the user typed it. It is never stored, and `Debug` hides it.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    const MIN_LENGTH: usize = 8;
    const MAX_LENGTH: usize = 256;

    /// Checks a new password: 8 to 256 characters.
    ///
    /// # Errors
    /// [`InvalidInput`] for `field` if the password is too short or too long.
    pub fn parse(field: &'static str, text: String) -> Result<Self, InvalidInput> {
        if !(Self::MIN_LENGTH..=Self::MAX_LENGTH).contains(&length(&text)) {
            return Err(InvalidInput::new(field, InputRule::NewPassword));
        }
        Ok(Self(text))
    }

    /// Accepts a password to verify, of at most 256 characters. A password that is too short is
    /// verified like any other. A password that is too long is rejected, because it cannot match
    /// and hashing it would waste time.
    ///
    /// # Errors
    /// [`InvalidInput`] for `field` if the password is too long.
    pub fn for_verification(field: &'static str, text: String) -> Result<Self, InvalidInput> {
        if length(&text) > Self::MAX_LENGTH {
            return Err(InvalidInput::new(field, InputRule::PasswordLength));
        }
        Ok(Self(text))
    }

    /// The password's bytes, to hash or to verify.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password]")
    }
}

/// The length in characters. The count stops after `MAX_LENGTH + 1`.
fn length(text: &str) -> usize {
    text.chars().take(Password::MAX_LENGTH + 1).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_password_has_8_to_256_characters() {
        assert!(Password::parse("password", "1234567".into()).is_err());
        assert!(Password::parse("password", "x".repeat(257)).is_err());
    }
}
