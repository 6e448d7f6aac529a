//! Responses that are written as JSON without the resolvers of async-graphql.
//!
//! Back ends and gateways send the same few queries on every request: `currentSession`, and `user`
//! with its sessions. For each field, async-graphql allocates a future, builds a value and copies
//! it into a map, which together take longer than everything else that such a query needs.
//! [`Plan::of`] finds out once, for a validated document, whether its query selects nothing but
//! fields that need no future. [`Plan::write`] then writes the response to each request.
//!
//! The resolvers in `schema` remain the definition of every field. `tests/api/direct_responses.rs` and
//! `tests/api/validated_documents.rs` compare the responses of both ways. A query that would fail is
//! left to the resolvers, so that there is one place for errors.

mod json;
mod plan;
mod write;

pub(super) use self::plan::Plan;
