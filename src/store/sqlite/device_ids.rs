//! The migration that replaces the ids of devices with their hashes. Earlier versions stored the ids
//! as they were sent.

use rusqlite::{Transaction, params};
use rusqlite_migration::{HookError, HookResult};

use crate::domain::DeviceId;

/// The number of sessions that are read at once.
const PAGE_SIZE: usize = 1000;

/// The primary key of a session: its user and its token's hash.
type Key = (Vec<u8>, Vec<u8>);

/// Replaces the ids of all sessions, in the order of their primary key.
pub(super) fn hash_all(transaction: &Transaction<'_>) -> HookResult {
    // Overwrites ids in the file instead of only marking their space as free. Space that moves when
    // a page is rebuilt may keep some: only VACUUM removes all.
    transaction.pragma_update(None, "secure_delete", true)?;
    let mut select = transaction.prepare(
        "SELECT user, token_hash, device_id FROM sessions \
         WHERE (user, token_hash) > (?, ?) AND device_id IS NOT NULL \
         ORDER BY user, token_hash LIMIT ?",
    )?;
    let mut update = transaction
        .prepare("UPDATE sessions SET device_id = ? WHERE user = ? AND token_hash = ?")?;
    let mut last: Key = Default::default();
    loop {
        let page: Vec<(Key, String)> = select
            .query_map(params![last.0, last.1, PAGE_SIZE], |row| {
                Ok(((row.get(0)?, row.get(1)?), row.get(2)?))
            })?
            .collect::<Result<_, _>>()?;
        let Some((end, _)) = page.last() else {
            break;
        };
        last = end.clone();
        for ((user, token_hash), id) in page {
            let id = DeviceId::from_stored(&id)
                .map_err(|error| HookError::Hook(format!("a device id is damaged: {error}")))?;
            update.execute(params![id.to_stored(), user, token_hash])?;
        }
    }
    transaction.pragma_update(None, "secure_delete", false)?;
    Ok(())
}
