//! The column `recent_conflicts`, whose value contains several entries.

use std::array;

use crate::domain::{Fingerprint, RecentConflict, Timestamp};

/// The bytes of a fingerprint.
const FINGERPRINT_LEN: usize = 16;

/// The bytes of one entry of the column `recent_conflicts`: a fingerprint, and the time of the
/// alert in milliseconds since the Unix epoch (8 bytes, big-endian).
const CONFLICT_LEN: usize = FINGERPRINT_LEN + 8;

/// Encodes the column `recent_conflicts`: the entries one after the other, oldest first. They are
/// one value and not rows of a table, because they are always read and written together with their
/// user, and there are at most 16 of them.
pub(super) fn encode_conflicts(conflicts: &[RecentConflict]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(conflicts.len() * CONFLICT_LEN);
    for conflict in conflicts {
        bytes.extend_from_slice(conflict.device.as_bytes());
        bytes.extend_from_slice(&conflict.at.as_millis().to_be_bytes());
    }
    bytes
}

pub(super) fn decode_conflicts(bytes: &[u8]) -> Result<Vec<RecentConflict>, &'static str> {
    let (entries, rest) = bytes.as_chunks::<CONFLICT_LEN>();
    if !rest.is_empty() {
        return Err("the recent conflicts are truncated");
    }
    let decode = |entry: &[u8; CONFLICT_LEN]| {
        let millis = array::from_fn(|index| entry[FINGERPRINT_LEN + index]);
        RecentConflict {
            device: Fingerprint::from_bytes(array::from_fn(|index| entry[index])),
            at: Timestamp::from_millis(i64::from_be_bytes(millis)),
        }
    };
    Ok(entries.iter().map(decode).collect())
}
