//! Responses that are written as JSON without the resolvers of async-graphql.
//!
//! Back ends and gateways send the same few operations all the time: `currentSession`, `user` with its
//! sessions, and `login`. For each field, async-graphql allocates a future, builds a value and copies
//! it into a map, which together take longer than everything else that such a query needs.
//! [`Plan::of`] finds out once, for a validated document, whether it selects nothing but fields
//! that need no future. [`Plan::write`] then writes the response to each request. The alerts of a
//! subscription have an [`AlertPlan`].
//!
//! The resolvers in `schema` remain the definition of every field. `tests/api/direct_responses.rs`,
//! `tests/api/direct_alerts.rs` and `tests/api/validated_documents.rs` compare the responses of both
//! ways. A query that would fail is left to the resolvers, so that there is one place for errors. A
//! login is carried out once, and the resolver gets its result if the payload is not written directly.

mod alert;
mod json;
mod login;
mod plan;
mod write;

pub(super) use self::{
    alert::AlertPlan,
    plan::Plan,
    write::{Request, Written},
};
