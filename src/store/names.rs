//! The texts that both stores write for the values of the domain's enums. An operator can read them
//! in the database.

use crate::domain::{AlertKind, EndReason, EndedBy};

/// Defines two functions: one returns the text of an enum's value, and the other parses it.
macro_rules! names {
    (
        $to_name:ident,
        $from_name:ident,
        $enum:ident,
        $($value:ident $(($by:ident $(($ended_by:path))?))? = $name:literal),+ $(,)?
    ) => {
        pub(super) const fn $to_name(value: $enum) -> &'static str {
            match value {
                $($enum::$value $(($by $(($ended_by))?))? => $name),+
            }
        }

        pub(super) fn $from_name(name: &str) -> Result<$enum, &'static str> {
            match name {
                $($name => Ok($enum::$value $(($by $(($ended_by))?))?),)+
                _ => Err(concat!("unknown ", stringify!($enum))),
            }
        }
    };
}

names!(
    end_reason_name,
    end_reason_from_name,
    EndReason,
    Invalidated(None) = "invalidated",
    Invalidated(Some(EndedBy::Itself)) = "invalidated_by_itself",
    Invalidated(Some(EndedBy::OtherDevice)) = "invalidated_by_other_device",
    Invalidated(Some(EndedBy::Service)) = "invalidated_by_service",
    Replaced = "replaced",
    Expired = "expired",
    NotApproved = "not_approved",
    PasswordChanged = "password_changed",
    Frozen = "frozen",
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
    SessionInvalidated(None) = "session_invalidated",
    SessionInvalidated(Some(EndedBy::Itself)) = "session_invalidated_by_itself",
    SessionInvalidated(Some(EndedBy::OtherDevice)) = "session_invalidated_by_other_device",
    SessionInvalidated(Some(EndedBy::Service)) = "session_invalidated_by_service",
    SessionExpired = "session_expired",
    PasswordChanged = "password_changed",
    AccountFrozen = "account_frozen",
    AccountUnfrozen = "account_unfrozen",
);
