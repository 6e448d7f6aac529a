//! The execution of operations: decoding, limits, and responses.
//!
//! POST, GET and WebSocket decode an operation into an [`OperationRequest`]. [`Api::prepare`] takes
//! its document from a cache. On a cache miss, it counts the tokens of the text, parses it, and
//! checks it against the limits. The executor of async-graphql does the rest: it validates the
//! document, applies the limits that depend on the schema or on variables, and calls the resolvers.

mod api;
mod cache;
mod document;
mod expansion;
mod lexer;
mod request;

pub use self::{
    api::{Api, Sender, StreamItem, is_request_error},
    request::{OperationRequest, PreparedOperation},
};
