//! The number and the name of a user, which make a password easy to guess in whatever form they are
//! written.

use super::{Mobile, Username, mobile::ascii_digit, text::nfkc};

/// The number and the name of a user, in the form in which passwords are compared with them.
pub(super) struct OwnWords {
    number: String,
    /// The words of the name.
    words: Vec<String>,
}

impl OwnWords {
    /// The fewest digits that count as the end of the number. A password with fewer digits consists
    /// of something else.
    const MIN_DIGITS: usize = 4;

    /// The fewest digits that count as the end of the number if a prefix is before them.
    const MIN_DIGITS_AFTER_PREFIX: usize = 8;

    /// The longest prefix, which people dial in place of the first digits or before them, as in
    /// `011 49 (0)`. If it is something else, five digits do not protect a password.
    const MAX_PREFIX: usize = 5;

    /// The fewest letters and digits of a name that make a password easy to guess.
    const MIN_NAME: usize = 3;

    pub(super) fn of(mobile: &Mobile, username: &Username) -> Self {
        let name = folded(username.as_str());
        let words = name.split(|c: char| !c.is_alphanumeric());
        Self {
            number: digits_of(mobile.as_str()),
            words: words
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    }

    /// The words of the name.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str)
    }

    /// Whether the password is the number or the name. Case, punctuation and spaces do not matter,
    /// nor do leading zeros of the number and digits around the name. The end of the number is
    /// enough, and so are some words of the name.
    pub(super) fn contain(&self, password: &str) -> bool {
        let mut password = folded(password);
        password.retain(char::is_alphanumeric);
        self.is_number(&password) || self.is_name(&password)
    }

    fn is_number(&self, password: &str) -> bool {
        if !password.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
        let digits = digits_of(password);
        let pairs = digits.bytes().rev().zip(self.number.bytes().rev());
        let common = pairs.take_while(|(a, b)| a == b).count();
        let prefix = digits.len() - common;
        match prefix {
            0 => common >= Self::MIN_DIGITS,
            _ => common >= Self::MIN_DIGITS_AFTER_PREFIX && prefix <= Self::MAX_PREFIX,
        }
    }

    fn is_name(&self, password: &str) -> bool {
        let core = without_outer_digits(password);
        (0..self.words.len()).any(|first| {
            let mut joined = String::new();
            self.words[first..].iter().any(|word| {
                joined += word;
                let own = without_outer_digits(&joined);
                own.chars().count() >= Self::MIN_NAME && (joined == password || own == core)
            })
        })
    }
}

/// The text in a form in which upper and lower case are equal, compatibility forms too, and the
/// digits of all scripts. The upper case comes first, because it makes `ς` and `σ` equal.
fn folded(text: &str) -> String {
    nfkc(text)
        .chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .map(|c| ascii_digit(c).unwrap_or(c))
        .collect()
}

/// The digits from the first one on that is not zero.
fn digits_of(text: &str) -> String {
    let digits = text.chars().filter(char::is_ascii_digit);
    digits.skip_while(|digit| *digit == '0').collect()
}

/// The text without the digits at its ends, or all of it if it has nothing else.
fn without_outer_digits(text: &str) -> &str {
    match text.trim_matches(|c: char| c.is_ascii_digit()) {
        "" => text,
        rest => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_own(mobile: &str, name: &str, password: &str) -> bool {
        let (mobile, name) = (
            Mobile::parse(mobile).unwrap(),
            Username::parse(name).unwrap(),
        );
        OwnWords::of(&mobile, &name).contain(password)
    }

    #[test]
    fn a_number_is_known_in_every_form_in_which_people_dial_it() {
        for (mobile, passwords) in [
            (
                "+4915103141218",
                &[
                    "+4915103141218",
                    "4915103141218",
                    "004915103141218",
                    "015103141218",
                    "15103141218",
                    "03141218",
                    "+49 151 03141218",
                    "+49 (0)151/0314.12-18",
                    "0049 (0) 151 03141218!",
                    "01149 151 03141218",
                    "０１５１０３１４１２１８",
                    "٠١٥١٠٣١٤١٢١٨",
                ][..],
            ),
            ("+79123456789", &["89123456789", "8~10 7 912 345-67-89"]),
            ("015103141218", &["+49 151 03141218", "15103141218"]),
        ] {
            for password in passwords {
                assert!(are_own(mobile, "N", password), "{mobile} {password}");
            }
        }
        for password in [
            "4915103141219",
            "15103141218 correct horse",
            "98765415103141218",
            "72903141218431",
            "#?%&!/*218",
            "#?%&!/*-",
            "00000000",
            "correct horse",
        ] {
            assert!(!are_own("+4915103141218", "N", password), "{password}");
        }
    }

    #[test]
    fn a_name_is_known_by_any_of_its_words_with_any_digits_around_them() {
        for (name, passwords) in [
            (
                "Zebulon Quuxington",
                &[
                    "Zebulon1",
                    "Quuxington",
                    "QUUXINGTON",
                    "Quuxington1!",
                    "zebulonquuxington",
                    "Zebulon.Quuxington",
                    "20241217Zebulon_Quuxington19981224",
                    "Ｑuuxington",
                ][..],
            ),
            (
                "Anne Marie von Trapp",
                &["marievon!", "Anne-Marie", "vontrapp"],
            ),
            (
                "Ada99 Lovelace",
                &["Ada99!!!", "ada12345", "ada99lovelace7"],
            ),
            ("Παύλος Μελάς", &["ΠΑΎΛΟΣ12", "παύλοςμελάς"]),
            ("Jürgen Groß", &["JÜRGENGROSS", "ju\u{308}rgen12"]),
        ] {
            for password in passwords {
                assert!(
                    are_own("+491512345678", name, password),
                    "{name} {password}"
                );
            }
        }
        for password in [
            "quuxingtonzebulon",
            "Quuxington lantern",
            "Quux1ngton",
            "3141592!",
        ] {
            let is_own = are_own("+491512345678", "Zebulon Quuxington", password);
            assert!(!is_own, "{password}");
        }
        for (name, password) in [
            ("J Smith", "J8392017465520193847"),
            ("J Smith", "&#j)%^!*}{?<>~@;"),
            ("Li", "71829304657li82930"),
            ("Nguyễn Văn A", "a93847561029384"),
            ("12", "&#1)%2!*}{?<>~@;"),
        ] {
            assert!(!are_own("+491512345678", name, password), "{password}");
        }
    }
}
