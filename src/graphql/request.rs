use async_graphql::{
    Name, Positioned, Request, Response, Value,
    parser::types::{ExecutableDocument, VariableDefinition},
};

use super::documents::{Documents, refused};

/// Makes a request ready to execute.
///
/// A variable that was left out becomes its default: async-graphql 8.0.0-rc.5 does not look for it in the conditions
/// of `@skip` and `@include`. One without a default becomes null, which means the same everywhere in this API: it is
/// refused in an argument that an operation's complexity depends on, such as `first: $first`.
///
/// # Errors
/// The answer to a document that is refused, or lacks a variable: async-graphql takes a missing one for a field's
/// failure.
pub(super) fn prepare(
    mut request: Request,
    documents: &Documents,
) -> Result<Request, Box<Response>> {
    let document = documents.get(&request.query)?;
    for Variable {
        name,
        nullable,
        default,
    } in variables(&document.parsed, request.operation_name.as_deref())
    {
        let value = request.variables.entry(name.clone()).or_insert(default);
        if *value == Value::Null && !nullable {
            return Err(refused(format!("The variable ${name} was not given.")));
        }
    }
    request.set_parsed_query(document.parsed.clone());
    Ok(request)
}

struct Variable {
    name: Name,
    nullable: bool,
    /// Null where none is given.
    default: Value,
}

/// The variables of the operation that will be executed.
fn variables(
    document: &ExecutableDocument,
    operation: Option<&str>,
) -> impl Iterator<Item = Variable> {
    let operation = document
        .operations
        .iter()
        .find(|(name, _)| match (operation, name) {
            (Some(chosen), Some(name)) => *name == chosen,
            // Which one is meant where there are several is not known, and is refused later.
            (None, _) => true,
            (Some(_), None) => false,
        });
    let definitions = operation.map(|(_, operation)| &operation.node.variable_definitions);
    let variable = |definition: &Positioned<VariableDefinition>| Variable {
        name: definition.node.name.node.clone(),
        nullable: definition.node.var_type.node.nullable,
        default: definition.node.default_value().cloned().unwrap_or_default(),
    };
    definitions.into_iter().flatten().map(variable)
}
