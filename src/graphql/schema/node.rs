//! Relay's global object identification.

use async_graphql::{ID, Interface};

use super::{alert::SessionAlert, session::Session, user::User};

/// An object with a globally unique id, as Relay and client caches require.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The object's globally unique id."))]
pub(super) enum Node {
    User(Box<User>),
    Session(Box<Session>),
    SessionAlert(Box<SessionAlert>),
}
