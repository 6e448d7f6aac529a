//! The GraphQL API over [`Service`](crate::service::Service).
//!
//! - `schema` holds the types and their thin resolvers, and prints `schema.graphql`.
//! - `execution` decodes an operation, checks it against the limits, and executes it.
//! - `direct` writes the responses to the most frequent queries without the resolvers.
//! - `errors` maps each error of the service to a stable code, and `messages` to a sentence.

mod cookies;
mod direct;
mod errors;
mod execution;
mod messages;
mod schema;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::execution::check_document;
pub use self::{
    cookies::{CookieChange, CookieSlot},
    errors::ErrorCode,
    execution::{
        Api, DecodeError, DocumentSource, OperationRequest, Parameters, PersistedQuery,
        PreparedOperation, Sender, SingleResponse, StreamItem, UncheckedRequest, is_request_error,
        json_problem,
    },
    schema::sdl,
};
