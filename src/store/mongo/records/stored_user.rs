//! A document of the collection `users`, as it was read.

use bson::{RawBsonRef, RawDocument, RawDocumentBuf, spec::BinarySubtype};
use serde::Deserialize;

use super::{Entry, SessionDocument, UserDocument, decode, user_id};
use crate::{
    domain::{Mobile, Owner, Session, SessionKey, TokenHash, UserState, Username},
    store::{BoxError, StoreError, mongo::errors::damaged},
};

/// The document of a user who exists. Its parts are decoded when they are needed, so that a damaged
/// entry does not make the others fail.
#[derive(Debug)]
pub(in crate::store::mongo) struct StoredUser(RawDocumentBuf);

/// The fields that no commit changes.
#[derive(Deserialize)]
struct Identity {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    mobile: String,
    username: String,
}

/// The field of a tombstone: the time of the deletion, by the clock of the server.
pub(in crate::store::mongo) const DELETED_AT: &str = "deleted_at";

impl StoredUser {
    /// Returns `None` if the document is a tombstone, the mark that a deletion leaves.
    pub(in crate::store::mongo) fn new(document: RawDocumentBuf) -> Option<Self> {
        let is_tombstone = document.get(DELETED_AT).is_ok_and(|at| at.is_some());
        (!is_tombstone).then_some(Self(document))
    }

    pub(in crate::store::mongo) fn owner(&self) -> Result<Owner, StoreError> {
        self.identity().map_err(|error| damaged("user", error))
    }

    fn identity(&self) -> Result<Owner, BoxError> {
        let identity = bson::deserialize_from_slice::<Identity>(self.0.as_bytes())?;
        Ok(Owner {
            id: user_id(identity.id),
            mobile: Mobile::from_stored(&identity.mobile)?,
            username: Username::from_stored(&identity.username)?,
        })
    }

    /// The mobile number as it is stored.
    pub(in crate::store::mongo) fn mobile(&self) -> Option<&str> {
        self.0.get_str("mobile").ok()
    }

    /// The state of the user with its open sessions.
    pub(in crate::store::mongo) fn state(&self) -> Result<UserState, StoreError> {
        let owner = self.owner()?;
        let created_at = self.integer("created_at")?;
        let document = bson::deserialize_from_slice::<UserDocument>(self.0.as_bytes());
        let mut state = document
            .map_err(BoxError::from)
            .and_then(|document| document.into_state(owner, created_at))
            .map_err(|error| damaged("user", error))?;
        let open = |slot| {
            let session = self.open_session(slot)?;
            session
                .map(|session| decode::<SessionDocument>(session, &state.owner))
                .transpose()
        };
        let (active, pending) = (open("active")?, open("pending")?);
        let is_active = |session: &Session| session.status == crate::domain::Status::Active;
        let is_pending = |session: &Session| session.attempt().is_some();
        let are_in_place =
            active.as_ref().is_none_or(is_active) && pending.as_ref().is_none_or(is_pending);
        if !are_in_place {
            return Err(damaged("session", "its status is not that of its place"));
        }
        (state.active, state.pending) = (active, pending);
        Ok(state)
    }

    fn open_session(&self, slot: &str) -> Result<Option<&RawDocument>, StoreError> {
        match self.0.get(slot) {
            Ok(None | Some(RawBsonRef::Null)) => Ok(None),
            Ok(Some(RawBsonRef::Document(session))) => Ok(Some(session)),
            Ok(Some(_)) => Err(damaged("session", "it is not a document")),
            Err(error) => Err(damaged("user", error)),
        }
    }

    fn integer(&self, field: &str) -> Result<i64, StoreError> {
        self.0
            .get_i64(field)
            .map_err(|error| damaged("user", error))
    }

    pub(in crate::store::mongo) fn version(&self) -> Result<i64, StoreError> {
        self.integer("version")
    }

    pub(in crate::store::mongo) fn last_alert(&self) -> Result<i64, StoreError> {
        self.integer("last_alert")
    }

