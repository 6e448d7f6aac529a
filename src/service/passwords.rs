//! Password hashing with Argon2id at the parameters of the OWASP Password Storage Cheat Sheet (19
//! MiB, 2 passes, 1 lane). Hashing runs on threads for blocking work. The number of concurrent
//! hashes is bounded.

use std::{sync::Arc, time::Duration};

use argon2::{
    Argon2,
    password_hash::{self, PasswordHasher, PasswordVerifier},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Error;
use crate::{
    domain::{Mobile, Password, PasswordHash, UserState, Username},
    ids::IdGenerator,
    metrics::InUse,
};

/// The maximum time that a request waits for a hash slot. After it, the request fails with
/// [`Error::Busy`].
const HASH_SLOT_TIMEOUT: Duration = Duration::from_secs(10);

/// Hashes and verifies passwords. Clones share the slots.
#[derive(Debug, Clone)]
pub(super) struct Passwords {
    slots: Arc<Semaphore>,
    ids: IdGenerator,
    /// The hash to verify against if a user does not exist or has no password, so that the response
    /// takes the same time.
    dummy_hash: PasswordHash,
}

/// A new password of a user.
#[derive(Debug)]
pub(super) struct NewPassword {
    /// The name of the input, for an error.
    pub field: &'static str,
    pub password: Password,
    pub mobile: Mobile,
    pub username: Username,
}

/// The right to hash one password.
#[derive(Debug)]
pub(super) struct HashSlot(
    #[expect(dead_code, reason = "the permit is released when it is dropped")] OwnedSemaphorePermit,
);

impl Passwords {
    /// Allows at most `max_concurrent` hashes at the same time. Each takes 19 MiB of memory.
    pub(super) fn new(max_concurrent: usize, ids: IdGenerator) -> Result<Self, Error> {
        let dummy_hash = hash(&ids.secret(), &ids.secret())?;
        Ok(Self {
            slots: Arc::new(Semaphore::new(max_concurrent)),
            ids,
            dummy_hash,
        })
    }

    /// Waits for a slot, at most [`HASH_SLOT_TIMEOUT`].
    pub(super) async fn acquire_slot(&self) -> Result<HashSlot, Error> {
        let _waiting = InUse::of(|metrics| &metrics.hashes_waiting);
        let slot = Arc::clone(&self.slots).acquire_owned();
        match tokio::time::timeout(HASH_SLOT_TIMEOUT, slot).await {
            Ok(Ok(permit)) => Ok(HashSlot(permit)),
            // The semaphore is never closed, so only the timeout can end the wait.
            Ok(Err(_)) | Err(_) => Err(Error::Busy),
        }
    }

    /// Hashes a new password, unless it is easy to guess.
    pub(super) async fn hash_new(&self, new: NewPassword) -> Result<PasswordHash, Error> {
        let slot = self.acquire_slot().await?;
        let salt = self.ids.secret();
        let work = move || {
            let NewPassword {
                field,
                password,
                mobile,
                username,
            } = new;
            password.reject_guessable(field, &[mobile.as_str(), username.as_str()])?;
            hash(password.as_bytes(), &salt)
        };
        let (hash, _slot) = run_blocking(slot, work).await?;
        hash
    }

    /// Returns true if `password` is the password of `user`. If there is no user, or the user has
    /// no password, returns false after the same time. A stored hash that is damaged matches
    /// nothing, and is logged. Also returns the slot, so that the caller can count a failure before
    /// another guess gets the slot.
    ///
    /// A password that normalization changes is hashed twice if its first form does not match,
    /// because a hash that was made before passwords were normalized matches the text as it was
    /// typed. `setPassword` replaces such a hash.
    pub(super) async fn verify(
        &self,
        slot: HashSlot,
        password: Password,
        user: Option<&UserState>,
    ) -> Result<(bool, HashSlot), Error> {
        let stored = user.and_then(|user| Some((user.owner.id, user.password.as_ref()?)));
        let expected = stored.map_or(&self.dummy_hash, |(_, hash)| hash).clone();
        let (verified, slot) = run_blocking(slot, move || {
            let mut result = Err(password_hash::Error::PasswordInvalid);
            for text in password.candidates() {
                result = Argon2::default().verify_password(text, expected.as_str());
                if result.is_ok() {
                    break;
                }
            }
            result
        })
        .await?;
        let matches = match (stored, verified) {
            (Some(_), Ok(())) => true,
            (None, _) | (Some(_), Err(password_hash::Error::PasswordInvalid)) => false,
            (Some((user, _)), Err(error)) => {
                // The error names the kind of damage, and quotes nothing of the hash.
                tracing::error!(%user, %error, "a stored password hash is damaged");
                false
            }
        };
        Ok((matches, slot))
    }
}

async fn run_blocking<T: Send + 'static>(
    slot: HashSlot,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<(T, HashSlot), Error> {
    // The slot is not released before the work is done, even if the caller has given up before.
    tokio::task::spawn_blocking(move || (work(), slot))
        .await
        .map_err(|error| Error::Hashing(error.to_string()))
}

fn hash(password: &[u8], salt: &[u8; 32]) -> Result<PasswordHash, Error> {
    Argon2::default()
        .hash_password_with_salt(password, &salt[..16])
        .map(|hash| PasswordHash::new(hash.to_string()))
        .map_err(|error| Error::Hashing(error.to_string()))
}
