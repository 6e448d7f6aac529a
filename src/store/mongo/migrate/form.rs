//! The documents of layout 1 in the form of layout 2.

use std::collections::HashMap;

use bson::{Bson, Document, doc};

use crate::store::mongo::collections::DUE;

/// The open sessions by their keys. A key is compared by its stored bytes.
pub(super) fn open_sessions(sessions: Vec<Document>) -> HashMap<Vec<u8>, Document> {
    let open = sessions.into_iter().filter_map(|session| {
        let is_open = session.get_bool("open").unwrap_or(false);
        let key = bytes_of(session.get("_id"))?;
        is_open.then_some((key, session))
    });
    open.collect()
}

fn bytes_of(id: Option<&Bson>) -> Option<Vec<u8>> {
    match id {
        Some(Bson::Binary(binary)) => Some(binary.bytes.clone()),
        _ => None,
    }
}

/// The document of a user in layout 2. `None` if the user or one of its sessions is damaged.
pub(super) fn current_form(user: &Document, open: &HashMap<Vec<u8>, Document>) -> Option<Document> {
    let last_alert = user.get_i64("last_alert").ok()?;
    let version = user.get_i64("version").ok()?;
    let mut current = doc! {
        // All alerts are archived.
        "archived": last_alert,
        "commits": {},
        "event": format!("{version};/{last_alert}"),
    };
    for field in [
        "_id",
        "mobile",
        "username",
        "created_at",
        "version",
        "last_alert",
        "sessions_opened",
        "recent_conflicts",
    ] {
        current.insert(field, user.get(field)?);
    }
    for field in ["password", "alert_window"] {
        if let Some(value) = user.get(field).filter(|value| **value != Bson::Null) {
            current.insert(field, value);
        }
    }
    let mut due = None;
    for slot in ["active", "pending"] {
        let Some(key) = user.get(slot).filter(|key| **key != Bson::Null) else {
            continue;
        };
        let session = open.get(&bytes_of(Some(key))?)?;
        let expires_at = session.get_i64("expires_at").ok()?;
        due = Some(due.map_or(expires_at, |due: i64| due.min(expires_at)));
        current.insert(slot, open_session(session.clone())?);
    }
    if let Some(due) = due {
        current.insert(DUE, due);
    }
    Some(current)
}

/// An open session in its user's document. The user and the date of the expiry are not a part.
fn open_session(mut session: Document) -> Option<Document> {
    let key = session.remove("_id")?;
    for field in ["user", "mobile", "username", "open", "expires_at"] {
        session.remove(field);
    }
    session.insert("key", key);
    Some(session)
}
