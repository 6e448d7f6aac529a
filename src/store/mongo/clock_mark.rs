//! The clock mark, which shows a node after its start that the clock was set back.

use bson::{Document, doc};

use super::{collections::Collections, errors::unavailable, records::millis};
use crate::{
    domain::Timestamp,
    store::{ClockMark, StoreError},
};

/// The field of the mark, in milliseconds since the Unix epoch.
const MARK: &str = "mark";

/// Selects the document of `meta` with the mark.
fn clock() -> Document {
    doc! { "_id": "clock" }
}

/// A damaged mark counts as missing. The pass that follows saves another one.
pub(super) async fn load(collections: &Collections) -> Result<Option<Timestamp>, StoreError> {
    let found = collections.meta.find_one(clock()).await;
    let found = found.map_err(|error| unavailable(&error))?;
    let mark = found.and_then(|found| found.get_i64(MARK).ok());
    Ok(mark.map(Timestamp::from_millis))
}

pub(super) async fn save(collections: &Collections, mark: ClockMark) -> Result<(), StoreError> {
    let (update, creates) = match mark {
        ClockMark::At(mark) => (doc! { "$set": { MARK: millis(mark) } }, true),
        ClockMark::AtLeast(mark) => (doc! { "$max": { MARK: millis(mark) } }, false),
    };
    let saved = collections.meta.update_one(clock(), update).upsert(creates);
    saved.await.map(drop).map_err(|error| unavailable(&error))
}
