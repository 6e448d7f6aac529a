//! The feed of all users: which sessions became active and which ended.

use std::{collections::VecDeque, fmt, sync::Arc};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};

use super::{Action, Error, Service};
use crate::{
    access::{Caller, Scope},
    clock::Clock,
    domain::{
        ActivatedSession, ActiveChange, EndedSession, InputRule, InvalidInput, Timestamp, UserId,
    },
    store::{Feed, FeedChange, FeedChangeKind, FeedError, FeedItem, FeedPosition},
};

/// A place in the feed, between two events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventCursor {
    position: FeedPosition,
    /// The number of events of the change after `position` that were sent already. A commit that
    /// ends one session and activates another has two.
    index: usize,
}

impl EventCursor {
    const fn at(position: FeedPosition) -> Self {
        Self { position, index: 0 }
    }

    /// Parses the form that [`fmt::Display`] writes. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (position, index) = match text.split_once('.') {
            None => (text, 0),
            Some((position, "1")) => (position, 1),
            Some(_) => return None,
        };
        let position = FeedPosition::parse(position)?;
        Some(Self { position, index })
    }
}

impl fmt::Display for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.position.as_str())?;
        match self.index {
            0 => Ok(()),
            index => write!(f, ".{index}"),
        }
    }
}

/// One event of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEvent {
    /// The place after this event.
    pub cursor: EventCursor,
    /// The time of the event.
    pub at: Timestamp,
    /// What has happened.
    pub kind: SessionEventKind,
}

/// What an event of the feed reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEventKind {
    /// A session of this user became active.
    Active(UserId, ActivatedSession),
    /// A session of this user that was active has ended.
    Ended(UserId, EndedSession),
    /// This user was deleted with all sessions.
    UserDeleted(UserId),
    /// The subscriber has received every earlier event.
    CaughtUp,
}

/// The events after a cursor. After an error, the stream ends.
pub type SessionEvents = BoxStream<'static, Result<SessionEvent, Error>>;

impl Service {
    /// Returns the end of the feed.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`] or [`Error::MissingScope`] if the caller is
    /// not the service with [`Scope::Check`] or [`Scope::Read`], and [`Error::Store`] if the store
    /// fails.
    pub async fn event_cursor(&self, caller: &Caller) -> Result<EventCursor, Error> {
        self.may_follow_events(caller)?;
        Ok(EventCursor::at(self.store.feed_end().await?))
    }

    /// Follows the feed after a cursor, or from its end.
    ///
    /// # Errors
    /// As for [`Service::event_cursor`], and [`Error::Invalid`] if the text is not a cursor. The
    /// stream fails with [`Error::CursorExpired`] if the cursor is too old or not one of this
    /// database.
    pub async fn session_events(
        &self,
        caller: &Caller,
        after: Option<&str>,
    ) -> Result<SessionEvents, Error> {
        self.may_follow_events(caller)?;
        let after = match after {
            Some(text) => EventCursor::parse(text)
                .ok_or_else(|| InvalidInput::new("after", InputRule::EventCursor))?,
            None => EventCursor::at(self.store.feed_end().await?),
        };
        let reader = EventReader {
            feed: self.store.feed(after.position.clone()),
            before: after.position,
            sent: after.index,
            events: VecDeque::new(),
            clock: Arc::clone(&self.clock),
        };
        Ok(stream::unfold(reader, async |mut reader| {
            let event = reader.next().await?;
            Some((event, reader))
        })
        .boxed())
    }

    fn may_follow_events(&self, caller: &Caller) -> Result<(), Error> {
        self.only_service(caller, Action::FollowSessionEvents)?;
        if !caller.has_scope(Scope::Read) {
            caller.require(Scope::Check)?;
        }
        Ok(())
    }
}

/// Splits the changes of the feed into events. Holds the events of one change.
struct EventReader {
    feed: Feed,
    /// The position before the next change.
    before: FeedPosition,
    /// The number of events of the next change that the subscriber has received already.
    sent: usize,
    events: VecDeque<SessionEvent>,
    clock: Arc<dyn Clock>,
}

impl EventReader {
    async fn next(&mut self) -> Option<Result<SessionEvent, Error>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(Ok(event));
            }
            match self.feed.next().await? {
                Ok(FeedItem::CaughtUp(position)) => {
                    self.before = position.clone();
                    return Some(Ok(SessionEvent {
                        cursor: EventCursor::at(position),
                        at: self.clock.now(),
                        kind: SessionEventKind::CaughtUp,
                    }));
                }
                Ok(FeedItem::Change(change)) => self.split(&change),
                Err(FeedError::Expired) => return Some(Err(Error::CursorExpired)),
                Err(FeedError::Store(error)) => return Some(Err(error.into())),
            }
        }
    }

    fn split(&mut self, change: &FeedChange) {
        let kinds = events_of(change.user, &change.kind);
        let last = kinds.len();
        let before = std::mem::replace(&mut self.before, change.position.clone());
        let events = (1..).zip(kinds).map(|(index, (at, kind))| SessionEvent {
            cursor: if index == last {
                EventCursor::at(change.position.clone())
            } else {
                EventCursor {
                    position: before.clone(),
                    index,
                }
            },
            at,
            kind,
        });
        // A change without events is not the one that was sent in part.
        let sent = if last > 0 {
            std::mem::take(&mut self.sent)
        } else {
            0
        };
        self.events = events.skip(sent).collect();
    }
}

/// The events of a change, with their times: the end of a session before the start of the next one.
fn events_of(user: UserId, change: &FeedChangeKind) -> Vec<(Timestamp, SessionEventKind)> {
    match change {
        FeedChangeKind::Deleted(at) => vec![(*at, SessionEventKind::UserDeleted(user))],
        FeedChangeKind::Committed(committed) => {
            let ActiveChange { ended, activated } = &committed.active_change;
            let ended = ended.map(|ended| (ended.end.at, SessionEventKind::Ended(user, ended)));
            let activated =
                activated.map(|session| (session.at, SessionEventKind::Active(user, session)));
            ended.into_iter().chain(activated).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_another_text_is_none() {
        for text in ["abc-_1", "abc.1"] {
            assert_eq!(EventCursor::parse(text).unwrap().to_string(), text);
        }
        let long = "a".repeat(FeedPosition::MAX_CHARS + 1);
        for text in [
            "", ".1", "abc.", "abc.0", "abc.2", "abc.1.1", "a b", "ä", &long,
        ] {
            assert_eq!(EventCursor::parse(text), None, "{text}");
        }
    }
}
