//! An operation whose sender is known.

use std::sync::Arc;

use async_graphql::Data;

use super::{super::cookies::CookieSlot, request::CheckedOperation};
use crate::{access::Caller, service::Client};

/// A checked operation, with what its resolvers know of its sender.
pub(super) struct AuthenticatedOperation {
    pub operation: CheckedOperation,
    pub client: Client,
    pub caller: Caller,
    pub cookie: Option<Arc<CookieSlot>>,
}

impl AuthenticatedOperation {
    /// Returns the operation, and the data for its resolvers.
    pub(super) fn into_parts(self) -> (CheckedOperation, Data) {
        let mut data = Data::default();
        data.insert(self.client);
        data.insert(self.caller);
        if let Some(cookie) = self.cookie {
            data.insert(cookie);
        }
        (self.operation, data)
    }
}
