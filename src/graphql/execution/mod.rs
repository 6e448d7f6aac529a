//! The execution of operations: decoding, limits, and responses.
//!
//! POST, GET and WebSocket decode an operation into an [`OperationRequest`]. [`Api::prepare`] takes
//! its document from a cache. On a cache miss, it splits the text into tokens, counts them and
//! their nesting, parses the document, and checks it against the limits. `executor` does the rest:
//! async-graphql validates the document, applies the limits that depend on the schema or on
//! variables, and calls the resolvers. What has been checked for all values of the variables is not
//! checked again.

mod api;
mod argument_defaults;
mod argument_types;
mod arguments;
mod authenticated;
mod cache;
mod chosen_part;
mod decode;
mod delivery;
mod document;
mod executor;
mod expansion;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzzing;
mod input_objects;
mod lexer;
mod normalize;
mod persisted;
mod request;
mod resolvable;
mod response;
mod strings;
mod subscription;
mod unvisited;
mod validated;
mod variable_uses;
mod whole_document;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::fuzzing::check_document;
pub use self::{
    api::{Api, Sender, SingleResponse, StreamItem},
    decode::{DecodeError, Parameters, UncheckedRequest, json_problem},
    persisted::PersistedQuery,
    request::{DocumentSource, OperationRequest, PreparedOperation},
    response::is_request_error,
};
pub(super) use self::{
    lexer::{LexicalError, LexicalProblem},
    normalize::MAX_NESTING,
    persisted::InvalidPersistedQuery,
};
