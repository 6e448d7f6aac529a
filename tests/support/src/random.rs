//! Random bytes that a test can reproduce.

use std::sync::atomic::{AtomicU64, Ordering};

use sessiond::random::Random;
use sha2::{Digest, Sha256};

/// Random bytes that are the same in each run and differ between the servers of a run.
#[derive(Debug)]
pub struct SeededRandom {
    seed: u64,
    chunks: AtomicU64,
}

impl Default for SeededRandom {
    fn default() -> Self {
        static SEED: AtomicU64 = AtomicU64::new(0);
        Self {
            seed: SEED.fetch_add(1, Ordering::SeqCst),
            chunks: AtomicU64::new(0),
        }
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let number = self.chunks.fetch_add(1, Ordering::SeqCst);
            let digest = Sha256::digest([self.seed, number].map(u64::to_be_bytes).concat());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    }
}
