//! Passwords are hashed with Argon2id at the parameters of the OWASP Password Storage Cheat Sheet
//! (19 MiB, 2 passes, 1 lane), on threads that may block, a bounded number at once.

use std::{sync::Arc, time::Duration};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Error;
use crate::{
    domain::{Password, PasswordHash},
    ids::IdGenerator,
};

/// How long a request waits for a place to hash: past that the server is too busy for it.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub(super) struct Passwords {
    places: Arc<Semaphore>,
    ids: IdGenerator,
    /// Stands in where a user is not there or has no password, so that the answer takes as long.
    decoy: PasswordHash,
}

/// The right to hash one password now.
#[derive(Debug)]
pub(super) struct Place(OwnedSemaphorePermit);

impl Passwords {
    /// At most `at_once` hashes run at a time, each in 19 MiB of memory.
    pub(super) fn new(at_once: usize, ids: IdGenerator) -> Result<Self, Error> {
        let decoy = hash(&ids.secret(), &ids.secret())?;
        Ok(Self {
            places: Arc::new(Semaphore::new(at_once)),
            ids,
            decoy,
        })
    }

    pub(super) async fn place(&self) -> Result<Place, Error> {
        let place = Arc::clone(&self.places).acquire_owned();
        match tokio::time::timeout(PATIENCE, place).await {
            Ok(Ok(permit)) => Ok(Place(permit)),
            Ok(Err(_)) | Err(_) => Err(Error::Busy),
        }
    }

    pub(super) async fn hash(&self, password: Password) -> Result<PasswordHash, Error> {
        let place = self.place().await?;
        let salt = self.ids.secret();
        off_thread(place, move || hash(password.as_bytes(), &salt)).await?
    }

    /// Whether `password` is the one that was hashed; false, and as slow, where there is no hash.
    pub(super) async fn verify(
        &self,
        place: Place,
        password: Password,
        expected: Option<PasswordHash>,
    ) -> Result<bool, Error> {
        let (known, expected) = (
            expected.is_some(),
            expected.unwrap_or_else(|| self.decoy.clone()),
        );
        let matches = off_thread(place, move || {
            Argon2::default()
                .verify_password(password.as_bytes(), expected.as_str())
                .is_ok()
        })
        .await?;
        Ok(known && matches)
    }
}

async fn off_thread<T: Send + 'static>(
    place: Place,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(move || {
        // The place is given back when the work is done, not when its caller gives up.
        let Place(_held) = place;
        work()
    })
    .await
    .map_err(|error| Error::Hashing(error.to_string()))
}

fn hash(password: &[u8], salt: &[u8; 32]) -> Result<PasswordHash, Error> {
    Argon2::default()
        .hash_password_with_salt(password, &salt[..16])
        .map(|hash| PasswordHash::new(hash.to_string()))
        .map_err(|error| Error::Hashing(error.to_string()))
}
