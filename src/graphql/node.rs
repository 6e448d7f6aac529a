use async_graphql::{ID, Interface};

use super::{alert::SessionAlert, session::Session, user::User};

/// An object with an `id` that no other object has, of any type: what client caches and Relay need.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "Names the object among all objects of any type."
))]
pub(super) enum Node {
    User(Box<User>),
    Session(Box<Session>),
    SessionAlert(Box<SessionAlert>),
}
