//! Passwords in plain text.

use std::{fmt, iter};

use zxcvbn::zxcvbn;

use super::{InputRule, InvalidInput, Mobile, Username, own_words::OwnWords, text::nfkc};

/// A password as the user typed it. It is never stored, and `Debug` hides it.
///
/// Keyboards and systems write the same characters in different forms. A password is therefore
/// normalized to NFKC before it is hashed (NIST SP 800-63B-4, section 3.1.1.2), and its length is
/// that of the normalized text.
#[derive(Clone)]
pub struct Password {
    /// The text to hash, or to verify first.
    text: String,
    /// The text as it was typed, if it has another form. Versions before passwords were normalized
    /// hashed this text.
    unnormalized: Option<String>,
}

impl Password {
    const MIN_LENGTH: usize = 8;
    const MAX_LENGTH: usize = 256;

    /// The decimal logarithm of the number of guesses that a new password must withstand. At the
    /// default limit of one more failed login every 30 s, a million guesses take a year.
    const MIN_GUESSES_LOG10: f64 = 6.0;

    /// The number of characters that are estimated. The time of an estimate rises with the square
    /// of the length, and more characters cannot make a password easier to guess.
    const ESTIMATED_LENGTH: usize = 64;

    /// The maximum length of a text before it is normalized, in bytes: enough for 256 characters of
    /// which each is written as four characters of four bytes.
    const MAX_TEXT_LENGTH: usize = 4096;

    /// Checks a new password: 8 to 256 characters.
    ///
    /// # Errors
    /// [`InvalidInput`] for `field` if the password is too short or too long.
    pub fn parse(field: &'static str, text: String) -> Result<Self, InvalidInput> {
        let permitted = Self::MIN_LENGTH..=Self::MAX_LENGTH;
        let text = Some(text)
            .filter(|text| text.len() <= Self::MAX_TEXT_LENGTH)
            .map(|text| nfkc(&text).into_owned())
            .filter(|text| permitted.contains(&length(text)))
            .ok_or(InvalidInput::new(field, InputRule::NewPassword))?;
        Ok(Self {
            text,
            unnormalized: None,
        })
    }

    /// Rejects a new password that would be guessed early: a common one, one that is made of common
    /// words, of patterns, or of the number and the name of its user, and every form of these (NIST SP
    /// 800-63B-4, section 3.1.1.2; OWASP ASVS 5.0, 6.2.4 and 6.2.11). The estimate may take
    /// milliseconds.
    ///
    /// # Errors
    /// [`InvalidInput`] for `field` if the password is guessable.
    pub fn reject_guessable(
        &self,
        field: &'static str,
        mobile: &Mobile,
        username: &Username,
    ) -> Result<(), InvalidInput> {
        let own = OwnWords::of(mobile, username);
        let mut words = vec![mobile.as_str(), username.as_str()];
        words.extend(own.words());
        let start: String = self.text.chars().take(Self::ESTIMATED_LENGTH).collect();
        if own.contain(&self.text)
            || zxcvbn(&start, &words).guesses_log10() < Self::MIN_GUESSES_LOG10
        {
            return Err(InvalidInput::new(field, InputRule::GuessablePassword));
        }
        Ok(())
    }

    /// Accepts a password to verify, of at most 256 characters. A password that is too short is
    /// verified like any other. A password that is too long is rejected, because it cannot match
    /// and hashing it would waste time.
    ///
    /// # Errors
    /// [`InvalidInput`] for `field` if the password is too long.
    pub fn for_verification(field: &'static str, text: String) -> Result<Self, InvalidInput> {
        let is_too_long = |text: &str| length(text) > Self::MAX_LENGTH;
        if text.len() > Self::MAX_TEXT_LENGTH {
            return Err(InvalidInput::new(field, InputRule::PasswordLength));
        }
        let normalized = nfkc(&text).into_owned();
        match (is_too_long(&normalized), is_too_long(&text)) {
            (true, true) => Err(InvalidInput::new(field, InputRule::PasswordLength)),
            // Normalization can make a text longer. Only an earlier version can have hashed it.
            (true, false) => Ok(Self {
                text,
                unnormalized: None,
            }),
            (false, is_too_long) => Ok(Self {
                unnormalized: (!is_too_long && text != normalized).then_some(text),
                text: normalized,
            }),
        }
    }

    /// The bytes to hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The texts to verify, one after the other. There is a second one only if normalization
    /// changes the text. It matches a hash that was made before passwords were normalized.
    pub fn candidates(&self) -> impl Iterator<Item = &[u8]> {
        let texts = iter::once(&self.text).chain(&self.unnormalized);
        texts.map(String::as_bytes)
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

    fn candidates(text: &str) -> Vec<String> {
        let password = Password::for_verification("password", text.to_owned()).unwrap();
        let texts = password.candidates();
        texts
            .map(|text| String::from_utf8(text.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn a_new_password_has_8_to_256_characters_after_normalization() {
        let is_accepted = |text: &str| Password::parse("password", text.to_owned()).is_ok();
        for text in [
            "12345678",
            &"x".repeat(256),
            &"u\u{308}".repeat(256),
            // One character that stands for eighteen.
            "\u{fdfa}",
        ] {
            assert!(is_accepted(text), "{text}");
        }
        for text in [
            "1234567",
            &"x".repeat(257),
            &"u\u{308}".repeat(7),
            &"\u{fdfa}".repeat(15),
            &"x".repeat(100_000),
        ] {
            assert!(!is_accepted(text), "{text}");
        }
    }

    #[test]
    fn a_password_is_the_same_in_every_form_in_which_a_system_writes_it() {
        for text in ["Gru\u{308}n\u{a0}ﬁ12", "Grün\u{3000}fi12", "Ｇｒün fi１２"] {
            assert_eq!(candidates(text), ["Grün fi12", text]);
        }
        assert_eq!(candidates("Grün fi12"), ["Grün fi12"]);
    }

    #[test]
    fn a_password_from_before_normalization_is_verified_as_it_was_typed() {
        let text = "\u{fdfa}".repeat(20);
        assert_eq!(candidates(&text), std::slice::from_ref(&text));
        let too_long = Password::for_verification("password", "\u{fdfa}".repeat(257));
        assert_eq!(too_long.unwrap_err().rule, InputRule::PasswordLength);
    }

    /// The estimates are those of zxcvbn 3.1.1.
    #[test]
    fn a_common_password_a_pattern_and_the_texts_of_the_user_are_guessable() {
        let is_accepted = |text: &str| {
            let password = Password::parse("password", text.to_owned()).unwrap();
            let mobile = Mobile::parse("+491512345678").unwrap();
            let username = Username::parse("SavingsBank").unwrap();
            let result = password.reject_guessable("password", &mobile, &username);
            result.is_ok()
        };
        for text in [
            "password",
            "P@ssw0rd",
            "12345678",
            "qwertyuiop",
            "iloveyou1",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "abcabcabcabc",
            "24.12.1998",
            "SavingsBank",
            "savingsbank1",
            "+491512345678",
            "01512345678",
            "$avingsBank!",
            "password\u{ff11}",
            &"password".repeat(32),
        ] {
            assert!(!is_accepted(text), "{text}");
        }
        for text in ["correct horse", "grave lantern 7", "xK3$pm9w", "Grün fi12"] {
            assert!(is_accepted(text), "{text}");
        }
    }

    #[test]
    fn debug_hides_a_password() {
        let password = Password::parse("password", "correct horse".into()).unwrap();
        assert_eq!(format!("{password:?}"), "[password]");
    }
}
