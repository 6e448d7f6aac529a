//! The failed logins of mobile numbers.

use rusqlite::{Connection, params};

use super::read::sql_limit;
use crate::{
    domain::{Mobile, Timestamp},
    store::{FailedLogin, FailedLogins},
};

/// Stores the failures of one number, in the place of those that were stored before, and forgets all
/// that no longer count. One process owns the file, so it knows all failures.
pub(super) fn save(
    connection: &Connection,
    failure: &FailedLogin,
    now: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM failed_logins WHERE count_until <= ?")?
        .execute([now.as_millis()])?;
    connection
        .prepare_cached(
            "INSERT INTO failed_logins (mobile, count_until) VALUES (?, ?) \
             ON CONFLICT (mobile) DO UPDATE SET count_until = excluded.count_until",
        )?
        .execute(params![
            failure.mobile.as_str(),
            now.plus(failure.remaining).as_millis()
        ])?;
    Ok(())
}

/// Returns the failures that still count, those that count longest first.
pub(super) fn load(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<FailedLogins>> {
    connection
        .prepare_cached(
            "SELECT mobile, count_until FROM failed_logins WHERE count_until > ? \
             ORDER BY count_until DESC LIMIT ?",
        )?
        .query_map(params![now.as_millis(), sql_limit(limit)], |row| {
            let mobile = Mobile::from_stored(row.get_ref("mobile")?.as_str()?);
            Ok(FailedLogins {
                mobile: mobile.map_err(|error| {
                    rusqlite::Error::FromSqlConversionFailure(
                        0,
                        rusqlite::types::Type::Text,
                        error.into(),
                    )
                })?,
                remaining: Timestamp::from_millis(row.get("count_until")?).since(now),
            })
        })?
        .collect()
}
