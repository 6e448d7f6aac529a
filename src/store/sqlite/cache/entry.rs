//! One user in the cache, in a form that takes less memory than a [`UserState`].

use std::{mem, sync::Arc};

use super::{
    ended::EndedSessions,
    session::{ARC_HEADER, CachedSession, stored_session, text_weight},
    user_agents::UserAgents,
};
use crate::{
    domain::{
        AlertWindow, AttemptId, DeviceHash, Freeze, LoginHistory, Mobile, Newness, NumberMatch,
        Owner, PasswordHash, RecentConflict, Session, SessionKey, Status, Timestamp, TokenHash,
        UserId, UserState, Username,
    },
    store::{Commit, KnownSession, Page, Slice},
};

/// A user with its current sessions, exactly as a read of the file returns them, and the newest ended
/// sessions if they were read since the last commit. The cache keeps it under the user's id.
#[derive(Debug, Clone)]
pub(super) struct CachedUser {
    mobile: Mobile,
    username: Username,
    password: Option<PasswordHash>,
    created_at: Timestamp,
    version: u64,
    last_alert: u64,
    sessions_opened: u64,
    active: Option<CachedSession>,
    conflict: Option<Box<Conflict>>,
    ended: Option<Arc<EndedSessions>>,
}

/// The allocator rounds up to the next size, which is 320 bytes, and one in five users less would
/// fit into the cache.
const _: () = assert!(size_of::<CachedUser>() + ARC_HEADER <= 256);

/// The size of everything that the cache keeps for a user beside the user itself, in bytes: its
/// places in the two tables and the note that it was evicted. `docs/operations.md` has the sizes that
/// were measured, which are within a tenth of the weights.
const TABLES: usize = 144;

/// What only a user has who has used several devices. Most of them have only the devices, so all other
/// parts are in boxes.
#[derive(Debug, Clone)]
struct Conflict {
    pending: Option<Box<PendingSession>>,
    recent: Vec<RecentConflict>,
    alert_window: Option<Box<AlertWindow>>,
    /// Without the devices.
    history: Option<Box<LoginHistory>>,
    devices: Box<[DeviceHash]>,
    freeze: Option<Box<Freeze>>,
}

#[derive(Debug, Clone)]
struct PendingSession {
    session: CachedSession,
    attempt: AttemptId,
    until: Timestamp,
    matching: Option<NumberMatch>,
}

impl CachedUser {
    /// Returns the cached form of a user. `None` for a state that no commit of this program leaves
    /// in the file, such as an ended session in the place of the active one: it has no cached form,
    /// and every read of it reads the file.
    pub(super) fn new(user: &UserState) -> Option<Self> {
        let active = user.active.as_ref().map(|session| match session.status {
            Status::Active => CachedSession::new(session, &user.owner),
            _ => None,
        });
        let pending = user.pending.as_ref().map(|session| match session.status {
            Status::Pending {
                attempt,
                until,
                matching,
            } if attempt.user == user.owner.id => Some(PendingSession {
                session: CachedSession::new(session, &user.owner)?,
                attempt,
                until,
                matching,
            }),
            _ => None,
        });
        let mut history = user.history.clone();
        let devices = mem::take(&mut history.devices).into_boxed_slice();
        let conflict = Conflict {
            pending: all_or_none(pending)?.map(Box::new),
            recent: user.recent_conflicts.clone(),
            alert_window: user.alert_window.as_ref().map(as_stored).map(Box::new),
            history: (!history.is_empty()).then(|| Box::new(history)),
            devices,
            freeze: user.freeze.clone().map(Box::new),
        };
        Some(Self {
            mobile: user.owner.mobile.clone(),
            username: user.owner.username.clone(),
            password: user.password.clone(),
            created_at: user.created_at,
            version: user.version,
            last_alert: user.last_alert,
            sessions_opened: user.sessions_opened,
            active: all_or_none(active)?,
            conflict: conflict.has_any().then(|| Box::new(conflict)),
            ended: None,
        })
    }

