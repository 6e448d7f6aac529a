//! The failed logins of mobile numbers.

use rusqlite::{Connection, Row, params};

use super::read::sql_limit;
use crate::{
    domain::{Mobile, Timestamp},
    store::FailedLogins,
};

/// Stores the failures of one number, and forgets all that no longer count.
pub(super) fn save(
    connection: &Connection,
    failures: &FailedLogins,
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
            failures.mobile.as_str(),
            failures.count_until.as_millis()
        ])?;
    Ok(())
}

/// Returns the failures that still count, those that count longest first. Skips damaged rows: the
/// server must start, and a number without its failures begins again.
pub(super) fn load(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<FailedLogins>> {
    let mut statement = connection.prepare_cached(
        "SELECT mobile, count_until FROM failed_logins WHERE count_until > ? \
         ORDER BY count_until DESC LIMIT ?",
    )?;
    let mut rows = statement.query(params![now.as_millis(), sql_limit(limit)])?;
    let (mut all, mut damaged) = (Vec::new(), 0_u64);
    while let Some(row) = rows.next()? {
        match read(row) {
            Some(failures) => all.push(failures),
            None => damaged += 1,
        }
    }
    if damaged > 0 {
        tracing::warn!(damaged, "skipped damaged records of failed logins");
    }
    Ok(all)
}

fn read(row: &Row<'_>) -> Option<FailedLogins> {
    let mobile = row.get_ref("mobile").ok()?.as_str().ok()?;
    Some(FailedLogins {
        mobile: Mobile::from_stored(mobile).ok()?,
        count_until: Timestamp::from_millis(row.get("count_until").ok()?),
    })
}
