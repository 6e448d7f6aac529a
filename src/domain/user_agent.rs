//! User agents.

use super::{InputRule, InvalidInput, text::is_plain_text};

/// A client's description of itself (RFC 9110, section 10.1.5): 1 to 512 characters without control
/// characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAgent(String);

impl UserAgent {
    const MAX_LENGTH: usize = 512;

    /// Checks the user agent of an input.
    ///
    /// # Errors
    /// [`InvalidInput`] if the text is empty, too long, or contains a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        if !is_plain_text(text, 1..=Self::MAX_LENGTH) {
            return Err(InvalidInput::new("userAgent", InputRule::UserAgent));
        }
        Ok(Self(text.to_owned()))
    }

    /// Converts a request's `User-Agent` header. Removes control characters and truncates the rest.
    /// If no text remains, or if `header` is `None`, the user agent is `unknown`. A client's header
    /// must not prevent its login.
    #[must_use]
    pub fn from_header(header: Option<&str>) -> Self {
        let text: String = header
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control())
            .take(Self::MAX_LENGTH)
            .collect();
        Self(if text.is_empty() {
            "unknown".to_owned()
        } else {
            text
        })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_truncated_and_cleaned_instead_of_rejected() {
        assert_eq!(UserAgent::from_header(None).as_str(), "unknown");
        assert_eq!(UserAgent::from_header(Some("a\tb")).as_str(), "ab");
        assert_eq!(
            UserAgent::from_header(Some(&"x".repeat(900)))
                .as_str()
                .len(),
            512
        );
    }
}
