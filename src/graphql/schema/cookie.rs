//! The session's cookie in the mutations: which one may set it, and when it is removed.

use std::sync::Arc;

use async_graphql::Context;

use super::{
    super::{cookies::CookieSlot, errors::invalid},
    session::Session,
};
use crate::{access::Visibility, domain::InputRule, service::NewSession};

/// Returns the session and the token that a payload contains. The token is in the cookie instead, if
/// there is one.
pub(super) fn session_and_token(
    opened: NewSession,
    visibility: Visibility,
    cookie: Option<&CookieSlot>,
) -> (Session, Option<String>) {
    let token = match cookie {
        Some(cookie) => {
            cookie.set(&opened);
            None
        }
        None => Some(opened.token.reveal()),
    };
    (Session::opened(opened.session, visibility), token)
}

/// Reserves the cookie of the request for a mutation whose input asks for it.
///
/// # Errors
/// The error for the client if the transport cannot set a cookie, or if an earlier field of the
/// request has reserved it.
pub(super) fn claim<'a>(
    context: &Context<'a>,
    is_wanted: bool,
) -> async_graphql::Result<Option<&'a CookieSlot>> {
    if !is_wanted {
        return Ok(None);
    }
    let claimed = slot(context).filter(|cookie| cookie.claim());
    claimed
        .map(Some)
        .ok_or_else(|| invalid("cookie", InputRule::Cookie))
}

/// Removes the cookie that has authenticated the request, if there is one, because its session has
/// ended.
pub(super) fn remove(context: &Context<'_>) {
    if let Some(cookie) = slot(context) {
        cookie.session_ended();
    }
}

/// Returns the cookie of the request, if the transport can set one.
pub(super) fn slot<'a>(context: &Context<'a>) -> Option<&'a CookieSlot> {
    context.data_opt::<Arc<CookieSlot>>().map(|slot| &**slot)
}
