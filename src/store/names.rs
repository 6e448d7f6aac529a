//! The texts that both stores write for the values of the domain's enums. An operator can read them
//! in the database.

use crate::domain::{AlertKind, EndReason};

/// Defines two functions: one returns the text of an enum's value, and the other parses it.
macro_rules! names {
    ($to_name:ident, $from_name:ident, $enum:ident, $($value:ident = $name:literal),+ $(,)?) => {
        pub(super) const fn $to_name(value: $enum) -> &'static str {
            match value { $($enum::$value => $name),+ }
        }

        pub(super) fn $from_name(name: &str) -> Result<$enum, &'static str> {
            match name {
                $($name => Ok($enum::$value),)+
                _ => Err(concat!("unknown ", stringify!($enum))),
            }
        }
    };
}

names!(
    end_reason_name,
    end_reason_from_name,
    EndReason,
    Invalidated = "invalidated",
    Replaced = "replaced",
    Expired = "expired",
    NotApproved = "not_approved",
    PasswordChanged = "password_changed",
);

names!(
    alert_kind_name,
    alert_kind_from_name,
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
