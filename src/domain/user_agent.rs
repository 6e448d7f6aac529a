//! User agents.

use super::{InputRule, InvalidInput, text::is_plain_text};

/// A client's description of itself (RFC 9110, section 10.1.5): 1 to 512 characters without control
/// characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAgent(String);

impl UserAgent {
    const MAX_LENGTH: usize = 512;

    /// The text for a client that sends no user agent.
    const UNKNOWN: &str = "unknown";

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

    /// Converts a request's `User-Agent` header, whatever bytes it holds. Replaces what is not
    /// UTF-8, removes control characters, and truncates the rest. If no text remains, or if
    /// `header` is `None`, the user agent is `unknown`. A client's header must not prevent its
    /// login.
    #[must_use]
    pub fn from_header(header: Option<&[u8]>) -> Self {
        let text: String = String::from_utf8_lossy(header.unwrap_or_default())
            .chars()
            .filter(|c| !c.is_control())
            .take(Self::MAX_LENGTH)
            .collect();
        Self(if text.is_empty() {
            Self::UNKNOWN.to_owned()
        } else {
            text
        })
    }

    /// Whether the text says something that can tell one device from another. It does not if the
    /// client sent no user agent or an empty one, called itself `unknown`, or sent bytes that could not be read and
    /// were replaced by U+FFFD.
    #[must_use]
    pub fn is_known(&self) -> bool {
        let text = self.0.trim();
        !text.is_empty()
            && !text.eq_ignore_ascii_case(Self::UNKNOWN)
            && !text.contains(char::REPLACEMENT_CHARACTER)
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
    fn a_user_agent_that_says_nothing_is_not_known() {
        for known in [
            "Firefox",
            "unknown browser",
            "Überland/0.16 (iPhone; iOS 17.5)",
        ] {
            assert!(UserAgent::parse(known).unwrap().is_known(), "{known}");
        }
        for unknown in [
            " ",
            "unknown",
            "Unknown",
            " UNKNOWN ",
            "\u{fffd}berland/0.16",
        ] {
            assert!(!UserAgent::parse(unknown).unwrap().is_known(), "{unknown}");
        }
        assert!(!UserAgent::from_header(None).is_known());
    }

    #[test]
    fn a_header_is_truncated_and_cleaned_instead_of_rejected() {
        assert_eq!(UserAgent::from_header(None).as_str(), "unknown");
        assert_eq!(UserAgent::from_header(Some(b"a\tb")).as_str(), "ab");
        assert_eq!(
            UserAgent::from_header(Some("x".repeat(900).as_bytes()))
                .as_str()
                .len(),
            512
        );
    }

    #[test]
    fn a_header_outside_ascii_is_kept_as_far_as_it_is_utf_8() {
        for (header, text) in [
            (
                "Überland/0.16 (iPhone; iOS 17.5)".as_bytes(),
                "Überland/0.16 (iPhone; iOS 17.5)",
            ),
            (
                b"\xdcberland/0.16 (iPhone; iOS 17.5)",
                "\u{fffd}berland/0.16 (iPhone; iOS 17.5)",
            ),
        ] {
            assert_eq!(UserAgent::from_header(Some(header)).as_str(), text);
        }
    }
}
