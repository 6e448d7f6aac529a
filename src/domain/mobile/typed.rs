//! Mobile numbers to look up.

use super::{InvalidInput, Mobile};

/// A mobile number as a person typed it to find a user.
///
/// Before trunk prefixes and `00` were understood, `+4901512345678` and `00491512345678` were
/// numbers of their own. A user who registered with such a number is found by the number in every
/// form, and first of all as it was typed then.
#[derive(Debug, Clone)]
pub struct TypedMobile {
    number: Result<Mobile, InvalidInput>,
    /// The number that versions before [`Mobile::parse`] knew trunk prefixes made of the text, if
    /// it differs.
    former: Option<Mobile>,
}

impl TypedMobile {
    /// Reads a number to look up.
    ///
    /// # Errors
    /// [`InvalidInput`] if the text cannot be the number of any user.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        /// The maximum length of a text in earlier versions, in bytes.
        const MAX_TEXT_LENGTH: usize = 64;
        let number = Mobile::parse(text);
        if number.as_ref().is_ok_and(|number| number.as_str() == text) {
            return Ok(Self {
                number,
                former: None,
            });
        }
        let former = Some(text)
            .filter(|text| text.len() <= MAX_TEXT_LENGTH)
            .map(|text| text.replace([' ', '.', '-', '(', ')'], ""))
            .and_then(|text| Mobile::from_stored(&text).ok())
            .filter(|former| number.as_ref() != Ok(former));
        match (number, former) {
            (Err(invalid), None) => Err(invalid),
            (number, former) => Ok(Self { number, former }),
        }
    }

    /// The numbers under which the user can be stored, one or two. The number as it was typed comes
    /// first: if a user is stored under it, it found that user in earlier versions too.
    pub fn candidates(&self) -> impl Iterator<Item = &Mobile> {
        self.former.iter().chain(&self.number)
    }

    /// The other forms in which an earlier version can have stored the number. They are to be looked
    /// up if no user is stored under a candidate.
    pub fn former_forms(&self) -> impl Iterator<Item = Mobile> {
        let forms = self.number.iter().flat_map(Mobile::former_forms);
        forms.filter(|form| self.former.as_ref() != Some(form))
    }

    /// Whether this is the number of the user who is stored under `stored`.
    #[must_use]
    pub fn matches(&self, stored: &Mobile) -> bool {
        self.candidates().any(|candidate| candidate == stored)
            || self.former_forms().any(|form| form == *stored)
    }

    /// The number that is meant.
    ///
    /// # Errors
    /// [`InvalidInput`] if new users may not register with it.
    pub fn number(&self) -> Result<&Mobile, InvalidInput> {
        self.number.as_ref().map_err(|invalid| *invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(text: &str) -> Vec<String> {
        let typed = TypedMobile::parse(text).unwrap();
        typed.candidates().map(ToString::to_string).collect()
    }

    #[test]
    fn a_number_matches_every_form_in_which_it_was_stored() {
        for text in ["+49 151 2345678", "+49 (0)151 2345678", "0049 151 2345678"] {
            let typed = TypedMobile::parse(text).unwrap();
            for stored in [
                "+491512345678",
                "+4901512345678",
                "00491512345678",
                "004901512345678",
            ] {
                let stored = Mobile::from_stored(stored).unwrap();
                assert!(typed.matches(&stored), "{text} {stored}");
                let is_candidate = typed.candidates().any(|candidate| *candidate == stored);
                let is_former = typed.former_forms().any(|form| form == stored);
                assert!(is_candidate != is_former, "{text} {stored}");
            }
            let other = Mobile::from_stored("491512345678").unwrap();
            assert!(!typed.matches(&other), "{text}");
        }
    }

    #[test]
    fn a_number_is_looked_up_once_unless_an_earlier_version_understood_it_differently() {
        assert_eq!(candidates("+49 151-2345678"), ["+491512345678"]);
        assert_eq!(candidates("901 234-56.78"), ["9012345678"]);
        for text in ["+49 (0)151 2345678", "+4901512345678"] {
            assert_eq!(candidates(text), ["+4901512345678", "+491512345678"]);
        }
        assert_eq!(
            candidates("0049 151 2345678"),
            ["00491512345678", "+491512345678"]
        );
    }

    #[test]
    fn a_number_that_is_not_accepted_any_more_is_still_looked_up() {
        let typed = TypedMobile::parse("+0 151 2345678").unwrap();
        assert!(typed.number().is_err());
        assert!(typed.matches(&Mobile::from_stored("+01512345678").unwrap()));
        for text in ["", "123456", "90123a45678", &"1".repeat(5000)] {
            assert!(TypedMobile::parse(text).is_err(), "{text}");
        }
    }
}
