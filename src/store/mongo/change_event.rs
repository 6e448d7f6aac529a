//! An event of the change stream, as far as a change notification and the feed need it.

use bson::DateTime;
use serde::Deserialize;

use super::records::user_id;
use crate::domain::UserId;

/// An event of the change stream on `users`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeEvent<'a> {
    pub operation_type: &'a str,
    document_key: Option<Key>,
    #[serde(borrow)]
    full_document: Option<Fields<'a>>,
    #[serde(borrow)]
    update_description: Option<UpdateDescription<'a>>,
}

#[derive(Debug, Deserialize)]
struct Key {
    #[serde(rename = "_id")]
    id: bson::Uuid,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateDescription<'a> {
    #[serde(borrow)]
    updated_fields: Option<Fields<'a>>,
}

/// The fields of the user that the event has: all of a new document, and the changed ones otherwise.
#[derive(Debug, Deserialize)]
pub(super) struct Fields<'a> {
    pub event: Option<&'a str>,
    pub deleted_at: Option<DateTime>,
}

impl ChangeEvent<'_> {
    pub(super) fn user(&self) -> Option<UserId> {
        self.document_key.as_ref().map(|key| user_id(key.id))
    }

    pub(super) fn fields(&self) -> Option<&Fields<'_>> {
        let updated = self.update_description.as_ref();
        let updated = updated.and_then(|update| update.updated_fields.as_ref());
        self.full_document.as_ref().or(updated)
    }
}
