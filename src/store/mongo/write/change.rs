//! The update that applies a commit.

use bson::{Bson, Document, doc};

use super::super::{
    collections::{DUE, TAIL_SINCE},
    errors::damaged,
    records::{AlertDocument, SessionDocument, UserDocument, id, integer, millis},
};
use crate::{
    domain::{Session, Status, rules::SessionWrite},
    store::{BoxError, Commit, StoreError},
};

/// The number of commit ids that a user's document keeps, in a ring: the id of the commit that made
/// version `v` is in the slot `v % 16`.
pub(super) const MAX_RECENT_COMMITS: u64 = 16;

/// The maximum number of alerts in a tail after a commit that opens a session, or that only raises
/// alerts. Every end of a session raises an alert, so a tail holds at most as many sessions.
///
/// A commit that opens nothing and ends what is open needs no bound, because the next one needs a
/// session that another commit has opened. It raises at most four alerts: a tail has at most 16
/// alerts and 16 sessions.
const MAX_TAIL_ALERTS: u64 = 12;

/// An update of one user's document.
#[derive(Debug)]
pub(super) struct Change {
    pub filter: Document,
    pub update: Vec<Document>,
}

impl Change {
    /// The update of an existing user. It writes only what the commit changes: a session that the
    /// commit does not write may have been touched since it was read.
    ///
    /// Each value is a literal. In the pipeline of an update, a text with a leading `$` would be an
    /// expression, and the fields of a document would be added to those of the stored document.
    pub(super) fn of(commit: &Commit) -> Result<Self, StoreError> {
        let mut set = Document::new();
        let mut unset = Vec::new();
        let mut user = user_fields(commit)?;
        for (slot, session) in open_sessions(commit) {
            match session {
                None => unset.push(slot),
                Some(session) if is_written(commit, session) => {
                    user.insert(slot, session_fields(session)?);
                }
                Some(_) => {}
            }
        }
        for optional in ["password", "alert_window", "login_history", "freeze"] {
            if !user.contains_key(optional) {
                unset.push(optional);
            }
        }
        for (name, value) in user {
            set.insert(name, literal(value));
        }
        set.insert(
            format!("commits.{}", slot_of(commit)),
            literal(id(commit.id.as_uuid())),
        );
        let tail = Tail::of(commit)?;
        for (name, entry) in tail.entries {
            set.insert(format!("tail.{name}"), entry.update());
        }
        if let Some(since) = tail.since {
            set.insert(TAIL_SINCE, minimum(TAIL_SINCE, since));
        }
        match due(commit) {
            Some(due) if keeps_active(commit) => {
                set.insert(DUE, minimum(DUE, due));
            }
            Some(due) => {
                set.insert(DUE, literal(due));
            }
            None => unset.push(DUE),
        }
        let mut update = vec![doc! { "$set": set }];
        if !unset.is_empty() {
            update.push(doc! { "$unset": unset });
        }
        Ok(Self {
            filter: filter(commit),
            update,
        })
    }
}

/// The document of a new user.
pub(super) fn new_document(commit: &Commit) -> Result<Document, StoreError> {
    let owner = &commit.user.owner;
    let mut document = doc! {
        "_id": id(owner.id.as_uuid()),
        "mobile": owner.mobile.as_str(),
        "username": owner.username.as_str(),
        "created_at": millis(commit.user.created_at),
        "archived": 0_i64,
        "commits": { slot_of(commit): id(commit.id.as_uuid()) },
    };
    document.extend(user_fields(commit)?);
    for (slot, session) in open_sessions(commit) {
        if let Some(session) = session {
            document.insert(slot, session_fields(session)?);
        }
    }
    let tail = Tail::of(commit)?;
    if let Some(since) = tail.since {
        let entries = tail.entries.into_iter();
        let entries: Document = entries
            .map(|(name, entry)| (name, entry.fields.into()))
            .collect();
        document.insert("tail", entries);
        document.insert(TAIL_SINCE, since);
    }
    if let Some(due) = due(commit) {
        document.insert(DUE, due);
    }
    Ok(document)
}

/// The name of this commit's slot in the ring.
pub(super) fn slot_of(commit: &Commit) -> String {
    format!("c{}", (commit.expected_version + 1) % MAX_RECENT_COMMITS)
}

/// The value that `archived` must have at least, so that the tail has place for the commit. `None`
/// if the commit needs no bound.
pub(super) fn min_archived(commit: &Commit) -> Option<u64> {
    let writes = || commit.sessions.iter();
    let opens = writes().any(|write| matches!(write, SessionWrite::Open(_)));
    let ends = writes().any(|write| ended(write.session()).is_some());
    let is_bounded = opens || (!ends && !commit.alerts.is_empty());
    is_bounded
        .then(|| commit.user.last_alert.checked_sub(MAX_TAIL_ALERTS))
        .flatten()
}

