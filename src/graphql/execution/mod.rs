//! From the text of an operation to its responses.
//!
//! POST, GET and WebSocket decode an operation into an [`OperationRequest`]. [`Api::prepare`] takes
//! its document from a cache, or counts its tokens, parses it and holds it to the limits. The
//! executor of async-graphql does the rest: it validates the document, applies the limits that
//! depend on the schema or on variables, and calls the resolvers.

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
