//! The rules: pure functions that decide what a command does to one user.
//!
//! Each command is one function. It takes the user's state, the command's input and a [`Context`],
//! and returns a [`Transition`] to commit, together with the result of that command. The rules
//! guarantee:
//! 1. At most one session of a user is active, and at most one is pending.
//! 2. A session is invalid from the instant when its idle timeout or lifetime passes. It then never
//!    causes a conflict.
//! 3. A login without a conflict opens its session. A login from the device that holds the active
//!    session replaces that session.
//! 4. [`OnConflict::Reject`] refuses the login, changes nothing else, and raises an alert.
//! 5. [`OnConflict::TakeOver`] ends the old session and opens the new one in one transition, and
//!    raises an alert.
//! 6. [`OnConflict::Ask`] opens a pending session. Only the first decision before the approval
//!    timeout counts. A second `Ask` with the same device id renews the pending session. Any other
//!    `Ask` ends it. An approval therefore activates exactly the session that its alert showed.
//! 7. Ending a session affects no other session except by rule 9. Ending an ended session changes
//!    nothing.
//! 8. Alert numbers rise by one. A transition contains a state change together with its alerts.
//! 9. If the active session ends without a successor, a pending one ends in the same transition:
//!    nobody is left to decide.
//! 10. With number matching, the approval of a session activates the pending one only if it names
//!     the number that the waiting device shows. Another number denies the login.
//! 11. After a denial, no login may ask for a time that grows with each one. The active session also
//!     denies a login if it invalidates the session that waits. A session that a take-over opened may
//!     not deny a login, or end it otherwise without ending itself, for a time. Take-overs and the
//!     logins that end another waiting one are limited. The service is exempt from the pause and from
//!     the limit on take-overs.
//! 12. A frozen user has no session, and no login succeeds.
//! 13. An instant in the future, recorded before the clock was set back, never silences an alert and
//!     never extends a limit. The first command after the step lowers it.
//!
//! [`Device::is_same_as`](super::Device::is_same_as) defines which devices are the same. Repeated
//! conflicting attempts from one device within [`Policy::alert_cooldown`] raise one alert. Only a
//! device with an id can have a session again: others may have the same user agent and address. If it
//! asks again while its session is pending, it keeps the session, the id of the attempt and the
//! deadline. Only the token and the description of the device are replaced. A renewal with another
//! label, or from another country, raises an alert within the cooldown too.
//!
//! Whatever the devices call themselves, conflicting logins raise at most
//! [`Policy::max_alerts_per_minute`] alerts. Beyond it, a refused login is counted in the next
//! alert ([`Alert::folded_count`](super::Alert::folded_count)), and an `Ask` fails with
//! [`TooManyAlerts`]. A waiting session that ends itself is counted too, but may always do so, and
//! may cause one alert more. Other alerts about replacement, invalidation, expiry, decisions and
//! changed passwords are always raised, and are not counted.
//!
//! # Example
//! A user registers on a phone. A login on a laptop is then refused, and the phone is alerted.
//! ```
//! use std::{net::Ipv4Addr, num::NonZeroU32, time::Duration};
//!
//! use sessiond::domain::{
//!     AlertKind, Device, Mobile, SessionKey, Timestamp, Token, UserAgent, UserId, Username,
//!     rules::{
//!         Context, Login, LoginOutcome, NewIds, NewUser, OnConflict, Policy, TakeOverLimit, log_in,
//!         register,
//!     },
//! };
//! use uuid::Uuid;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let policy = Policy {
//!     idle_timeout: Duration::from_mins(30),
//!     session_lifetime: Duration::from_hours(24),
//!     approval_timeout: Duration::from_mins(2),
//!     alert_cooldown: Duration::from_mins(1),
//!     max_alerts_per_minute: NonZeroU32::try_from(20)?,
//!     match_numbers: true,
//!     take_over_limit: TakeOverLimit {
//!         count: NonZeroU32::try_from(3)?,
//!         window: Duration::from_mins(10),
//!     },
//!     max_self_freeze: Duration::from_hours(24),
//! };
//! let context = Context {
//!     now: Timestamp::from_millis(1_750_000_000_000),
//!     policy: &policy,
//! };
//! let id = UserId::new(Uuid::from_u128(1));
//! let new_ids = |number| NewIds {
//!     session: SessionKey::new(Uuid::from_u128(number)),
//!     attempt: Uuid::from_u128(number),
//!     token_hash: Token::new(id, [number as u8; 32]).hash(),
//!     match_seed: number,
//! };
//! let device = |user_agent| -> Result<Device, sessiond::domain::InvalidInput> {
//!     Ok(Device {
//!         id: None,
//!         user_agent: UserAgent::parse(user_agent)?,
//!         address: Ipv4Addr::LOCALHOST.into(),
//!     })
//! };
//!
//! let user = NewUser {
//!     id,
//!     mobile: Mobile::parse("+49 151 12345678")?,
//!     username: Username::parse("Ada")?,
//!     password: None,
//! };
//! let (registration, on_phone) = register(user, device("Phone")?, new_ids(1), context);
//!
//! let login = Login {
//!     device: device("Laptop")?,
//!     on_conflict: OnConflict::Reject,
//!     by_service: false,
//!     is_new_place: None,
//!     is_elsewhere: false,
//! };
//! let (refusal, outcome) = log_in(&registration.next, login, new_ids(2), context)?;
//! assert_eq!(outcome, LoginOutcome::Refused { retry_after: None });
//! assert_eq!(refusal.next.active.as_ref(), Some(&on_phone));
//! assert_eq!(refusal.alerts[0].kind, AlertKind::LoginRefused);
//! # Ok(())
//! # }
//! ```