/// The session that must not have been seen since the decision to end it.
pub(super) fn expires_unseen(commit: &Commit) -> Option<&Session> {
    commit.sessions.iter().find_map(|write| match write {
        SessionWrite::ExpireIdle(session) => Some(session),
        _ => None,
    })
}

fn filter(commit: &Commit) -> Document {
    let mut filter = doc! {
        "_id": id(commit.user.owner.id.as_uuid()),
        "version": integer(commit.expected_version),
    };
    if let Some(session) = expires_unseen(commit) {
        filter.insert("active.key", id(session.key.as_uuid()));
        filter.insert(
            "active.last_seen_at",
            doc! { "$lte": millis(session.last_seen_at) },
        );
    }
    if let Some(archived) = min_archived(commit) {
        filter.insert("archived", doc! { "$gte": integer(archived) });
    }
    filter
}

/// The fields that every commit writes.
fn user_fields(commit: &Commit) -> Result<Document, StoreError> {
    let fields = UserDocument::of(&commit.user);
    let mut fields = encode("user", fields)?;
    // One value that is different after each commit, so that the change stream always receives it
    // whole.
    let event = format!("{}/{}", commit.user.version, commit.user.last_alert);
    fields.insert("event", event);
    Ok(fields)
}

fn open_sessions(commit: &Commit) -> [(&'static str, Option<&Session>); 2] {
    [
        ("active", commit.user.active.as_ref()),
        ("pending", commit.user.pending.as_ref()),
    ]
}

fn is_written(commit: &Commit, session: &Session) -> bool {
    let mut written = commit.sessions.iter().map(SessionWrite::session);
    written.any(|written| written.key == session.key)
}

/// Whether the active session stays as it is stored. Its recorded last-seen time may then be
/// earlier than the one that the decision was made on, which includes times in memory.
fn keeps_active(commit: &Commit) -> bool {
    let active = commit.user.active.as_ref();
    active.is_some_and(|session| !is_written(commit, session))
}

/// The earlier one of the times when the open sessions expire.
fn due(commit: &Commit) -> Option<i64> {
    let open = open_sessions(commit).into_iter();
    open.filter_map(|(_, session)| session.map(|session| millis(session.expires_at())))
        .min()
}

/// The entries that a commit adds to the tail.
struct Tail {
    entries: Vec<(String, TailEntry)>,
    /// The earliest date of an entry. `None` without entries.
    since: Option<i64>,
}

struct TailEntry {
    fields: Document,
    /// The key of the session, if a last-seen time that was recorded since the decision counts.
    seen: Option<bson::Uuid>,
}

impl Tail {
    fn of(commit: &Commit) -> Result<Self, StoreError> {
        let mut entries = Vec::new();
        let mut dates = Vec::new();
        for write in &commit.sessions {
            let session = write.session();
            let Some(at) = ended(session) else { continue };
            let is_set_back = matches!(write, SessionWrite::SetBack(_));
            let entry = TailEntry {
                fields: session_fields(session)?,
                seen: (!is_set_back).then(|| id(session.key.as_uuid())),
            };
            entries.push((format!("s{}", session.number), entry));
            dates.push(at);
        }
        for alert in &commit.alerts {
            let entry = TailEntry {
                fields: encode("alert", AlertDocument::of(alert, commit.id))?,
                seen: None,
            };
            entries.push((format!("a{}", alert.sequence), entry));
            dates.push(millis(alert.created_at));
        }
        Ok(Self {
            entries,
            since: dates.into_iter().min(),
        })
    }
}

impl TailEntry {
    /// The value of the entry in an update. A touch may have recorded a later request than the one
    /// that the rules knew of. The end of the session never moves its last-seen time back.
    fn update(self) -> Document {
        let Some(key) = self.seen else {
            return literal(self.fields);
        };
        let decided = self.fields.get("last_seen_at").cloned();
        let recorded = doc! { "$cond": [
            { "$eq": ["$active.key", literal(key)] }, "$active.last_seen_at", Bson::Null,
        ] };
        let latest = doc! { "$max": [literal(decided), recorded] };
        doc! { "$mergeObjects": [literal(self.fields), { "last_seen_at": latest }] }
    }
}

/// The time of the session's end.
fn ended(session: &Session) -> Option<i64> {
    match &session.status {
        Status::Ended(ended) => Some(millis(ended.at)),
        Status::Active | Status::Pending { .. } => None,
    }
}

fn session_fields(session: &Session) -> Result<Document, StoreError> {
    encode("session", SessionDocument::of(session))
}

fn encode<T: serde::Serialize>(
    record: &'static str,
    value: Result<T, BoxError>,
) -> Result<Document, StoreError> {
    value
        .and_then(|value| Ok(bson::serialize_to_document(&value)?))
        .map_err(|error| damaged(record, error))
}

fn literal(value: impl Into<Bson>) -> Document {
    doc! { "$literal": value.into() }
}

/// The lower one of the stored value, if any, and this value.
fn minimum(field: &str, value: i64) -> Document {
    doc! { "$min": [format!("${field}"), literal(value)] }
}
