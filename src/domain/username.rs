//! Usernames.

use super::{InputRule, InvalidInput, text::is_plain_text};

/// A user's name: 1 to 64 characters without control characters, and without white space at either
/// end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Removes white space at both ends, and checks the rest.
    ///
    /// # Errors
    /// [`InvalidInput`] if the name is empty, too long, or contains a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        let text = text.trim();
        if !is_plain_text(text, 1..=64) {
            return Err(InvalidInput::new("username", InputRule::Username));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_is_measured_in_characters_and_has_no_control_characters() {
        assert!(Username::parse(&"ü".repeat(64)).is_ok());
        for text in ["", "   ", "a\u{7}b", &"x".repeat(65)] {
            assert!(Username::parse(text).is_err(), "{text:?}");
        }
    }
}
