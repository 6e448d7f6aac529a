//! Whether a device listens, and the conflict policy of a login while none does.

use std::time::Duration;

use super::Service;
use crate::{
    domain::{Session, SessionKey, Timestamp, UserState, rules::OnConflict},
    error_chain::ErrorChain,
    store::Listening,
};

/// What decides instead of `onConflict` if the holding device is away.
#[derive(Debug, Clone)]
pub struct AwaySettings {
    /// The conflict policy. `None` selects the one that the login has.
    pub if_away: Option<OnConflict>,
    /// The conflict policies that callers other than the service may choose for this case.
    pub client_if_away: Vec<OnConflict>,
    /// The time without a request and without an open stream of alerts after which a device is away.
    /// It is noticed up to half of it later, and at most a minute.
    pub away_after: Duration,
}

/// The conflict policies of a login.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policies {
    /// While the holding device listens.
    pub on_conflict: OnConflict,
    /// While it is away.
    pub if_away: OnConflict,
}

/// What was read about the presence of one session. Presence is advice: it only selects the policy of
/// a login, and the commit compares the version of the user as always.
#[derive(Debug, Clone, Copy)]
pub(super) struct Presence {
    session: SessionKey,
    /// Whether the session listens on any node, or has listened on another one until recently.
    is_present: bool,
}

impl Service {
    /// Returns whether a stream of alerts of this session is open on any node, as other nodes have
    /// announced it. `None` if it cannot be read.
    pub async fn is_listening(&self, session: &Session) -> Option<bool> {
        let listening = self.listening(session).await?;
        Some(listening == Listening::Now)
    }

    /// Returns whether a session listens, or has listened on another node until recently. `None` if it
    /// cannot be read.
    async fn listening(&self, session: &Session) -> Option<Listening> {
        if self.hub.is_listening(session.key) {
            return Some(Listening::Now);
        }
        match self.store.listening(session.key).await {
            Ok(listening) => Some(listening),
            Err(error) => {
                let error = ErrorChain(&error);
                tracing::debug!(%error, "could not read whether a session listens");
                None
            }
        }
    }

    /// Reads the presence of the user's active session, if it can matter to the login.
    pub(super) async fn presence(&self, user: &UserState, policies: Policies) -> Option<Presence> {
        let active = user.active.as_ref()?;
        if policies.on_conflict == policies.if_away {
            return None;
        }
        // A session whose presence cannot be read counts as listening.
        let listening = self.listening(active).await.unwrap_or(Listening::Now);
        Some(Presence {
            session: active.key,
            is_present: listening != Listening::No,
        })
    }

    /// Returns the policy that applies to a login now. The active session may be another one than
    /// when its presence was read: it then counts as listening.
    pub(super) fn policy_now(
        &self,
        policies: Policies,
        presence: Option<Presence>,
        active: Option<&Session>,
        now: Timestamp,
    ) -> OnConflict {
        let is_away = |active: &Session| {
            let is_silent =
                presence.is_some_and(|read| read.session == active.key && !read.is_present);
            // Not every request is recorded, so the last one may be later than the last-seen time.
            let unrecorded = self.activity.record_interval(active.idle_timeout);
            let last_request = active.last_seen_at.plus(unrecorded);
            // A device whose stream has just ended needs time to connect again, and so does one that
            // listened before this node started.
            let last_stream = self.hub.last_listened(active.key, now);
            let last_stream = last_stream.unwrap_or(self.started_at).max(self.started_at);
            let silent_since = last_request.max(last_stream);
            is_silent && now.since(silent_since) >= self.config.away.away_after
        };
        if active.is_some_and(is_away) {
            policies.if_away
        } else {
            policies.on_conflict
        }
    }

    /// Announces to the other nodes which sessions listen here, and which have listened until now.
    /// What cannot be written is announced the next time.
    pub(super) async fn announce_listeners(&self) -> Result<(), super::Error> {
        let changes = self.hub.take_listener_changes();
        let away_after = self.config.away.away_after;
        let announcement = self
            .store
            .announce_listeners(self.node, &changes, away_after);
        if let Err(error) = announcement.await {
            let sessions = changes.into_iter().map(|(session, _)| session);
            self.hub.put_back_listener_changes(sessions);
            return Err(error.into());
        }
        Ok(())
    }

    /// Forgets the streams that were closed so long ago that they no longer matter.
    pub(super) fn forget_former_listeners(&self) {
        let before = self.now().minus(self.config.away.away_after);
        self.hub.forget_listeners(before);
    }
}
