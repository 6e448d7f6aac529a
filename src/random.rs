//! The source of randomness for secrets and ids. Nothing else in the crate asks the system for random bytes, so a
//! test can repeat them.

use std::fmt;

/// A source of random bytes that is fit for secrets.
pub trait Random: fmt::Debug + Send + Sync + 'static {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The system's cryptographically secure random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(
        clippy::expect_used,
        reason = "without random bytes no secret can be made, so the process must stop"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system has a random source");
    }
}