mod approval;
mod draft;
mod ending;
mod freezing;
mod login;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod properties;
mod registration;
mod transition;

use std::{num::NonZeroU32, time::Duration};

use thiserror::Error;
use uuid::Uuid;

pub use self::{
    approval::{
        DecideLogin, DecideLoginError, Decision, DecisionOutcome, decide_login, may_decide,
    },
    ending::{EndError, change_password, expire, invalidate_session, report_folded},
    freezing::{FreezeError, FreezeUser, Frozen, freeze_user, unfreeze_user},
    login::{Login, LoginError, LoginOutcome, OnConflict, TooManyAlerts, log_in},
    registration::{NewUser, register},
    transition::{SessionWrite, Transition},
};
use super::{SessionKey, Timestamp, TokenHash};

/// The durations and the limit that the rules apply.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// How long a session stays valid without a request.
    pub idle_timeout: Duration,
    /// How long a session stays valid at most, even if it is in use.
    pub session_lifetime: Duration,
    /// How long a login waits for approval.
    pub approval_timeout: Duration,
    /// How long repeated conflicting attempts from one device raise no further alert.
    pub alert_cooldown: Duration,
    /// The maximum number of alerts that conflicting logins of one user raise in a minute.
    pub max_alerts_per_minute: NonZeroU32,
    /// Whether the approval of a session must name the number that the waiting device shows.
    pub match_numbers: bool,
    /// The maximum number of take-overs of one user in a time.
    pub take_over_limit: TakeOverLimit,
    /// The longest time for which a session may freeze its user.
    pub max_self_freeze: Duration,
}

/// A limit on the take-overs of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakeOverLimit {
    /// The maximum number of take-overs in a window.
    pub count: NonZeroU32,
    /// The length of a window, which the first take-over starts.
    pub window: Duration,
}

/// The time of a command, and the policy that applies.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The time of the command.
    pub now: Timestamp,
    /// The policy that applies.
    pub policy: &'a Policy,
}

/// Unique ids and a token hash for the session that a command may open.
#[derive(Debug, Clone, Copy)]
pub struct NewIds {
    /// The key of the session.
    pub session: SessionKey,
    /// The id of the login attempt, without its user's id.
    pub attempt: Uuid,
    /// The hash of the token that opens the session.
    pub token_hash: TokenHash,
    /// Random bits, from which the numbers of a waiting login are drawn.
    pub match_seed: u128,
}

impl NewIds {
    /// Puts the number of the next session into its key: see [`SessionKey::numbered`].
    #[must_use]
    pub fn numbered(self, sessions_opened: u64) -> Self {
        Self {
            session: self.session.numbered(sessions_opened + 1),
            ..self
        }
    }
}

/// The authority behind a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The service, which may act for every user.
    Service,
    /// A session of the user, which may act only while it is active. It may invalidate itself in
    /// any state.
    Session(SessionKey),
}

/// The session that gave the command is not active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the session that gave the command is not active")]
pub struct NotActive;
