//! The inputs of the mutations.

use async_graphql::{Enum, ID, InputObject};

use super::scalars::DateTime;
use crate::{
    domain::{InvalidInput, Password, TypedMobile, TypedUsername, rules},
    service::{DeviceInput, Login},
};

/// Input of `createUser`.
#[derive(InputObject)]
pub(super) struct CreateUserInput {
    /// The mobile number to register: 7 to 15 digits (ITU-T E.164), with or without a leading `+`.
    ///
    /// Spaces, dashes, dots, slashes, parentheses, invisible characters and a leading `tel:` are
    /// removed, and digits of other scripts become ASCII digits. `00` at the start means `+`. After
    /// a country code, the trunk prefix is removed: `+49 (0)151 2345678` and `0049 151 2345678` are
    /// the number `+491512345678`. A 0 that belongs to the number stays, as in Italy. A number with
    /// an extension is rejected.
    ///
    /// A number without `+` or `00` is kept as it is. It is never equal to an international number.
    pub mobile: String,
    /// The user's name: 1 to 64 characters of any script, in Unicode NFC. Spaces at the ends are
    /// removed, and each other run of spaces becomes one. The characters are those of the
    /// FreeformClass of PRECIS (RFC 8264). Control characters, characters that are invisible or
    /// reorder text, private and unassigned code points, and emoji that are made of several
    /// characters with U+200D or U+FE0F are rejected. The name must have something to see.
    pub username: String,
    /// The user's password: 8 to 256 characters, counted in Unicode NFKC. A common password, and one
    /// that is made of common words, of patterns, or of the user's number or name, is rejected if a
    /// million guesses would find it. The user's number, its end, the name and its words are rejected
    /// in every form, with any punctuation and case, and the name with any digits around it. Required
    /// unless the caller is the service.
    pub password: Option<String>,
    /// An id that the device generated for itself and keeps: at least 128 random bits, such as a
    /// random UUID, and at most 128 characters. Treat it as a secret: whoever sends it counts as
    /// this device. No response contains it. A login from the device that has the active session
    /// does not cause a conflict: it replaces that session. Without an id, a login causes a
    /// conflict even if it comes from that device.
    pub device_id: Option<String>,
    /// The device's user agent, at most 512 characters. Characters that show nothing or reorder
    /// text are removed, and a run of spaces becomes one. Default: the `User-Agent` header of the
    /// request, and what its client hints (`Sec-CH-UA` and others) add to it.
    pub user_agent: Option<String>,
    /// The device's IPv4 or IPv6 address. Only the service may set it. Default: the address that
    /// the request came from.
    pub ip_address: Option<String>,
    /// Whether to put the session's token into a cookie that scripts cannot read, instead of into the
    /// payload. The cookie is `__Host-sessiond`, or `sessiond-dev` in development mode. It
    /// authenticates requests of pages of the server's own origin, and of those that
    /// `--allowed-origin` names. Over a WebSocket or an event stream, and in a second field of one
    /// request, `true` fails with `INVALID_INPUT`.
    #[graphql(default)]
    pub cookie: bool,
}

/// Input of `login`.
#[derive(InputObject)]
pub(in crate::graphql) struct LoginInput {
    /// The mobile number of the user, written in any form that `createUser` accepts.
    pub mobile: String,
    /// The name of the user. Normalization forms, full-width letters and spaces may differ from
    /// those of the registered name. Upper and lower case may not.
    pub username: String,
    /// The user's password, in any normalization form. Required if the user has one, unless the
    /// caller is the service.
    pub password: Option<String>,
    /// An id that the device generated for itself and keeps: at least 128 random bits, such as a
    /// random UUID, and at most 128 characters. Treat it as a secret: whoever sends it counts as
    /// this device. No response contains it. A login from the device that has the active session
    /// does not cause a conflict: it replaces that session. Without an id, a login causes a
    /// conflict even if it comes from that device.
    pub device_id: Option<String>,
    /// The device's user agent, at most 512 characters. Characters that show nothing or reorder
    /// text are removed, and a run of spaces becomes one. Default: the `User-Agent` header of the
    /// request, and what its client hints (`Sec-CH-UA` and others) add to it.
    pub user_agent: Option<String>,
    /// The device's IPv4 or IPv6 address. Only the service may set it. Default: the address that
    /// the request came from.
    pub ip_address: Option<String>,
    /// How to resolve a conflict with another device. Default: the server's `--on-conflict`
    /// setting. Fails with `FORBIDDEN` if the server does not let clients choose this value.
    pub on_conflict: Option<OnConflict>,
    /// What to do instead of `onConflict` if the holding device is away: it has no open
    /// `sessionAlerts` stream, and has sent no request for the server's `--away-after` time.
    /// Default: the server's `--if-away` setting, or `onConflict` without that setting. Fails with
    /// `FORBIDDEN` if the server does not let clients choose this value.
    pub if_away: Option<OnConflict>,
    /// Whether to put the session's token into a cookie that scripts cannot read, instead of into the
    /// payload. The cookie is `__Host-sessiond`, or `sessiond-dev` in development mode. It
    /// authenticates requests of pages of the server's own origin, and of those that
    /// `--allowed-origin` names. Over a WebSocket or an event stream, and in a second field of one
    /// request, `true` fails with `INVALID_INPUT`.
    #[graphql(default)]
    pub cookie: bool,
}

