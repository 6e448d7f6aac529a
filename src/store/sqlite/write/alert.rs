//! The statement that writes the row of an alert.

use super::bytes;
use crate::{
    domain::Alert,
    store::{
        names::alert_kind_name,
        sqlite::{prepared::Prepared, records::Part},
    },
};

/// The value of the column `session` of an alert about the user only.
const NO_SESSION: [u8; 0] = [];

pub(super) fn insert(statements: &Prepared<'_>, alert: &Alert) -> rusqlite::Result<usize> {
    let attempt = alert.attempt.as_ref();
    insert!(
        statements,
        records {
            user: alert.user.as_uuid().as_bytes(),
            part: Part::Alert,
            number: alert.sequence,
            kind: alert_kind_name(alert.kind),
            created_at: alert.created_at.as_millis(),
            session: alert
                .session
                .as_ref()
                .map_or(&NO_SESSION[..], |key| &bytes(key)[..]),
            attempt: attempt.map(|attempt| attempt.id.id.as_bytes()),
            attempt_session: attempt
                .and_then(|attempt| attempt.session.as_ref())
                .map(bytes),
            user_agent: attempt.map(|attempt| attempt.user_agent.as_str()),
            address: attempt.map(|attempt| attempt.address.to_string()),
            attempted_at: attempt.map(|attempt| attempt.created_at.as_millis()),
            is_new_device: attempt.and_then(|attempt| attempt.newness.device),
            is_new_place: attempt.and_then(|attempt| attempt.newness.place),
            folded_count: alert.folded_count,
        }
    )
}
