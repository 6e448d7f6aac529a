//! The execution of operations: decoding, limits, and responses.
//!
//! POST, GET and WebSocket decode an operation into an [`OperationRequest`]. [`Api::prepare`] takes
//! its document from a cache. On a cache miss, it splits the text into tokens, counts them and
//! their nesting, parses the document, and checks it against the limits. The executor of
//! async-graphql does the rest: it validates the document, applies the limits that depend on the
//! schema or on variables, and calls the resolvers.

mod api;
mod cache;
mod decode;
mod document;
mod expansion;
mod lexer;
mod normalize;
mod request;
mod strings;

pub use self::{
    api::{Api, Sender, StreamItem, is_request_error},
    decode::{DecodeError, Parameters, UncheckedRequest, json_problem},
    request::{OperationRequest, PreparedOperation},
};
pub(super) use self::{
    lexer::{LexicalError, LexicalProblem},
    normalize::MAX_NESTING,
};
