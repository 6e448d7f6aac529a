//! Names for the values of the domain's enums, as both stores write them: text that an operator can read.

use crate::domain::{AlertKind, EndReason};

/// A function each way between an enum's values and their names.
macro_rules! names {
    ($to:ident, $from:ident, $kind:ident, $($value:ident = $name:literal),+ $(,)?) => {
        pub(super) const fn $to(value: $kind) -> &'static str {
            match value { $($kind::$value => $name),+ }
        }

        pub(super) fn $from(name: &str) -> Result<$kind, &'static str> {
            match name {
                $($name => Ok($kind::$value),)+
                _ => Err(concat!("unknown ", stringify!($kind))),
            }
        }
    };
}

names!(
    end_reason_to,
    end_reason_from,
    EndReason,
    Invalidated = "invalidated",
    Replaced = "replaced",
    Expired = "expired",
    NotApproved = "not_approved",
    PasswordChanged = "password_changed",
);

names!(
    alert_kind_to,
    alert_kind_from,
    AlertKind,
    LoginRefused = "login_refused",
    LoginPending = "login_pending",
    LoginApproved = "login_approved",
    LoginNotApproved = "login_not_approved",
    SessionReplaced = "session_replaced",
    SessionInvalidated = "session_invalidated",
    SessionExpired = "session_expired",
    PasswordChanged = "password_changed",
);
