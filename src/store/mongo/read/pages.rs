//! Pages of a user's sessions and alerts, merged from the document and the history.

use std::ops::RangeInclusive;

use bson::{Document, RawBsonRef, RawDocumentBuf, doc};
use futures_util::TryStreamExt;

use super::{
    super::{
        errors::{damaged, unavailable},
        maintenance::server_limit,
        records::{Entry, SessionDocument, StoredUser, decode, decode_value, id, integer},
    },
    Reader,
};
use crate::{
    domain::UserId,
    store::{Page, Slice, StoreError},
};

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Ascending = 1,
    Descending = -1,
}

/// An entry of a list, not decoded yet.
enum Found<'a> {
    InDocument(RawBsonRef<'a>),
    InHistory(RawDocumentBuf),
}

/// Returns a page of a user's entries, newest first.
pub(in super::super) async fn descending<E: Entry>(
    reader: &mut Reader<'_>,
    user: UserId,
    stored: &StoredUser,
    page: Page,
) -> Result<Slice<E::Value>, StoreError> {
    let newest = newest::<E>(stored)?;
    let highest = page.before.map_or(newest, |before| {
        newest.min(integer(before).saturating_sub(1))
    });
    // One more entry shows that more entries follow.
    let limit = page.limit.saturating_add(1);
    let list = List {
        user,
        stored,
        range: 1..=highest,
        order: Order::Descending,
        limit,
    };
    let mut found = list.read::<E>(reader).await?;
    let has_more = found.len() > page.limit;
    found.truncate(page.limit);
    Ok(Slice {
        items: decode_all::<E>(found, stored)?,
        has_more,
    })
}

/// Returns at most `limit` of a user's entries with a number above `after`, oldest first.
pub(in super::super) async fn ascending<E: Entry>(
    reader: &mut Reader<'_>,
    user: UserId,
    stored: &StoredUser,
    after: u64,
    limit: usize,
) -> Result<Vec<E::Value>, StoreError> {
    let list = List {
        user,
        stored,
        range: integer(after).saturating_add(1)..=newest::<E>(stored)?,
        order: Order::Ascending,
        limit,
    };
    let found = list.read::<E>(reader).await?;
    decode_all::<E>(found, stored)
}

/// Returns the number of a user's entries.
pub(in super::super) async fn count<E: Entry>(
    reader: &mut Reader<'_>,
    user: UserId,
    stored: &StoredUser,
) -> Result<u64, StoreError> {
    let held: Vec<i64> = stored
        .entries::<E>()
        .into_iter()
        .map(|(number, _)| number)
        .collect();
    let newest = newest::<E>(stored)?;
    let in_document = held.len() as u64;
    if i64::try_from(in_document) == Ok(newest) {
        return Ok(in_document);
    }
    let filter = doc! {
        "user": id(user.as_uuid()), E::NUMBER: { "$lte": newest, "$nin": held },
    };
    let archived = E::history(reader.collections)
        .count_documents(filter)
        .session(&mut reader.session)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(in_document + archived)
}

/// The highest number of an entry that the document knows.
fn newest<E: Entry>(stored: &StoredUser) -> Result<i64, StoreError> {
    if E::TAIL_PREFIX == SessionDocument::TAIL_PREFIX {
        stored.sessions_opened()
    } else {
        stored.last_alert()
    }
}

/// A list to read.
struct List<'a> {
    user: UserId,
    stored: &'a StoredUser,
    /// The numbers of the entries.
    range: RangeInclusive<i64>,
    order: Order,
    limit: usize,
}

