//! Mobile numbers.

use std::fmt;

use super::{InputRule, InvalidInput};

/// A mobile number: 7 to 15 ASCII digits (ITU-T E.164), with or without a leading `+`.
///
/// A number with `+` is international. A number without it has the form that the operator's users
/// dial. Numbers of the two forms are never equal.
///
/// `Debug` masks the number. `Display` does not, so it must not be used in logs.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mobile(String);

impl Mobile {
    /// Removes spaces, dots, hyphens and parentheses, and checks the rest.
    ///
    /// # Errors
    /// [`InvalidInput`] if `text` has any other character, or too few or too many digits.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        /// The maximum length of the text, in bytes. It is checked before the text is copied. It
        /// leaves enough room for the usual punctuation.
        const MAX_TEXT_LENGTH: usize = 64;
        const INVALID: InvalidInput = InvalidInput::new("mobile", InputRule::Mobile);
        if text.len() > MAX_TEXT_LENGTH {
            return Err(INVALID);
        }
        let number: String = text
            .chars()
            .filter(|c| !matches!(c, ' ' | '.' | '-' | '(' | ')'))
            .collect();
        let digits = number.strip_prefix('+').unwrap_or(&number);
        if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(INVALID);
        }
        Ok(Self(number))
    }

    /// The number without punctuation.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number with all characters except the last two hidden, for logs.
    #[must_use]
    pub fn masked(&self) -> String {
        let hidden = self.0.len() - 2;
        format!("{}{}", "*".repeat(hidden), &self.0[hidden..])
    }
}

impl fmt::Display for Mobile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Mobile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mobile_number_keeps_its_plus_and_loses_its_punctuation() {
        assert_eq!(
            Mobile::parse("+49 (151) 234-567.8").unwrap().as_str(),
            "+491512345678"
        );
        assert_eq!(Mobile::parse("9012345678").unwrap().as_str(), "9012345678");
    }

    #[test]
    fn a_text_of_any_other_form_is_rejected() {
        for text in [
            "",
            "123456",
            "1234567890123456",
            "12345678+",
            "++1234567",
            "123456a8",
            "１２３４５６７８",
            "1\n234567",
        ] {
            assert!(Mobile::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn debug_masks_a_mobile_number() {
        assert_eq!(
            format!("{:?}", Mobile::parse("9012345678").unwrap()),
            "********78"
        );
    }
}