impl LoginInput {
    /// Parses the login.
    ///
    /// # Errors
    /// [`InvalidInput`] if an entry breaks a rule.
    pub(in crate::graphql) fn into_login(self) -> Result<Login, InvalidInput> {
        Ok(Login {
            mobile: TypedMobile::parse(&self.mobile)?,
            username: TypedUsername::parse(&self.username)?,
            password: self
                .password
                .map(|text| Password::for_verification("password", text))
                .transpose()?,
            device: DeviceInput {
                id: self.device_id,
                user_agent: self.user_agent,
                address: self.ip_address,
            },
            on_conflict: self.on_conflict.map(Into::into),
            if_away: self.if_away.map(Into::into),
        })
    }
}

/// Input of `invalidateSession`.
#[derive(InputObject)]
pub(super) struct InvalidateSessionInput {
    /// The key of the session to end.
    pub session_key: ID,
}

/// Input of `decideLogin`.
#[derive(InputObject)]
pub(super) struct DecideLoginInput {
    /// The `attempt.id` of the `LOGIN_PENDING` alert.
    pub attempt_id: ID,
    /// Whether to approve or deny the login.
    pub decision: LoginDecision,
    /// The number that the waiting device shows, one of `attempt.matchChoices` of the alert. A
    /// session must send it to approve a login that has one, and the service may leave it out. Every
    /// other `Int` denies the login, also one that is not from 10 to 99. `DENY` ignores it.
    pub match_number: Option<i32>,
}

/// Input of `freezeUser`.
#[derive(InputObject)]
pub(super) struct FreezeUserInput {
    /// The mobile number of the user, written in any form that `createUser` accepts. Required if
    /// the caller is the service. Default: the user of the caller's session.
    pub mobile: Option<String>,
    /// The time when the freeze ends by itself. Default: only the service can end the freeze, or, if
    /// a session freezes its user, the end of the server's `--max-self-freeze` time. A session cannot
    /// choose a later time.
    pub until: Option<DateTime>,
    /// The reason, for the people who answer the user's call: 1 to 200 characters, none of which is
    /// invisible. Only the service can read it.
    pub reason: Option<String>,
}

/// Input of `unfreezeUser`.
#[derive(InputObject)]
pub(super) struct UnfreezeUserInput {
    /// The mobile number of the user, written in any form that `createUser` accepts.
    pub mobile: String,
}

/// Input of `setPassword`.
#[derive(InputObject)]
pub(super) struct SetPasswordInput {
    /// The mobile number of the user, written in any form that `createUser` accepts.
    pub mobile: String,
    /// The current password. Required unless the caller is the service.
    pub old_password: Option<String>,
    /// The new password: 8 to 256 characters, counted in Unicode NFKC. It must not be easy to guess:
    /// see `createUser`.
    pub new_password: String,
}

/// Input of `deleteUser`.
#[derive(InputObject)]
pub(super) struct DeleteUserInput {
    /// The mobile number of the user, written in any form that `createUser` accepts.
    pub mobile: String,
}

/// How a login resolves a conflict with another device that has a valid session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "rules::OnConflict")]
pub(in crate::graphql) enum OnConflict {
    /// Refuse the login, and alert the other device.
    Reject,
    /// End the other session, alert its device, and open the new session.
    TakeOver,
    /// Ask the other device to approve or deny the login. The new session waits for the decision.
    /// If a device asks again with the same `deviceId`, its session goes on waiting until the same
    /// time, and gets a new token. If another device asks, or one without an id, the session ends.
    Ask,
}

/// The decision on a login that waits for approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "rules::Decision")]
pub(super) enum LoginDecision {
    /// Approve the login: the waiting session becomes active, and the active session ends.
    Approve,
    /// Deny the login: the waiting session ends.
    Deny,
}
