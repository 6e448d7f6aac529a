//! Frozen users: no session of a frozen user is valid, and no login succeeds.

use super::{
    InputRule, InvalidInput, Timestamp,
    text::{has_visible, is_hidden, is_plain_text},
};

/// The state of a user who is frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// The time of the first command by which the service or the session, as `by` says, froze the
    /// user.
    pub since: Timestamp,
    /// The time when the freeze ends by itself. `None` if only the service can end it.
    pub until: Option<Timestamp>,
    /// Who froze the user.
    pub by: FrozenBy,
    /// The reason, if one was given.
    pub reason: Option<FreezeReason>,
}

/// Who froze a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrozenBy {
    /// The service.
    Service,
    /// The device that had the user's active session.
    Session,
}

/// The reason for a freeze: 1 to 200 characters, none of which is hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezeReason(Box<str>);

impl FreezeReason {
    /// Parses the reason in an input.
    ///
    /// # Errors
    /// [`InputRule::FreezeReason`] for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        let is_valid =
            is_plain_text(text, 1..=200) && has_visible(text) && !text.chars().any(is_hidden);
        if is_valid {
            Ok(Self(text.into()))
        } else {
            Err(InvalidInput::new("reason", InputRule::FreezeReason))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Freeze {
    /// Whether the freeze holds at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Adapts the freeze to a clock that was set back to `now`, so that it ends no later than its
    /// whole duration after `now`.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        if self.since.is_ahead_of(now) {
            let since = self.since;
            self.until = self
                .until
                .map(|until| until.min(now.plus(until.since(since))));
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_something_to_see_and_nothing_hidden() {
        for text in ["stolen phone", "Gestohlen, siehe Fall 7", &"x".repeat(200)] {
            assert_eq!(FreezeReason::parse(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            " ",
            "a\nb",
            "a\u{202E}b",
            "a\u{200B}b",
            &"x".repeat(201),
        ] {
            assert!(FreezeReason::parse(text).is_err(), "{text:?}");
        }
    }
}
