use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};

use sessiond::{ambient::Ambient, domain::Timestamp};
use sha2::{Digest, Sha256};

/// A clock that moves when it is told to, and chance that repeats itself, but never that of another node.
#[derive(Debug)]
pub struct Still {
    node: u64,
    now: AtomicI64,
    drawn: AtomicU64,
}

impl Default for Still {
    /// 2024-11-22T10:45:47.209Z.
    fn default() -> Self {
        static NODES: AtomicU64 = AtomicU64::new(0);
        let node = NODES.fetch_add(1, Ordering::SeqCst);
        Self { node, now: AtomicI64::new(1_732_272_347_209), drawn: AtomicU64::new(0) }
    }
}

impl Still {
    pub fn advance(&self, by: Duration) {
        self.now.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Ambient for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let drawn = self.drawn.fetch_add(1, Ordering::SeqCst);
            chunk.copy_from_slice(
                &Sha256::digest([self.node, drawn].map(u64::to_be_bytes).concat())[..chunk.len()],
            );
        }
    }
}
