//! The validation of a document of several operations. The whole document must be valid before one of
//! them is executed (GraphQL specification, 6.1), and the values of the variables are those of this
//! one only (6.1.2).

use std::collections::HashSet;

use async_graphql::{Request, Response, parser::types::ExecutableDocument};

use super::super::schema::Schema;

/// The name of no operation. async-graphql validates the document, and then rejects the name.
const NO_OPERATION: &str = "";

/// The message with which async-graphql 8.0.0-rc.5 rejects [`NO_OPERATION`].
const UNKNOWN_OPERATION: &str = "Unknown operation named \"\"";

/// Validates a document without values of variables. `schema` validates, and has no limits: they are
/// for the operation that is executed.
///
/// # Errors
/// The response with the errors of the document.
pub(super) async fn validate(
    document: &ExecutableDocument,
    schema: &Schema,
) -> Result<(), Box<Response>> {
    let mut request = Request::new("").operation_name(NO_OPERATION);
    request.set_parsed_query(document.clone());
    let mut response = Box::pin(schema.execute(request)).await;
    // The complexity of some fields depends on their arguments. Without a value, async-graphql
    // 8.0.0-rc.5 reports the variable in this way, and one that is not declared also in another way.
    let without_value: HashSet<_> = document
        .operations
        .iter()
        .flat_map(|(_, operation)| &operation.node.variable_definitions)
        .map(|variable| format!("Variable {} is not defined.", variable.node.name.node))
        .collect();
    response.errors.retain(|error| {
        error.message != UNKNOWN_OPERATION && !without_value.contains(&error.message)
    });
    if response.errors.is_empty() {
        Ok(())
    } else {
        Err(Box::new(response))
    }
}
