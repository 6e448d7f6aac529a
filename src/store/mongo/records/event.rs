//! The field `event` of a user's document: what the last commit changed, for those who follow the
//! change stream.
//!
//! The text is `<version>;<parts>/<last alert>`. The parts follow one another without a space:
//! `a<number>;` for the alerts of the commit, `e<key>,<time>,<reason>,<successor>;` for the session
//! that was active and has ended, and `s<key>,<time>,<expiry>;` for the session that became active.
//! Earlier versions write no semicolon, and read what follows the slash.

use std::fmt::Write;

use uuid::Uuid;

use crate::{
    domain::{ActivatedSession, ActiveChange, Ended, EndedSession, SessionKey, Timestamp},
    store::{
        Commit, Committed,
        names::{end_reason_from_name, end_reason_name},
    },
};

/// The value in a tombstone.
pub(in crate::store::mongo) const DELETED: &str = "deleted";

/// The value after a commit. It is different after each commit, so that the change stream always
/// receives it whole.
pub(in crate::store::mongo) fn event_of(commit: &Commit) -> String {
    let (version, last_alert) = (commit.user.version, commit.user.last_alert);
    let mut parts = String::new();
    if !commit.alerts.is_empty() {
        append(&mut parts, format_args!("a{};", commit.alerts.len()));
    }
    if let Some(EndedSession { key, end }) = &commit.active_change.ended {
        let (at, reason) = (end.at.as_millis(), end_reason_name(end.reason));
        let successor = end.replaced_by.map(simple).unwrap_or_default();
        append(
            &mut parts,
            format_args!("e{},{at},{reason},{successor};", simple(*key)),
        );
    }
    if let Some(session) = &commit.active_change.activated {
        let (at, expires_at) = (session.at.as_millis(), session.expires_at.as_millis());
        append(
            &mut parts,
            format_args!("s{},{at},{expires_at};", simple(session.key)),
        );
    }
    format!("{version};{parts}/{last_alert}")
}

fn append(text: &mut String, part: std::fmt::Arguments<'_>) {
    // Writing to a text never fails.
    let _ = text.write_fmt(part);
}

fn simple(key: SessionKey) -> String {
    key.as_uuid().simple().to_string()
}

/// Returns the sequence of the user's last alert after the event. It is 0 after a deletion.
pub(in crate::store::mongo) fn last_alert_of(event: &str) -> Option<u64> {
    if event == DELETED {
        return Some(0);
    }
    let (_, sequence) = event.split_once('/')?;
    sequence.parse().ok()
}

/// Returns the version of the user after the event. `None` after a deletion.
pub(in crate::store::mongo) fn version_of(event: &str) -> Option<u64> {
    let (version, _) = event.split_once([';', '/'])?;
    version.parse().ok()
}

/// Returns the feed's part of a commit. `None` if the text has none, because an earlier version
/// wrote it, or if it cannot be read.
pub(in crate::store::mongo) fn committed_of(event: &str) -> Option<Committed> {
    let last_alert = last_alert_of(event)?;
    let (parts, _) = event.split_once('/')?;
    let (_, parts) = parts.split_once(';')?;
    let mut active_change = ActiveChange::default();
    let mut alerts = 0;
    for part in parts.split_terminator(';') {
        let kind = part.chars().next()?;
        let values = part.get(1..)?;
        match kind {
            'a' => alerts = values.parse().ok()?,
            'e' => active_change.ended = Some(ended(values)?),
            's' => active_change.activated = Some(activated(values)?),
            _ => return None,
        }
    }
    let end = last_alert.checked_add(1)?;
    Some(Committed {
        active_change,
        alerts: end.checked_sub(alerts)?..end,
    })
}

fn ended(values: &str) -> Option<EndedSession> {
    let mut values = values.split(',');
    let mut next = || values.next();
    let (key_text, at, reason, successor) = (next()?, next()?, next()?, next()?);
    let replaced_by = match successor {
        "" => None,
        key_text => Some(key(key_text)?),
    };
    Some(EndedSession {
        key: key(key_text)?,
        end: Ended {
            at: instant(at)?,
            reason: end_reason_from_name(reason).ok()?,
            replaced_by,
        },
    })
}

fn activated(values: &str) -> Option<ActivatedSession> {
    let mut values = values.split(',');
    let mut next = || values.next();
    let (key_text, at, expires_at) = (next()?, next()?, next()?);
    Some(ActivatedSession {
        key: key(key_text)?,
        at: instant(at)?,
        expires_at: instant(expires_at)?,
    })
}

fn key(text: &str) -> Option<SessionKey> {
    Uuid::try_parse(text).ok().map(SessionKey::new)
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_of_an_earlier_version_has_a_last_alert_and_no_feed() {
        assert_eq!(last_alert_of("5/2"), Some(2));
        assert_eq!(version_of("5/2"), Some(5));
        assert_eq!(version_of("5;a1;/2"), Some(5));
        assert_eq!(version_of(DELETED), None);
        assert_eq!(committed_of("5/2"), None);
        let empty = committed_of("5;/2").unwrap();
        assert!(empty.active_change.is_empty() && empty.alerts.is_empty());
        assert_eq!(committed_of("5;a2;/2").unwrap().alerts, 1..3);
    }

    #[test]
    fn a_text_that_is_not_an_event_has_no_feed() {
        for text in [
            "",
            "5;",
            "5;x1;/2",
            "5;a3;/1",
            "5;e1,2;/1",
            "5;s,,;/1",
            "5;;/1",
            "deleted",
        ] {
            assert_eq!(committed_of(text), None, "{text}");
        }
    }
}
