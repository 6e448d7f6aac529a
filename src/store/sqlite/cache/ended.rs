//! The newest ended sessions of a user in the cache. Together with the current sessions of the user,
//! they are the first page of its list of sessions.
//!
//! An ended session never changes again. Only a commit of its user adds one, and only a purge or the
//! deletion of the user removes one.

use super::{
    session::{ARC_HEADER, CachedSession},
    user_agents::UserAgents,
};
use crate::{
    domain::{Ended, Owner, Session, SessionKey, Status},
    store::{Page, Slice},
};

/// A page with more ended sessions is not cached, so that one user takes at most 3 kB and the texts.
const MAX_SESSIONS: usize = 16;

/// The ended sessions on the first page of a user's sessions.
#[derive(Debug)]
pub(super) struct EndedSessions {
    /// Newest first.
    sessions: Box<[EndedSession]>,
    /// The number of the last session that the page had, if older sessions follow.
    oldest: Option<u64>,
}

#[derive(Debug)]
struct EndedSession {
    session: CachedSession,
    ended: Ended,
}

impl EndedSessions {
    /// Returns the ended sessions of the first page. `None` if they are too many, if the page is
    /// empty although there are sessions, or for a state that no commit of this program leaves in
    /// the file, such as an open session that is not current.
    pub(super) fn of(
        page: &Slice<Session>,
        owner: &Owner,
        active: Option<&CachedSession>,
        is_current: impl Fn(SessionKey) -> bool,
    ) -> Option<Self> {
        let oldest = match page.items.last() {
            Some(last) => page.has_more.then_some(last.number),
            None if page.has_more => return None,
            None => None,
        };
        let cached = |session: &Session| {
            let Status::Ended(ended) = session.status else {
                return (!is_current(session.key)).then_some(None);
            };
            let cached = CachedSession::new(session, owner).map(|mut session| {
                if let Some(active) = active {
                    session.share_texts(active);
                }
                EndedSession { session, ended }
            });
            Some(cached)
        };
        let sessions = page.items.iter().filter_map(cached);
        let sessions: Box<[_]> = sessions.collect::<Option<_>>()?;
        (sessions.len() <= MAX_SESSIONS).then_some(Self { sessions, oldest })
    }

    /// The first page of the sessions, of which `current` have not ended. `None` if it has sessions
    /// that are not known.
    pub(super) fn page(
        &self,
        current: impl Iterator<Item = Session>,
        owner: &Owner,
        page: Page,
    ) -> Option<Slice<Session>> {
        if page.before.is_some() {
            return None;
        }
        let is_known =
            |session: &Session| self.oldest.is_none_or(|oldest| session.number >= oldest);
        let mut items: Vec<_> = current.filter(is_known).collect();
        let ended = self.sessions.iter().take(page.limit.saturating_add(1));
        items.extend(ended.map(|ended| ended.to_session(owner)));
        items.sort_unstable_by_key(|session| std::cmp::Reverse(session.number));
        let is_whole = items.len() >= page.limit || self.oldest.is_none();
        let has_more = items.len() > page.limit || self.oldest.is_some();
        items.truncate(page.limit);
        is_whole.then_some(Slice { items, has_more })
    }

    /// The memory that the sessions take up, in bytes. `active` is the session whose texts they
    /// share.
    pub(super) fn weight(&self, user_agents: &UserAgents, active: Option<&CachedSession>) -> usize {
        let texts = self.sessions.iter();
        let texts = texts.map(|ended| ended.session.texts_weight(user_agents, active));
        let sessions = size_of_val(&*self.sessions).next_multiple_of(32);
        ARC_HEADER + size_of::<Self>() + sessions + texts.sum::<usize>()
    }
}

impl EndedSession {
    fn to_session(&self, owner: &Owner) -> Session {
        self.session.with(owner, Status::Ended(self.ended))
    }
}
