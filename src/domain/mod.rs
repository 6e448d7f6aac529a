//! The domain: users, sessions and alerts, and the rules that change them. Pure code without I/O,
//! clock or randomness.
//!
//! Types such as [`Mobile`], [`Username`] and [`Token`] can only hold valid values. Their `parse`
//! functions reject any other text. Clones of a text share its memory. The functions in [`rules`]
//! decide what a command does to one user. Other modules load a [`UserState`], call one of these
//! functions, and commit the [`rules::Transition`] that it returns.

mod active_change;
mod address;
mod alert;
mod alert_window;
pub(crate) mod base64url;
mod client_hints;
mod device;
mod device_description;
mod freeze;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod ids;
mod input;
mod login_history;
mod mobile;
mod number_match;
mod own_words;
mod password;
pub mod rules;
mod session;
mod text;
mod time;
mod token;
mod user;
mod user_agent;
mod username;

pub use active_change::{ActivatedSession, ActiveChange, EndedSession};
pub use address::{AddressBlock, parse_address};
pub use alert::{Alert, AlertKind, Attempt, Newness};
pub use alert_window::{AlertWindow, FoldedLogins};
pub use client_hints::ClientHints;
pub use device::{Device, DeviceId};
pub use device_description::DeviceDescription;
pub use freeze::{Freeze, FreezeReason, FrozenBy};
pub use ids::{AlertId, AttemptId, CommitId, SessionKey, UserId};
pub use input::{InputRule, InvalidInput};
pub use login_history::{
    Denials, DeviceHash, LoginHistory, MAX_KNOWN_DEVICES, MAX_RECENT_CHOICES, RecentChoices,
    TakeOvers, TakenSession, Window,
};
pub use mobile::{Mobile, TypedMobile};
pub use number_match::NumberMatch;
pub use password::Password;
pub(crate) use session::active_limit;
pub use session::{EndReason, Ended, EndedBy, Session, Stage, Status};
pub use time::{CLOCK_TOLERANCE, Timestamp};
pub use token::{Token, TokenHash};
pub use user::{Fingerprint, Owner, PasswordHash, RecentConflict, UserState};
pub use user_agent::UserAgent;
pub use username::{TypedUsername, Username};
