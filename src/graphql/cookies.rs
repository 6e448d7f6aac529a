//! The cookie of a session, as the resolvers see it: what a mutation changes about it. The transport
//! reads and writes the header.

use std::{fmt, mem};

use parking_lot::Mutex;

use crate::{domain::Timestamp, service::NewSession};

/// The cookie of one request over plain HTTP. An entry in the data of the request. Other transports
/// have no response that could set a cookie.
#[derive(Debug)]
pub struct CookieSlot {
    /// Whether the request was authenticated by its cookie.
    authenticated: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_claimed: bool,
    change: Option<CookieChange>,
}

/// What the response does with the cookie.
pub enum CookieChange {
    /// It gets this token, until the session cannot be valid any more.
    Set {
        /// The token of a session.
        token: String,
        /// The end of the session's lifetime.
        until: Timestamp,
    },
    /// It is removed.
    Clear,
}

/// Hides the token.
impl fmt::Debug for CookieChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Set { .. } => "Set",
            Self::Clear => "Clear",
        })
    }
}

impl CookieSlot {
    /// Creates the slot of a request.
    #[must_use]
    pub fn new(authenticated: bool) -> Self {
        Self {
            authenticated,
            state: Mutex::default(),
        }
    }

    /// Returns whether the request was authenticated by its cookie.
    pub(super) const fn has_authenticated(&self) -> bool {
        self.authenticated
    }

    /// Takes what the response does with the cookie.
    #[must_use]
    pub fn take(&self) -> Option<CookieChange> {
        self.state.lock().change.take()
    }

    /// Reserves the cookie for one mutation of the request. Returns false if another one has it.
    pub(super) fn claim(&self) -> bool {
        !mem::replace(&mut self.state.lock().is_claimed, true)
    }

    /// Puts the token of a new session into the cookie.
    pub(super) fn set(&self, opened: &NewSession) {
        self.state.lock().change = Some(CookieChange::Set {
            token: opened.token.reveal(),
            until: opened.session.lifetime_ends_at,
        });
    }

    /// Removes the cookie, because its session has ended, unless the request has none or another
    /// mutation of it has opened a new session.
    pub(super) fn session_ended(&self) {
        let change = &mut self.state.lock().change;
        if self.authenticated && !matches!(change, Some(CookieChange::Set { .. })) {
            *change = Some(CookieChange::Clear);
        }
    }
}
