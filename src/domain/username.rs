//! Usernames.

use std::sync::Arc;

use super::{
    InputRule, InvalidInput,
    text::{
        cleaned, collapse_spaces, has_loose_marks, has_visible, is_clean_ascii_line, is_freeform,
        is_hidden, is_plain_text, nfc, nfkc,
    },
};

/// The maximum length of a text before it is normalized, in bytes. A name of 64 characters is far
/// shorter in every normalization form.
const MAX_TEXT_LENGTH: usize = 1024;

/// Shown in place of a stored name that has nothing to see.
const NOTHING_TO_SEE: &str = "\u{FFFD}";

/// A user's name: 1 to 64 characters that a person can see and tell apart.
///
/// A name is normalized to NFC. Its spaces are U+0020, none of them at either end and no two in a
/// row. It has only characters of the FreeformClass of PRECIS (RFC 8264), so no control or format
/// character, and no private or unassigned code point. Names in all scripts are accepted, also
/// those that are written from right to left. Emoji that are made of several characters with
/// U+200D or U+FE0F are rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(Arc<str>);

impl Username {
    const MAX_LENGTH: usize = 64;

    /// Normalizes and checks a new name.
    ///
    /// # Errors
    /// [`InvalidInput`] if the name is empty or too long, has a character that is not permitted, or
    /// has nothing to see.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        let invalid = |rule| Err(InvalidInput::new("username", rule));
        if is_clean_ascii_line(text) && (1..=Self::MAX_LENGTH).contains(&text.len()) {
            return Ok(Self(text.into()));
        }
        if text.len() > MAX_TEXT_LENGTH {
            return invalid(InputRule::Username);
        }
        let name = collapse_spaces(&nfc(text.trim()));
        if !(1..=Self::MAX_LENGTH).contains(&name.chars().count()) {
            return invalid(InputRule::Username);
        }
        if !is_freeform(&name) || has_loose_marks(&name) {
            return invalid(InputRule::UsernameCharacters);
        }
        if !has_visible(&name) {
            return invalid(InputRule::UsernameVisible);
        }
        Ok(Self(name.into()))
    }

    /// Restores a stored name. A name that was stored before the rules of [`Username::parse`]
    /// existed is normalized, and loses the characters that a person cannot see.
    ///
    /// # Errors
    /// [`InvalidInput`] if no version of sessiond can have stored this name.
    pub fn from_stored(text: &str) -> Result<Self, InvalidInput> {
        let is_word = text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_word && (1..=Self::MAX_LENGTH).contains(&text.len()) {
            return Ok(Self(text.into()));
        }
        Self::parse(text).or_else(|invalid| {
            if is_plain_text(text, 1..=Self::MAX_LENGTH) {
                Ok(Self(readable(text).into()))
            } else {
                Err(invalid)
            }
        })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A username as a person typed it to log in. Its normalization form may differ from that of the
/// user's name, and new users may not be allowed to have this name any more.
#[derive(Debug, Clone)]
pub struct TypedUsername(String);

impl TypedUsername {
    /// Accepts each text that can be the name of a user, also of one who registered before the
    /// rules of [`Username::parse`] existed.
    ///
    /// # Errors
    /// [`InvalidInput`] if the text is empty or too long, or contains a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        let name = match Username::parse(text) {
            Ok(Username(name)) => comparable(&name),
            Err(invalid) => {
                let text = text.trim();
                let is_too_long = text.len() > MAX_TEXT_LENGTH
                    || text.chars().count().min(nfc(text).chars().count()) > Username::MAX_LENGTH;
                if is_too_long || !is_plain_text(text, 1..=MAX_TEXT_LENGTH) {
                    return Err(invalid);
                }
                comparable(&readable(text))
            }
        };
        Ok(Self(name))
    }

    /// Whether this is the user's name. Compatibility forms, such as full-width letters, are equal
    /// (RFC 8266, section 2.4), but upper and lower case are not. Joiners are ignored.
    #[must_use]
    pub fn matches(&self, name: &Username) -> bool {
        self.0 == comparable(name.as_str())
    }
}

/// What a person can see of a name that [`Username::parse`] rejects.
fn readable(text: &str) -> String {
    let name = collapse_spaces(&nfc(&cleaned(&nfc(text))));
    if has_visible(&name) {
        name
    } else {
        NOTHING_TO_SEE.to_owned()
    }
}

