//! What sessiond promises, as pure code: no I/O, no clock, no randomness of its own.
//!
//! Values that cannot be wrong are types of their own ([`Mobile`], [`Username`], [`Token`] …), made by one
//! `parse` each. [`rules`] decides what a command does to one user; everything else in the crate loads a
//! [`UserState`], calls one of the functions in [`rules`], and commits the [`rules::Transition`] that it answers.

mod alert;
mod device;
mod ids;
mod input;
pub mod rules;
mod session;
mod text;
mod time;
mod token;
mod user;

pub use alert::{Alert, AlertKind, Attempt};
pub use device::{Device, DeviceDescription};
pub use ids::{AlertId, AttemptId, CommitId, SessionKey, UserId};
pub use input::{InputRule, InvalidInput};
pub use session::{EndReason, Ended, Session, Stage, Status};
pub use text::{DeviceId, Mobile, Password, UserAgent, Username, parse_address};
pub use time::Timestamp;
pub use token::{Token, TokenHash};
pub use user::{Fingerprint, Owner, PasswordHash, RecentConflict, UserState};
