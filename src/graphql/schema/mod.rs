//! The schema: its types with their thin resolvers, and its printed form.

mod alert;
mod cookie;
mod device;
mod environment;
mod event;
mod feed;
mod freeze;
mod inputs;
mod listings;
mod login;
mod mutation;
mod node;
mod paging;
mod payloads;
mod place;
mod query;
mod scalars;
mod session;
mod subscription;
mod user;

use std::sync::Arc;

use async_graphql::{Context, SDLExportOptions, SchemaBuilder, ValidationMode};

pub(super) use self::{
    alert::{SessionAlert, SessionAlertKind},
    device::describe_device,
    environment::{Environment, Resolvable},
    feed::{FeedItem, FeedSlot, RunningFeed},
    inputs::LoginInput,
    login::CompletedLogin,
    mutation::entering,
    paging::{cursor, page_size},
    payloads::LoginOutcome,
    session::{SessionEndReason, SessionEndedBy, SessionStatus},
};
use self::{environment::QueryRoot, mutation::Mutation, query::Query, subscription::Subscription};
use super::{errors::ForClient, execution::MAX_NESTING};
use crate::{
    access::{Caller, Scope},
    config::OperationLimits,
    service::Service,
};

/// The schema, ready to execute.
pub(super) type Schema = async_graphql::Schema<QueryRoot, Mutation, Subscription>;

/// Builds the schema over `service`, with the limits that the executor applies, if any. If
/// `suggestions` is set, the error for a misspelled name lists names that exist.
pub(super) fn build(
    service: Arc<Service>,
    limits: Option<&OperationLimits>,
    suggestions: bool,
    validation: ValidationMode,
) -> Schema {
    let mut builder = builder()
        .validation_mode(validation)
        .data(service)
        // The documents are checked before: the executor's own limit must not be lower.
        .limit_recursive_depth(MAX_NESTING);
    if let Some(limits) = limits {
        builder = builder
            .limit_depth(limits.max_depth.get())
            .limit_complexity(limits.max_complexity.get())
            .limit_aliases(limits.max_aliases.get());
    }
    if !suggestions {
        builder = builder.disable_suggestions();
    }
    builder.finish()
}

fn builder() -> SchemaBuilder<QueryRoot, Mutation, Subscription> {
    Schema::build(QueryRoot, Mutation, Subscription)
}

/// Returns the schema without a service and without limits.
#[cfg(test)]
pub(super) fn unlimited(validation: ValidationMode) -> Schema {
    builder().validation_mode(validation).finish()
}

const DESCRIPTION: &str = "\
The API of sessiond: one user, one active session at a time, and a live alert on the first device
if a second device tries to log in.

Each request comes from one of three callers:
- the service, if the request has a service key;
- a session, if the request has the session's token;
- an anonymous caller, otherwise.

Send the key or the token as `Authorization: Bearer <key or token>`. A WebSocket client can
also send it as `authorization` in the payload of `connection_init`, or in the `headers` of the
payload, with the same value.

A page can keep its token in a cookie that no script can read: see `cookie` in `LoginInput`.

A service key has scopes, and the description of each operation names the scope that it needs:
`check`, `read`, `login`, `manage` or `admin`, which contains the others. A key without the scope
gets `FORBIDDEN`.

In development mode, the server has no service key. A request without credentials then comes
from the service, with every scope.

The payload of a mutation shows what the caller may see after it. A caller whose login was refused
or waits for approval sees only the `id`, `mobile`, `username` and `alertCursor` of its user, and
its own session. The service needs the scope `read` to see more.

Values may be added to every enum. A client that does not know a value shows the `message` beside
it.

The error of a field has one of these codes in `extensions.code`:
- `INVALID_INPUT`: an input breaks a rule. `extensions.field` is the name of the input.
- `INVALID_CREDENTIALS`: the mobile number, name or password is wrong.
- `UNAUTHENTICATED`: the request needs a valid token.
- `FORBIDDEN`: the caller may not do this.
- `NOT_FOUND`: the object does not exist, or the caller may not see it.
- `FROZEN`: the user is frozen, so no login succeeds. The credentials are right.
- `MOBILE_TAKEN`: the mobile number belongs to another user.
- `RATE_LIMITED`: too many logins failed, too many devices ask for approval, or too many users
  were registered from one address. Try again after `extensions.retryAfterSeconds`.
- `CURSOR_EXPIRED`: what follows the position `after` of a subscription was deleted, or the position
  is not one of this database. Read the present state and its cursor, and subscribe again.
- `UNAVAILABLE`: the server cannot respond now. Try again later.
- `INTERNAL`: the server failed, and has logged the error.

An operation that is invalid or exceeds a limit has the code `BAD_REQUEST`. A request with the
hash of a persisted query instead of a text has the code `PERSISTED_QUERY_NOT_FOUND` if the server
does not know the hash: send the hash and the text, and the server keeps the query. If the hash is
not that of the text, the code is `PERSISTED_QUERY_MISMATCH`.";

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

/// Checks that the caller, if it is the service, has one of the scopes: see
/// [`Caller::check_scopes`].
fn check_scopes(context: &Context<'_>, scopes: &[Scope]) -> async_graphql::Result<()> {
    let caller: &Caller = context.data_unchecked();
    caller.check_scopes(scopes).for_client()
}

/// A number as an `Int`, or the largest one.
pub(super) fn count(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

/// Returns the service, which executes the use cases.
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