/// The form in which names are compared.
fn comparable(name: &str) -> String {
    if is_clean_ascii_line(name) {
        return name.to_owned();
    }
    let visible: String = name.chars().filter(|c| !is_hidden(*c)).collect();
    collapse_spaces(&nfkc(&visible))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(text: &str) -> InputRule {
        Username::parse(text).unwrap_err().rule
    }

    #[test]
    fn a_username_is_measured_in_characters_after_normalization() {
        assert!(Username::parse(&"ü".repeat(64)).is_ok());
        assert!(Username::parse(&"u\u{308}".repeat(64)).is_ok());
        for text in [
            "",
            "   ",
            "\u{a0}\u{3000}",
            &"x".repeat(65),
            &"x".repeat(5000),
        ] {
            assert_eq!(rule(text), InputRule::Username, "{text:?}");
        }
    }

    #[test]
    fn a_username_is_normalized() {
        for (text, name) in [
            ("Zoe\u{308}", "Zoë"),
            ("\u{3000}Ada\u{a0} \u{2003}Lovelace\t", "Ada Lovelace"),
            ("각", "각"),
        ] {
            assert_eq!(Username::parse(text).unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_of_any_script_are_accepted() {
        for name in [
            "राजेश कुमार",
            "דוד לוי",
            "محمد علي",
            "علی\u{200c}رضا",
            "क्\u{200d}ष",
            "Zoë 🦀",
            "김철수",
            "'; DROP TABLE users; --",
        ] {
            assert_eq!(Username::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn a_username_that_hides_or_reorders_text_is_rejected() {
        for text in [
            "a\u{7}b",
            "\u{200b}",
            "\u{2060}\u{feff}",
            "Savings\u{202e}knaB",
            "a\u{200d}b",
            "a\u{200c}b",
            "\u{3164}",
            "x\u{e0041}",
            "\u{2764}\u{fe0f}",
            "a\u{2028}b",
            "\u{e000}",
            "\u{378}",
            "\u{10ffff}",
            "\u{301}e",
            "a\u{324}\u{324}\u{324}\u{324}\u{324}\u{324}",
        ] {
            assert_eq!(rule(text), InputRule::UsernameCharacters, "{text:?}");
        }
        for text in ["\u{2800}", "\u{fffc} \u{2800}"] {
            assert_eq!(rule(text), InputRule::UsernameVisible, "{text:?}");
        }
    }

    #[test]
    fn a_typed_name_matches_in_every_normalization_form() {
        let matches = |typed: &str, stored: &str| {
            let name = Username::from_stored(stored).unwrap();
            TypedUsername::parse(typed).unwrap().matches(&name)
        };
        for (typed, stored) in [
            ("Zoe\u{308}", "Zoë"),
            ("Zoë", "Zoe\u{308}"),
            ("Ａｄａ\u{3000}Ｌ", "Ada L"),
            ("Ada\u{a0}L", "Ada L"),
            ("علیرضا", "علی\u{200c}رضا"),
            ("\u{200e}Ada", "Ada"),
        ] {
            assert!(matches(typed, stored), "{typed:?} {stored:?}");
        }
        assert!(!matches("ada", "Ada"));
        assert!(!matches("Ada", "Ada L"));
    }

    #[test]
    fn a_name_that_was_stored_before_the_rules_is_shown_cleaned_and_still_matches() {
        for (stored, shown) in [
            ("\u{200b}", NOTHING_TO_SEE),
            ("Savings\u{202e}knaB", "SavingsknaB"),
            ("Ada  L", "Ada L"),
            ("❤\u{fe0f}", "❤"),
            (&"\u{958}".repeat(64), &"\u{915}\u{93c}".repeat(64)),
        ] {
            let name = Username::from_stored(stored).unwrap();
            assert_eq!(name.as_str(), shown);
            assert!(TypedUsername::parse(stored).unwrap().matches(&name));
        }
        assert!(Username::from_stored("").is_err());
        assert!(Username::from_stored("a\u{0}b").is_err());
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_visible_and_stays_as_it_is(text in "\\PC{0,70}|.{0,70}") {
            if let Ok(name) = Username::parse(&text) {
                prop_assert!(has_visible(name.as_str()));
                let joiners = ['\u{200c}', '\u{200d}'];
                prop_assert!(!name.as_str().chars().any(|c| is_hidden(c) && !joiners.contains(&c)));
                prop_assert_eq!(&Username::parse(name.as_str()).unwrap(), &name);
                prop_assert!(TypedUsername::parse(&text).unwrap().matches(&name));
            }
        }

        /// The rule before normalization was introduced.
        #[test]
        fn every_name_that_was_ever_accepted_still_logs_in(text in "\\PC{1,64}|.{1,64}") {
            let text = text.trim();
            if is_plain_text(text, 1..=64) {
                let name = Username::from_stored(text).unwrap();
                prop_assert!(has_visible(name.as_str()));
                prop_assert!(TypedUsername::parse(text).unwrap().matches(&name));
            }
        }
    }
}