    /// The user, whose id is `id`.
    pub(super) fn to_state(&self, id: UserId) -> UserState {
        let owner = self.owner(id);
        let conflict = self.conflict.as_deref();
        UserState {
            active: self.active.as_ref().map(|session| session.active(&owner)),
            pending: self.pending().map(|pending| pending.to_session(&owner)),
            owner,
            password: self.password.clone(),
            created_at: self.created_at,
            version: self.version,
            last_alert: self.last_alert,
            sessions_opened: self.sessions_opened,
            recent_conflicts: conflict.map_or_else(Vec::new, |conflict| conflict.recent.clone()),
            alert_window: conflict.and_then(|conflict| conflict.alert_window.as_deref().cloned()),
            history: conflict.map_or_else(LoginHistory::default, Conflict::to_history),
            freeze: conflict.and_then(|conflict| conflict.freeze.as_deref().cloned()),
        }
    }

    /// The current session that the token with this hash opens.
    pub(super) fn session_by_token(&self, id: UserId, hash: &TokenHash) -> Option<Session> {
        self.current(id, |session| session.token_hash == *hash)
    }

    /// The active session that the token with this hash opens.
    pub(super) fn known_session(&self, hash: &TokenHash) -> Option<KnownSession<'_>> {
        let active = self.active.as_ref()?;
        (active.token_hash == *hash).then(|| active.known(&self.mobile, &self.username))
    }

    /// The current session with this key.
    pub(super) fn session(&self, id: UserId, key: SessionKey) -> Option<Session> {
        self.current(id, |session| session.key == key)
    }

    fn current(&self, id: UserId, is_it: impl Fn(&CachedSession) -> bool) -> Option<Session> {
        if let Some(session) = self.active.as_ref().filter(|session| is_it(session)) {
            return Some(session.active(&self.owner(id)));
        }
        let pending = self.pending().filter(|pending| is_it(&pending.session))?;
        Some(pending.to_session(&self.owner(id)))
    }

    /// The first page of the user's sessions. `None` if it is not known.
    pub(super) fn sessions(&self, id: UserId, page: Page) -> Option<Slice<Session>> {
        let ended = self.ended.as_deref()?;
        let owner = self.owner(id);
        let active = self.active.as_ref().map(|session| session.active(&owner));
        let pending = self.pending().map(|pending| pending.to_session(&owner));
        ended.page(active.into_iter().chain(pending), &owner, page)
    }

    /// Adds what a read of the first page of the user's sessions has returned, if it is worth it.
    /// The user must be the same as at the time of the read. Returns whether it was added.
    pub(super) fn add_ended(&mut self, id: UserId, sessions: &Slice<Session>) -> bool {
        let is_current = |key| self.session(id, key).is_some();
        let active = self.active.as_ref();
        let ended = EndedSessions::of(sessions, &self.owner(id), active, is_current);
        self.ended = ended.map(Arc::new);
        self.ended.is_some()
    }

    /// Removes the ended sessions, because some of them have been deleted.
    pub(super) fn forget_ended(&mut self) {
        self.ended = None;
    }

    fn pending(&self) -> Option<&PendingSession> {
        self.conflict.as_ref()?.pending.as_deref()
    }

    fn owner(&self, id: UserId) -> Owner {
        Owner {
            id,
            mobile: self.mobile.clone(),
            username: self.username.clone(),
        }
    }

    pub(super) fn mobile(&self) -> &Mobile {
        &self.mobile
    }

    /// The sequence of the user's last alert. 0 if there is none.
    pub(super) fn last_alert(&self) -> u64 {
        self.last_alert
    }

    /// Returns the user as the file has it after a commit that was applied to `before`, which is
    /// `None` if the user is new or was not cached. Returns `None` if the result does not follow
    /// from the two, because the file has a session that the commit does not write.
    pub(super) fn after_commit(before: Option<&Self>, commit: &Commit) -> Option<Self> {
        let mut user = commit.user.clone();
        let id = user.owner.id;
        if let Some(before) = before {
            // No commit writes these columns of a user who exists.
            (user.owner, user.created_at) = (before.owner(id), before.created_at);
        }
        let current = [&mut user.active, &mut user.pending];
        for session in current.into_iter().flatten() {
            let stored = before.and_then(|before| before.session(id, session.key));
            *session = stored_session(stored, session.key, &commit.sessions)?;
        }
        Self::new(&user)
    }

    /// Moves the last-seen time of a current session forward, as the file does.
    pub(super) fn touch(&mut self, key: SessionKey, at: Timestamp) {
        let conflict = self.conflict.as_mut();
        let pending = conflict.and_then(|all| all.pending.as_deref_mut());
        let pending = pending.map(|pending| &mut pending.session);
        for session in self.active.iter_mut().chain(pending) {
            if session.key == key {
                session.last_seen_at = session.last_seen_at.max(at);
            }
        }
    }

    /// Lets the active session share its user agent with other users.
    pub(super) fn share_user_agent(&mut self, user_agents: &UserAgents) {
        if let Some(active) = &mut self.active {
            active.share_user_agent(user_agents);
        }
    }

    /// The memory that the user takes up in the cache, in bytes.
    pub(super) fn weight(&self, user_agents: &UserAgents) -> u64 {
        let texts = [
            Some(self.mobile.as_str()),
            Some(self.username.as_str()),
            self.password.as_ref().map(PasswordHash::as_str),
        ];
        let texts = texts.into_iter().flatten().map(text_weight).sum::<usize>();
        let texts_of = |session: &CachedSession| session.texts_weight(user_agents, None);
        let active = self.active.as_ref().map_or(0, texts_of);
        let conflict = self.conflict.as_ref();
        let conflict = conflict.map_or(0, |conflict| conflict.weight(user_agents));
        let ended = self.ended.as_ref();
        let ended = ended.map_or(0, |ended| ended.weight(user_agents, self.active.as_ref()));
        let all = ARC_HEADER + size_of::<Self>() + TABLES + texts + active + conflict + ended;
        all as u64
    }
}

