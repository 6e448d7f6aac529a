//! The API: the schema, thin resolvers over [`Service`], and the one mapping of errors to codes.

mod alert;
mod api;
mod documents;
mod errors;
mod expansion;
mod inputs;
mod messages;
mod mutation;
mod node;
mod paging;
mod payloads;
mod query;
mod request;
mod scalars;
mod session;
mod subscription;
mod tokens;
mod user;

use std::sync::Arc;

use async_graphql::{Context, SDLExportOptions};

pub use self::{
    api::{Api, Event, Operation, was_executed},
    errors::Code,
    mutation::Mutation,
    query::Query,
    subscription::Subscription,
};
use crate::service::Service;

/// The schema, ready to execute.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// What an operation may ask for at most.
#[derive(Debug, Clone, Copy)]
pub struct OperationLimits {
    /// Lexical tokens of its text.
    pub tokens: usize,
    /// Fields inside fields. The introspection of GraphiQL needs 15.
    pub depth: usize,
    /// Fields, those of lists counted as often as the list may be long. The introspection of GraphiQL needs 230.
    pub complexity: usize,
    /// Aliased fields.
    pub aliases: usize,
    /// Directives on one field, fragment, variable or operation.
    pub directives: usize,
    /// Whether the schema may be asked for.
    pub introspection: bool,
    /// Whether a misspelt name is answered with names that exist.
    pub suggestions: bool,
}

fn schema(service: Arc<Service>, limits: &OperationLimits) -> Schema {
    let mut builder = Schema::build(Query, Mutation, Subscription)
        .data(service)
        .limit_depth(limits.depth)
        .limit_complexity(limits.complexity)
        .limit_aliases(limits.aliases);
    if !limits.suggestions {
        builder = builder.disable_suggestions();
    }
    builder.finish()
}

const DESCRIPTION: &str = "\
sessiond: one user, one active session at a time, and a live alert when a second device tries to log in.

Every request is made by one of three callers: the service (it sent the service key as `Authorization: Bearer <key>`),
a session (it sent that session's token the same way, or as `authorization` in the WebSocket's `connection_init`
payload), or anyone (it sent neither). In development mode, where the server has no service key, anyone counts as the
service. A mutation's payload is readable whole, `user` included: whoever passed the credential check may see what the
answer is about.

A field that fails reports an error whose `extensions.code` is one of `INVALID_INPUT` (with `extensions.field`),
`INVALID_CREDENTIALS`, `UNAUTHENTICATED`, `FORBIDDEN`, `NOT_FOUND`, `MOBILE_TAKEN`, `RATE_LIMITED` (with
`extensions.retryAfterSeconds`), `UNAVAILABLE` and `INTERNAL`. What is no valid operation is a `BAD_REQUEST`.";

/// The schema in the schema definition language, as `schema.graphql` holds it.
#[must_use]
pub fn sdl() -> String {
    let schema = Schema::build(Query, Mutation, Subscription).finish();
    let options = SDLExportOptions::new()
        .prefer_single_line_descriptions()
        .include_specified_by()
        .use_space_ident()
        .indent_width(2);
    let sdl = schema.sdl_with_options(options);
    // async-graphql has no description for the schema as a whole.
    let described = sdl.trim().replacen(
        "\nschema {",
        &format!("\n\"\"\"\n{DESCRIPTION}\n\"\"\"\nschema {{"),
        1,
    );
    format!("{described}\n")
}

/// The use cases behind every resolver.
fn service<'a>(context: &Context<'a>) -> &'a Arc<Service> {
    context.data_unchecked()
}
