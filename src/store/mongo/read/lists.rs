//! The lists of one user, read from the document that the request has already read, if it has.

use bson::{Timestamp, doc};
use mongodb::ClusterTime;

use super::{
    super::{
        collections::Collections,
        records::{Entry, StoredUser},
    },
    Reader, pages,
};
use crate::{
    domain::UserId,
    store::{Page, Slice, Snapshot, StoreError},
};

/// What a request has read of a user.
struct Document {
    stored: StoredUser,
    /// The logical times of the read. A later read waits for data that is at least as new.
    operation_time: Option<Timestamp>,
    cluster_time: Option<ClusterTime>,
}

impl Reader<'_> {
    /// Keeps the document and the time of its read for the pages of the user's lists.
    pub(super) fn snapshot(self, stored: StoredUser) -> Snapshot {
        Snapshot::new(Document {
            stored,
            operation_time: self.session.operation_time(),
            cluster_time: self.session.cluster_time().cloned(),
        })
    }

    fn follow(&mut self, document: &Document) {
        if let Some(time) = &document.cluster_time {
            self.session.advance_cluster_time(time);
        }
        if let Some(time) = document.operation_time {
            self.session.advance_operation_time(time);
        }
    }
}

/// The lists of one user.
pub(in super::super) struct Lists<'a> {
    collections: &'a Collections,
    user: UserId,
    snapshot: &'a Snapshot,
}

impl<'a> Lists<'a> {
    pub(in super::super) const fn new(
        collections: &'a Collections,
        user: UserId,
        snapshot: &'a Snapshot,
    ) -> Self {
        Self {
            collections,
            user,
            snapshot,
        }
    }

    /// Returns a page, newest first.
    pub(in super::super) async fn page<E: Entry>(
        &self,
        page: Page,
    ) -> Result<Slice<E::Value>, StoreError> {
        let mut reader = Reader::new(self.collections).await?;
        let mut read = None;
        match self.document(&mut reader, &mut read).await? {
            Some(stored) => pages::descending::<E>(&mut reader, self.user, stored, page).await,
            None => Ok(Slice {
                items: Vec::new(),
                has_more: false,
            }),
        }
    }

    /// Returns the number of entries.
    pub(in super::super) async fn count<E: Entry>(&self) -> Result<u64, StoreError> {
        let mut reader = Reader::new(self.collections).await?;
        let mut read = None;
        match self.document(&mut reader, &mut read).await? {
            Some(stored) => pages::count::<E>(&mut reader, self.user, stored).await,
            None => Ok(0),
        }
    }

    /// Returns at most `limit` entries with a number above `after`, oldest first.
    pub(in super::super) async fn after<E: Entry>(
        &self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<E::Value>, StoreError> {
        let mut reader = Reader::new(self.collections).await?;
        let mut read = None;
        match self.document(&mut reader, &mut read).await? {
            Some(stored) => {
                pages::ascending::<E>(&mut reader, self.user, stored, after, limit).await
            }
            None => Ok(Vec::new()),
        }
    }

    /// The user's document: that of the snapshot, or else one that is read into `read`.
    async fn document<'b>(
        &'b self,
        reader: &mut Reader<'_>,
        read: &'b mut Option<StoredUser>,
    ) -> Result<Option<&'b StoredUser>, StoreError> {
        if let Some(document) = self.snapshot.contents::<Document>() {
            reader.follow(document);
            return Ok(Some(&document.stored));
        }
        *read = reader.user(self.user, doc! {}).await?;
        Ok(read.as_ref())
    }
}
