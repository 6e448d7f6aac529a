//! The source of randomness for secrets and ids. Nothing else in the crate makes secrets or ids
//! from system randomness, so a test can use a fixed seed.

use std::{cell::RefCell, fmt};

/// The random bytes that a thread requests from the operating system at once: enough for the ids and
/// the secrets of some logins, so that not each of them takes a system call.
const RESERVE: usize = 1024;

/// The bytes that a thread has requested and not used yet. Used bytes are overwritten.
struct Reserve {
    bytes: [u8; RESERVE],
    used: usize,
}

thread_local! {
    static UNUSED: RefCell<Reserve> = const {
        RefCell::new(Reserve { bytes: [0; RESERVE], used: RESERVE })
    };
}

/// A source of random bytes that are fit for secrets.
pub trait Random: fmt::Debug + Send + Sync + 'static {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's cryptographically secure random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() > RESERVE {
            return request(bytes);
        }
        UNUSED.with_borrow_mut(|reserve| reserve.take(bytes));
    }
}

impl Reserve {
    fn take(&mut self, bytes: &mut [u8]) {
        if self.bytes.len() - self.used < bytes.len() {
            request(&mut self.bytes);
            self.used = 0;
        }
        let taken = &mut self.bytes[self.used..][..bytes.len()];
        bytes.copy_from_slice(taken);
        taken.fill(0);
        self.used += bytes.len();
    }
}

#[expect(
    clippy::expect_used,
    reason = "no secret can be made without random bytes, so the process must stop"
)]
fn request(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system has a random source");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_random_bytes_are_given_out_twice_or_kept() {
        let mut given = HashSet::new();
        for number in 0..1000 {
            let mut bytes = [0; 32];
            SystemRandom.fill(&mut bytes[..16 + number % 17]);
            assert!(given.insert(bytes[..16].to_vec()));
        }
        UNUSED.with_borrow(|reserve| {
            assert!(reserve.used > 0);
            assert!(reserve.bytes[..reserve.used].iter().all(|byte| *byte == 0));
        });
        let mut large = vec![0; RESERVE + 1];
        SystemRandom.fill(&mut large);
        assert!(large[..16] != [0; 16] && large[RESERVE - 15..] != [0; 16]);
    }
}