impl Conflict {
    fn has_any(&self) -> bool {
        self.pending.is_some()
            || !self.recent.is_empty()
            || self.alert_window.is_some()
            || self.history.is_some()
            || !self.devices.is_empty()
            || self.freeze.is_some()
    }

    fn to_history(&self) -> LoginHistory {
        LoginHistory {
            devices: self.devices.to_vec(),
            ..self.history.as_deref().cloned().unwrap_or_default()
        }
    }

    fn weight(&self, user_agents: &UserAgents) -> usize {
        let texts_of = |pending: &PendingSession| {
            size_of::<PendingSession>() + pending.session.texts_weight(user_agents, None)
        };
        let pending = self.pending.as_deref().map_or(0, texts_of);
        let window = self.alert_window.as_deref();
        let windows = window.map_or(0, size_of_val);
        let folded = window.and_then(|window| window.folded.as_ref());
        let folded = folded.map_or(0, |folded| text_weight(folded.last.user_agent.as_str()));
        let recent = mem::size_of_val(self.recent.as_slice());
        let history = self.history.as_deref().map_or(0, |history| {
            size_of_val(history) + size_of_val(history.recent_choices.as_slice())
        });
        let devices = size_of_val(&*self.devices);
        let freeze = self.freeze.as_deref().map_or(0, |freeze| {
            let reason = freeze.reason.as_ref();
            size_of_val(freeze) + reason.map_or(0, |reason| text_weight(reason.as_str()))
        });
        let rest = folded + windows + history + devices + freeze;
        size_of::<Self>() + recent + pending + rest
    }
}

impl PendingSession {
    fn to_session(&self, owner: &Owner) -> Session {
        let status = Status::Pending {
            attempt: self.attempt,
            until: self.until,
            matching: self.matching,
        };
        self.session.with(owner, status)
    }
}

/// The window as the file has it: without the session of a folded login, because a refused login
/// opens none.
fn as_stored(window: &AlertWindow) -> AlertWindow {
    let mut window = window.clone();
    if let Some(folded) = &mut window.folded {
        folded.last.session = None;
        folded.last.newness = Newness::default();
        folded.last.address = folded.last.address.to_canonical();
    }
    window
}

/// Returns `None` if there is a value that has no cached form.
#[expect(
    clippy::option_option,
    reason = "no value, and a value without a cached form"
)]
fn all_or_none<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        Some(None) => None,
        Some(found) => Some(found),
        None => Some(None),
    }
}