    pub(in crate::store::mongo) fn sessions_opened(&self) -> Result<i64, StoreError> {
        self.integer("sessions_opened")
    }

    /// The number of the last alert that is archived with all alerts before it.
    pub(in crate::store::mongo) fn archived(&self) -> Result<i64, StoreError> {
        self.integer("archived")
    }

    /// The recorded last-seen time of the active session with this key.
    pub(in crate::store::mongo) fn last_seen_of_active(&self, key: SessionKey) -> Option<i64> {
        let active = self.open_session("active").ok()??;
        has_uuid(active, "key", key.as_uuid().as_bytes())
            .then(|| active.get_i64("last_seen_at").ok())?
    }

    /// Whether this slot of the ring of commits holds this id.
    pub(in crate::store::mongo) fn has_commit(&self, slot: &str, id: &bson::Uuid) -> bool {
        let ring = self.0.get_document("commits");
        ring.is_ok_and(|ring| has_uuid(ring, slot, &id.bytes()))
    }

    /// The entries of one kind in the tail, with their numbers.
    pub(in crate::store::mongo) fn tail_of<E: Entry>(&self) -> Vec<(i64, RawBsonRef<'_>)> {
        let entries = self.0.get_document("tail").into_iter().flatten();
        entries
            .filter_map(Result::ok)
            .filter_map(|(name, value)| Some((number_of::<E>(name.as_str())?, value)))
            .collect()
    }

    /// The entries of one kind in this document, with their numbers, the highest first. Alerts are
    /// in the tail only. Sessions are also in the two places of open ones.
    pub(in crate::store::mongo) fn entries<E: Entry>(&self) -> Vec<(i64, RawBsonRef<'_>)> {
        let mut entries = self.tail_of::<E>();
        if E::TAIL_PREFIX == SessionDocument::TAIL_PREFIX {
            let open = ["active", "pending"].into_iter().filter_map(|slot| {
                let value = self.0.get(slot).ok()??;
                let number = value.as_document()?.get_i64(E::NUMBER).ok()?;
                Some((number, value))
            });
            entries.extend(open);
        }
        entries.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
        entries
    }

    /// The session in this document with this key.
    pub(in crate::store::mongo) fn session(
        &self,
        key: SessionKey,
    ) -> Result<Option<Session>, StoreError> {
        self.find_session(|session| has_uuid(session, "key", key.as_uuid().as_bytes()))
    }

    /// The session in this document that a token with this hash opens.
    pub(in crate::store::mongo) fn session_by_token(
        &self,
        hash: &TokenHash,
    ) -> Result<Option<Session>, StoreError> {
        self.find_session(|session| {
            let stored = session.get_binary("token_hash");
            stored.is_ok_and(|stored| stored.bytes == hash.as_bytes())
        })
    }

    fn find_session(
        &self,
        is_wanted: impl Fn(&RawDocument) -> bool,
    ) -> Result<Option<Session>, StoreError> {
        let found = self
            .entries::<SessionDocument>()
            .into_iter()
            .filter_map(|(_, value)| value.as_document())
            .find(|session| is_wanted(session));
        let Some(found) = found else { return Ok(None) };
        decode::<SessionDocument>(found, &self.owner()?).map(Some)
    }
}

/// Returns the number in the name of a tail entry. `None` for an entry of another kind.
fn number_of<E: Entry>(name: &str) -> Option<i64> {
    name.strip_prefix(E::TAIL_PREFIX)?.parse().ok()
}

/// Decodes an entry of the user's document.
pub(in crate::store::mongo) fn decode_value<E: Entry>(
    value: RawBsonRef<'_>,
    owner: &Owner,
) -> Result<E::Value, StoreError> {
    let document = value
        .as_document()
        .ok_or_else(|| damaged(E::KIND, "it is not a document"))?;
    decode::<E>(document, owner)
}

fn has_uuid(document: &RawDocument, field: &str, bytes: &[u8; 16]) -> bool {
    document
        .get_binary(field)
        .is_ok_and(|id| id.subtype == BinarySubtype::Uuid && id.bytes == bytes)
}
