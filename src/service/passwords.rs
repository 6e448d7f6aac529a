//! Password hashing with Argon2id at the parameters of the OWASP Password Storage Cheat Sheet (19
//! MiB, 2 passes, 1 lane).
//!
//! A flood of logins must not slow down token checks. Each hash therefore runs on a thread of its
//! own with a low priority, fewer of them run at the same time than there are processors, and a
//! bounded number of logins waits ([decision
//! 32](../../../docs/decisions/0032-hashes-behind-token-checks.md)).

use std::{sync::Arc, time::Duration};

use argon2::{
    Argon2,
    password_hash::{self, PasswordHasher, PasswordVerifier},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{BreachedPasswords, Error};
use crate::{
    domain::{InputRule, InvalidInput, Mobile, Password, PasswordHash, UserState, Username},
    ids::IdGenerator,
    metrics::InUse,
};

/// The maximum time that a request waits for a hash slot. After it, the request fails with
/// [`Error::Busy`].
const HASH_SLOT_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum number of requests that wait for each hash slot. Their hashes take about a second. A
/// request beyond it fails with [`Error::Busy`] at once, so that a flood of logins neither fills the
/// memory nor makes each login wait for [`HASH_SLOT_TIMEOUT`].
const MAX_WAITING_PER_SLOT: usize = 32;

/// The nice value of the threads that hash. While other threads use every processor, such a thread
/// gets about a tenth of the time of one: logins become slow, and do not stop.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Hashes and verifies passwords. Clones share the slots.
#[derive(Debug, Clone)]
pub(super) struct Passwords {
    slots: Arc<Semaphore>,
    /// The places of the requests that wait for a slot.
    queue: Arc<Semaphore>,
    breached: Option<Arc<BreachedPasswords>>,
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
    pub(super) fn new(
        max_concurrent: usize,
        breached: Option<Arc<BreachedPasswords>>,
        ids: IdGenerator,
    ) -> Result<Self, Error> {
        let dummy_hash = hash(&ids.secret(), &ids.secret())?;
        Ok(Self {
            slots: Arc::new(Semaphore::new(max_concurrent)),
            queue: Arc::new(Semaphore::new(max_concurrent * MAX_WAITING_PER_SLOT)),
            breached,
            ids,
            dummy_hash,
        })
    }

    /// Waits for a slot, at most [`HASH_SLOT_TIMEOUT`], and only if fewer than
    /// [`MAX_WAITING_PER_SLOT`] requests wait for each.
    pub(super) async fn acquire_slot(&self) -> Result<HashSlot, Error> {
        let _place = self.queue.try_acquire().map_err(|_| Error::Busy)?;
        let _waiting = InUse::of(|metrics| &metrics.hashes_waiting);
        let slot = Arc::clone(&self.slots).acquire_owned();
        match tokio::time::timeout(HASH_SLOT_TIMEOUT, slot).await {
            Ok(Ok(permit)) => Ok(HashSlot(permit)),
            // The semaphore is never closed, so only the timeout can end the wait.
            Ok(Err(_)) | Err(_) => Err(Error::Busy),
        }
    }

    /// Hashes a new password, unless it is easy to guess or known from a breach.
    pub(super) async fn hash_new(&self, new: NewPassword) -> Result<PasswordHash, Error> {
        let slot = self.acquire_slot().await?;
        let (salt, breached) = (self.ids.secret(), self.breached.clone());
        let work = move || {
            let NewPassword {
                field,
                password,
                mobile,
                username,
            } = new;
            password.reject_guessable(field, &mobile, &username)?;
            if let Some(breached) = breached
                && breached.contains(password.as_bytes())?
            {
                return Err(InvalidInput::new(field, InputRule::BreachedPassword).into());
            }
            hash(password.as_bytes(), &salt)
        };
        let (hash, _slot) = run_hash(slot, work).await?;
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
        let (verified, slot) = run_hash(slot, move || {
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

/// Runs `work` on a thread of its own. The start of a thread takes less than a hundredth of the time
/// of a hash.
async fn run_hash<T: Send + 'static>(
    slot: HashSlot,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<(T, HashSlot), Error> {
    let (reply, result) = oneshot::channel();
    let thread = move || {
        lower_priority();
        // The slot is not released before the work is done, even if the caller has given up before.
        // Then the reply fails, and drops it.
        let _ = reply.send((work(), slot));
    };
    std::thread::Builder::new()
        .name("sessiond-hash".to_owned())
        .spawn(thread)
        .map_err(|error| Error::Hashing(error.to_string()))?;
    // A panic of the thread drops the sender. The panic hook has logged the panic.
    result
        .await
        .map_err(|_| Error::Hashing("the thread panicked".to_owned()))
}

/// Lowers the priority of this thread. A thread that keeps its priority hashes too.
#[cfg(target_os = "linux")]
fn lower_priority() {
    // On Linux, the nice value belongs to the thread, although POSIX says the process.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "could not lower the priority of a thread that hashes");
    }
}

/// On other systems, the priority belongs to the whole process.
#[cfg(not(target_os = "linux"))]
const fn lower_priority() {}

fn hash(password: &[u8], salt: &[u8; 32]) -> Result<PasswordHash, Error> {
    Argon2::default()
        .hash_password_with_salt(password, &salt[..16])
        .map(|hash| PasswordHash::new(hash.to_string()))
        .map_err(|error| Error::Hashing(error.to_string()))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::{clock::SystemClock, random::SystemRandom};

    fn passwords(max_concurrent: usize) -> Passwords {
        let ids = IdGenerator::new(Arc::new(SystemClock), Arc::new(SystemRandom));
        Passwords::new(max_concurrent, None, ids).unwrap()
    }

    #[tokio::test]
    async fn a_request_beyond_the_queue_fails_at_once_and_the_others_keep_their_place() {
        let passwords = passwords(1);
        let slot = passwords.acquire_slot().await.unwrap();
        let mut waiting: Vec<_> = (0..MAX_WAITING_PER_SLOT)
            .map(|_| Box::pin(passwords.acquire_slot()))
            .collect();
        for request in &mut waiting {
            assert!(request.as_mut().now_or_never().is_none());
        }
        let beyond = passwords.acquire_slot().now_or_never();
        assert!(matches!(beyond, Some(Err(Error::Busy))));

        drop(slot);
        let first = waiting.remove(0).now_or_never();
        assert!(matches!(first, Some(Ok(_))));
        assert!(passwords.acquire_slot().now_or_never().is_none());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_password_is_hashed_on_a_thread_of_low_priority_and_others_keep_theirs() {
        let nice = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            // The name may contain spaces, and ends at the last parenthesis. The nice value is
            // field 19, and the state after the name is field 3 (proc_pid_stat(5)).
            let (_, fields) = stat.rsplit_once(") ").unwrap();
            let nice = fields.split(' ').nth(16).unwrap();
            nice.parse::<i32>().unwrap()
        };
        let before = nice();
        let slot = passwords(1).acquire_slot().await.unwrap();
        let (lowered, _slot) = run_hash(slot, nice).await.unwrap();
        assert_eq!(lowered, NICE);
        assert_eq!(nice(), before);
    }
}
