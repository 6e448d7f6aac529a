use std::{fmt, net::IpAddr};

use super::{InputRule, InvalidInput};

/// A mobile number: 7 to 15 ASCII digits (ITU-T E.164), with or without a leading `+`.
///
/// With `+` it is international, without it is whatever the operator's users dial, so the two are different numbers.
/// `Debug` masks it; `Display` does not, and is never given to a log.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mobile(String);

impl Mobile {
    /// Leaves out blanks, dots, dashes and parentheses, and checks the rest.
    ///
    /// # Errors
    /// [`InvalidInput`] where anything else stands in `text`, or the digits are too few or too many.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        const PROBLEM: InvalidInput = InvalidInput::new("mobile", InputRule::Mobile);
        // Longer than any number with its punctuation: refused before it is copied.
        if text.len() > 64 {
            return Err(PROBLEM);
        }
        let kept: String = text
            .chars()
            .filter(|c| !matches!(c, ' ' | '.' | '-' | '(' | ')'))
            .collect();
        let digits = kept.strip_prefix('+').unwrap_or(&kept);
        if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(PROBLEM);
        }
        Ok(Self(kept))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number with all but its last two digits hidden, for logs.
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

/// A user's name: 1 to 64 characters, none of them a control character, blanks at either end left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// # Errors
    /// [`InvalidInput`] where the name is empty, too long, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        let text = text.trim();
        if !fits(text, 1, 64) {
            return Err(InvalidInput::new("username", InputRule::Username));
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a client says it is (RFC 9110, 10.1.5): at most 512 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAgent(String);

impl UserAgent {
    const LIMIT: usize = 512;

    /// # Errors
    /// [`InvalidInput`] where the text is empty, too long, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        if !fits(text, 1, Self::LIMIT) {
            return Err(InvalidInput::new("userAgent", InputRule::UserAgent));
        }
        Ok(Self(text.to_owned()))
    }

    /// What a request's header says: cut where it is too long, `unknown` where there is none that can be read,
    /// since no client should be kept from logging in by its User-Agent.
    #[must_use]
    pub fn from_header(header: Option<&str>) -> Self {
        let kept: String = header
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control())
            .take(Self::LIMIT)
            .collect();
        Self(if kept.is_empty() {
            "unknown".to_owned()
        } else {
            kept
        })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that a device made up for itself and keeps: 1 to 128 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceId(String);

impl DeviceId {
    /// # Errors
    /// [`InvalidInput`] where the name is empty, too long, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        if !fits(text, 1, 128) {
            return Err(InvalidInput::new("deviceId", InputRule::DeviceId));
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A password as it was typed: 8 to 256 characters. Never shown, never kept.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Checks a password that is to be set.
    ///
    /// # Errors
    /// [`InvalidInput`] for `field` where it is too short or too long.
    pub fn parse(field: &'static str, text: String) -> Result<Self, InvalidInput> {
        if !(8..=256).contains(&text.chars().take(257).count()) {
            return Err(InvalidInput::new(field, InputRule::NewPassword));
        }
        Ok(Self(text))
    }

    /// Takes a password that is to be compared: one that could never have been set is merely wrong,
    /// but one too long is not worth hashing.
    ///
    /// # Errors
    /// [`InvalidInput`] for `field` where it is too long.
    pub fn attempt(field: &'static str, text: String) -> Result<Self, InvalidInput> {
        if text.chars().take(257).count() > 256 {
            return Err(InvalidInput::new(field, InputRule::PasswordLength));
        }
        Ok(Self(text))
    }

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

/// Reads an address that the service states for a device: IPv4 or IPv6, without a port.
///
/// # Errors
/// [`InvalidInput`] where the text is no address.
pub fn parse_address(text: &str) -> Result<IpAddr, InvalidInput> {
    text.parse()
        .map_err(|_| InvalidInput::new("ipAddress", InputRule::IpAddress))
}

fn fits(text: &str, least: usize, most: usize) -> bool {
    // A character takes at most four bytes: an absurd length is refused without counting it.
    text.len() <= most * 4
        && (least..=most).contains(&text.chars().count())
        && !text.chars().any(char::is_control)
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
    fn a_mobile_number_of_other_shape_is_refused() {
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
    fn a_mobile_number_is_masked_in_debug_output() {
        assert_eq!(
            format!("{:?}", Mobile::parse("9012345678").unwrap()),
            "********78"
        );
    }

    #[test]
    fn names_count_characters_and_refuse_control_characters() {
        assert!(Username::parse(&"ü".repeat(64)).is_ok());
        for text in ["", "   ", "a\u{7}b", &"x".repeat(65)] {
            assert!(Username::parse(text).is_err(), "{text:?}");
        }
        assert!(Password::parse("password", "1234567".into()).is_err());
        assert!(Password::parse("password", "x".repeat(257)).is_err());
    }

    #[test]
    fn a_user_agent_header_is_cut_and_cleaned_rather_than_refused() {
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
