//! The source of randomness for secrets and ids. Nothing else in the crate makes secrets or ids
//! from system randomness, so a test can use a fixed seed.

use std::fmt;

/// A source of random bytes that are fit for secrets.
pub trait Random: fmt::Debug + Send + Sync + 'static {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's cryptographically secure random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(
        clippy::expect_used,
        reason = "no secret can be made without random bytes, so the process must stop"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system has a random source");
    }
}
