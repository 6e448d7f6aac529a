//! What a read of a user leaves for the pages of the user's lists.

use std::{any::Any, fmt, sync::Arc};

use crate::domain::UserState;

/// A user as one read of the store found it.
#[derive(Debug, Clone)]
pub struct ReadUser {
    /// The user's state.
    pub state: UserState,
    /// The rest of what was read.
    pub snapshot: Snapshot,
}

impl ReadUser {
    /// A user of a store that reads lists from a place of their own.
    pub(super) fn without_snapshot(state: UserState) -> Self {
        Self {
            state,
            snapshot: Snapshot::default(),
        }
    }
}

/// What a store has read of a user besides the state, so that the first pages of the user's lists
/// need no further read of it. Empty if the store reads lists from a place of their own.
#[derive(Clone, Default)]
pub struct Snapshot(Option<Arc<dyn Any + Send + Sync>>);

impl Snapshot {
    pub(super) fn new(contents: impl Any + Send + Sync) -> Self {
        Self(Some(Arc::new(contents)))
    }

    /// The contents. `None` if the snapshot is empty, or is one of another store.
    pub(super) fn contents<T: Any>(&self) -> Option<&T> {
        self.0.as_deref()?.downcast_ref()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "[snapshot]"
        } else {
            "[no snapshot]"
        })
    }
}