impl<'a> List<'a> {
    /// Reads the entries in order, with their numbers.
    async fn read<E: Entry>(
        &self,
        reader: &mut Reader<'_>,
    ) -> Result<Vec<(i64, Found<'a>)>, StoreError> {
        if self.range.is_empty() || self.limit == 0 {
            return Ok(Vec::new());
        }
        let mut held = self.stored.entries::<E>();
        held.retain(|(number, _)| self.range.contains(number));
        if self.order == Order::Ascending {
            held.reverse();
        }
        if self.is_complete(&held) {
            held.truncate(self.limit);
            return Ok(held.into_iter().map(in_document).collect());
        }
        let merged = self.merge(&held, self.archived::<E>(reader).await?);
        if !has_gap(&merged) {
            return Ok(merged);
        }
        // A number is missing in the middle: its entry was purged, or a member that became the
        // primary does not have it yet.
        Ok(self.merge(&held, self.archived::<E>(reader).await?))
    }

    /// Whether the document proves that it has every entry of the list: `held` has no gap.
    fn is_complete(&self, held: &[(i64, RawBsonRef<'_>)]) -> bool {
        let (first, last) = (*self.range.start(), *self.range.end());
        let all = usize::try_from(last.saturating_sub(first).saturating_add(1));
        let wanted = all.unwrap_or(usize::MAX).min(self.limit);
        let expected = |index: i64| match self.order {
            Order::Ascending => first.saturating_add(index),
            Order::Descending => last.saturating_sub(index),
        };
        let numbers = held.iter().map(|(number, _)| *number);
        held.len() >= wanted
            && numbers
                .zip(0..)
                .take(wanted)
                .all(|(number, index)| number == expected(index))
    }

    async fn archived<E: Entry>(
        &self,
        reader: &mut Reader<'_>,
    ) -> Result<Vec<(i64, RawDocumentBuf)>, StoreError> {
        let filter: Document = doc! {
            "user": id(self.user.as_uuid()),
            E::NUMBER: { "$gte": *self.range.start(), "$lte": *self.range.end() },
        };
        let session = &mut reader.session;
        let found = async {
            E::history(reader.collections)
                .find(filter)
                .sort(doc! { E::NUMBER: self.order as i32 })
                .limit(server_limit(self.limit))
                .session(&mut *session)
                .await?
                .stream(session)
                .try_collect()
                .await
        };
        let found: Vec<RawDocumentBuf> = found.await.map_err(|error| unavailable(&error))?;
        let number = |document: RawDocumentBuf| {
            let number = document.get_i64(E::NUMBER);
            let number = number.map_err(|error| damaged(E::KIND, error))?;
            Ok((number, document))
        };
        found.into_iter().map(number).collect()
    }

    fn merge(
        &self,
        held: &[(i64, RawBsonRef<'a>)],
        archived: Vec<(i64, RawDocumentBuf)>,
    ) -> Vec<(i64, Found<'a>)> {
        let is_held = |number: i64| held.iter().any(|(held, _)| *held == number);
        let archived = archived
            .into_iter()
            .filter(|(number, _)| !is_held(*number))
            .map(|(number, document)| (number, Found::InHistory(document)));
        let mut merged: Vec<_> = held
            .iter()
            .copied()
            .map(in_document)
            .chain(archived)
            .collect();
        merged.sort_by_key(|(number, _)| *number * self.order as i64);
        merged.truncate(self.limit);
        merged
    }
}

const fn in_document((number, value): (i64, RawBsonRef<'_>)) -> (i64, Found<'_>) {
    (number, Found::InDocument(value))
}

fn has_gap(found: &[(i64, Found<'_>)]) -> bool {
    let mut neighbors = found.windows(2);
    neighbors.any(|pair| pair[0].0.abs_diff(pair[1].0) > 1)
}

fn decode_all<E: Entry>(
    found: Vec<(i64, Found<'_>)>,
    stored: &StoredUser,
) -> Result<Vec<E::Value>, StoreError> {
    let owner = stored.owner()?;
    let decode = |(_, found): (i64, Found<'_>)| match found {
        Found::InDocument(value) => decode_value::<E>(value, &owner),
        Found::InHistory(document) => decode::<E>(&document, &owner),
    };
    found.into_iter().map(decode).collect()
}
