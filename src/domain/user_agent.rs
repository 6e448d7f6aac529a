//! User agents.

use std::sync::Arc;

use super::{
    InputRule, InvalidInput,
    text::{cleaned_line, has_visible, is_clean_ascii_line, is_plain_text},
};

/// A client's description of itself (RFC 9110, section 10.1.5): 1 to 512 characters.
///
/// A person reads it to decide whether to approve a login. Characters that show nothing, reorder
/// text or draw over it are therefore removed, however the text arrives: in a header, in an input,
/// or from a store that an earlier version wrote.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserAgent(Arc<str>);

impl UserAgent {
    const MAX_LENGTH: usize = 512;

    /// The text for a client that sends no user agent.
    pub(super) const UNKNOWN: &str = "unknown";

    /// Cleans and checks the user agent of an input.
    ///
    /// # Errors
    /// [`InvalidInput`] if the text is empty, has nothing to see, is too long, or contains a
    /// control character.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        Some(text)
            .filter(|text| is_plain_text(text, 1..=Self::MAX_LENGTH))
            .and_then(Self::cleaned)
            .ok_or(InvalidInput::new("userAgent", InputRule::UserAgent))
    }

    /// Whether the two are copies of one, which share their text.
    #[must_use]
    pub fn is_same_text(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Converts a request's `User-Agent` header, whatever bytes it holds. Replaces what is not
    /// UTF-8, cleans the text, and truncates it. If no text remains, or if `header` is `None`, the
    /// user agent is `unknown`. A client's header must not prevent its login.
    #[must_use]
    pub fn from_header(header: Option<&[u8]>) -> Self {
        header
            .and_then(|header| Self::cleaned(&String::from_utf8_lossy(header)))
            .map_or_else(Self::unknown, |Self(text)| {
                let end = text.char_indices().nth(Self::MAX_LENGTH);
                let end = end.map_or(text.len(), |(end, _)| end);
                Self(text[..end].trim_end().into())
            })
    }

    /// Restores a stored user agent. Cleans one that was stored before user agents were cleaned.
    ///
    /// # Errors
    /// [`InvalidInput`] if no version of sessiond can have stored this user agent.
    pub fn from_stored(text: &str) -> Result<Self, InvalidInput> {
        // Almost every user agent is such a text. It is read with each session and each alert.
        if is_clean_ascii_line(text) && (1..=Self::MAX_LENGTH).contains(&text.len()) {
            return Ok(Self(text.into()));
        }
        if !is_plain_text(text, 1..=Self::MAX_LENGTH) {
            return Err(InvalidInput::new("userAgent", InputRule::UserAgent));
        }
        Ok(Self::cleaned(text).unwrap_or_else(Self::unknown))
    }

    /// Whether the text can distinguish devices. It cannot if the client sent no user agent, called
    /// itself `unknown`, or sent bytes that are not UTF-8 and were replaced by U+FFFD.
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

    /// Adds an end of plain text. Truncates the rest so that the user agent is not too long.
    pub(super) fn with_end(&self, end: &str) -> Self {
        let kept = Self::MAX_LENGTH.saturating_sub(end.chars().count());
        let cut = self.0.char_indices().nth(kept);
        let cut = cut.map_or(self.0.len(), |(cut, _)| cut);
        Self(format!("{}{end}", self.0[..cut].trim_end()).into())
    }

    fn cleaned(text: &str) -> Option<Self> {
        let text = cleaned_line(text);
        has_visible(&text).then(|| Self(text.into()))
    }

    fn unknown() -> Self {
        Self(Self::UNKNOWN.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::text::is_hidden;

    #[test]
    fn a_user_agent_that_says_nothing_is_not_known() {
        for known in [
            "Firefox",
            "unknown browser",
            "Überland/0.16 (iPhone; iOS 17.5)",
        ] {
            assert!(UserAgent::parse(known).unwrap().is_known(), "{known}");
        }
        for unknown in ["unknown", "Unknown", " UNKNOWN ", "\u{fffd}berland/0.16"] {
            assert!(!UserAgent::parse(unknown).unwrap().is_known(), "{unknown}");
        }
        assert!(!UserAgent::from_header(None).is_known());
    }

    #[test]
    fn a_header_is_truncated_and_cleaned_instead_of_rejected() {
        for header in [None, Some(""), Some("\u{200b} \u{202e}"), Some("\u{2800}")] {
            let header = header.map(str::as_bytes);
            assert_eq!(UserAgent::from_header(header).as_str(), "unknown");
        }
        assert_eq!(UserAgent::from_header(Some(b"a\tb")).as_str(), "ab");
        assert_eq!(
            UserAgent::from_header(Some("ü".repeat(900).as_bytes()))
                .as_str()
                .chars()
                .count(),
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

    #[test]
    fn a_user_agent_cannot_reorder_the_text_around_it() {
        let text = "\u{202e}99.001.15.891 ta enohPi ruoy";
        for user_agent in [
            UserAgent::parse(text),
            UserAgent::from_stored(text),
            Ok(UserAgent::from_header(Some(text.as_bytes()))),
        ] {
            assert_eq!(user_agent.unwrap().as_str(), "99.001.15.891 ta enohPi ruoy");
        }
        for text in ["\u{200b}", " ", "a\nb", &"x".repeat(513)] {
            assert!(UserAgent::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_user_agent_has_no_gap_however_it_arrives() {
        let text = format!("Chrome{}128\u{2800} x", " ".repeat(40));
        for user_agent in [
            UserAgent::parse(&text),
            UserAgent::from_stored(&text),
            UserAgent::from_stored("Chrome  128  x"),
            Ok(UserAgent::from_header(Some(text.as_bytes()))),
        ] {
            assert_eq!(user_agent.unwrap().as_str(), "Chrome 128 x");
        }
    }

    proptest! {
        #[test]
        fn every_source_gives_a_visible_text_without_hidden_characters(text in ".{0,600}") {
            let user_agents = [
                Some(UserAgent::from_header(Some(text.as_bytes()))),
                UserAgent::parse(&text).ok(),
                UserAgent::from_stored(&text).ok(),
            ];
            for user_agent in user_agents.into_iter().flatten() {
                let shown = user_agent.as_str();
                prop_assert!(has_visible(shown) && !shown.chars().any(is_hidden));
                prop_assert!(shown.chars().count() <= 512);
                prop_assert_eq!(&UserAgent::from_stored(shown).unwrap(), &user_agent);
            }
        }
    }
}
