//! The schema: its types with their thin resolvers, and its printed form.

mod alert;
mod inputs;
mod mutation;
mod node;
mod paging;
mod payloads;
mod query;
mod scalars;
mod session;
mod subscription;
mod user;

use std::sync::Arc;

use async_graphql::{Context, SDLExportOptions, SchemaBuilder};

use self::{mutation::Mutation, query::Query, subscription::Subscription};
use crate::{config::OperationLimits, service::Service};

/// The schema, ready to execute.
pub(super) type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// Builds the schema over `service`, with the limits that the executor applies. If `suggestions` is
/// set, the error for a misspelled name lists names that exist.
pub(super) fn build(service: Arc<Service>, limits: &OperationLimits, suggestions: bool) -> Schema {
    let mut builder = builder()
        .data(service)
        .limit_depth(limits.max_depth.get())
        .limit_complexity(limits.max_complexity.get())
        .limit_aliases(limits.max_aliases.get());
    if !suggestions {
        builder = builder.disable_suggestions();
    }
    builder.finish()
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query, Mutation, Subscription)
}

/// Returns the schema without a service and without limits.
#[cfg(test)]
pub(super) fn unlimited() -> Schema {
    builder().finish()
}

const DESCRIPTION: &str = "\
The API of sessiond: one user, one active session at a time, and a live alert on the first device
if a second device tries to log in.

Each request has one of three callers:
- the service, if it sends the service key as `Authorization: Bearer <key>`;
- a session, if it sends the session's token in the same way, or as `authorization` in the payload
  of the WebSocket's `connection_init`;
- anyone, if it sends neither.

In development mode, the server has no service key, and a request without credentials has the
service as its caller.

The caller of a mutation may read the whole payload, `user` included, because it has passed the
credential check.

The error of a field has one of these codes in `extensions.code`: `INVALID_INPUT` (with
`extensions.field`), `INVALID_CREDENTIALS`, `UNAUTHENTICATED`, `FORBIDDEN`, `NOT_FOUND`,
`MOBILE_TAKEN`, `RATE_LIMITED` (with `extensions.retryAfterSeconds`), `UNAVAILABLE` and `INTERNAL`.
An operation that is invalid or exceeds a limit has the code `BAD_REQUEST`.";

/// Prints the schema in the schema definition language, as `schema.graphql` contains it.
#[must_use]
pub fn sdl() -> String {
    let sdl = bare_sdl();
    let described = sdl.trim().replacen(
        SCHEMA_DEFINITION,
        &format!("\n\"\"\"\n{DESCRIPTION}\n\"\"\"{SCHEMA_DEFINITION}"),
        1,
    );
    format!("{described}\n")
}

/// The start of the schema's definition as async-graphql 8.0.0-rc.5 prints it. It prints no
/// description of the schema as a whole.
const SCHEMA_DEFINITION: &str = "\nschema {";

fn bare_sdl() -> String {
    let options = SDLExportOptions::new()
        .prefer_single_line_descriptions()
        .include_specified_by()
        .use_space_ident()
        .indent_width(2);
    builder().finish().sdl_with_options(options)
}

/// Returns the use cases behind every resolver.
fn service<'a>(context: &Context<'a>) -> &'a Arc<Service> {
    context.data_unchecked()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The output is that of async-graphql 8.0.0-rc.5.
    #[test]
    fn the_printed_schema_has_one_definition_and_its_description() {
        let definitions = bare_sdl().matches(SCHEMA_DEFINITION).count();
        assert_eq!(definitions, 1, "async-graphql changed its output");
        assert!(sdl().contains(&format!("{DESCRIPTION}\n\"\"\"\nschema {{\n")));
    }
}
