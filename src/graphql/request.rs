use async_graphql::{
    Name, Positioned, Request, Response, ServerError, Value,
    parser::types::{ExecutableDocument, OperationDefinition, OperationType, Selection, VariableDefinition},
};

use super::{expansion::Expansion, tokens};

/// Fields, fragments and spreads that an operation may come to once every spread is replaced by what it names.
/// The introspection of GraphiQL comes to a few hundred.
const SELECTIONS: usize = 5000;

/// Lists of the schema inside lists of the schema, such as `fields { type { fields } }`. Types lead to each other, so
/// every further one multiplies the answer. No introspection of a tool needs more than one.
const SCHEMA_LISTS: usize = 2;

/// How often an operation may ask for the schema or for a type of it.
const SCHEMAS: usize = 4;

/// What is checked before an operation is executed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Lexical tokens of an operation's text.
    pub tokens: usize,
    /// Directives on one field, fragment, variable or operation.
    pub directives: usize,
    /// Whether the schema may be asked for.
    pub introspection: bool,
}

/// Makes a request ready to execute.
///
/// A variable that was left out becomes its default: async-graphql 8.0.0-rc.5 does not look for it in the conditions
/// of `@skip` and `@include`. One without a default becomes null, which means the same everywhere in this API: it is
/// refused in an argument that an operation's complexity depends on, such as `first: $first`.
///
/// # Errors
/// The answer to an operation that is too large, or lacks a variable: async-graphql walks an operation with its
/// fragments spread out before it applies its own limits, and takes a missing variable for a field's failure. Where
/// introspection is off, it would answer `null` for a field that is never null.
pub(super) fn prepare(mut request: Request, bounds: Bounds) -> Result<Request, Box<Response>> {
    if tokens::exceed(&request.query, bounds.tokens) {
        return Err(refused(format!("The operation has more than {} tokens.", bounds.tokens)));
    }
    let operation = request.operation_name.clone();
    let document = request.parsed_query().map_err(syntax)?;
    let expansion = Expansion::of(document);
    if expansion.selections > SELECTIONS {
        return Err(refused(format!(
            "The operation has more than {SELECTIONS} selections, fragments spread out."
        )));
    }
    if expansion.directives > bounds.directives {
        return Err(refused(format!("There are more than {} directives in one place.", bounds.directives)));
    }
    if expansion.schemas > 0 && !bounds.introspection {
        return Err(refused("Introspection is off."));
    }
    if expansion.schemas > SCHEMAS || expansion.schema_lists > SCHEMA_LISTS {
        return Err(refused("The operation asks for more of the schema than a tool needs."));
    }
    if document.operations.iter().any(|(_, operation)| streams_several(document, &operation.node)) {
        return Err(refused("A subscription must select one field, once."));
    }
    for Variable { name, nullable, default } in variables(document, operation.as_deref()) {
        let value = request.variables.entry(name.clone()).or_insert(default);
        if *value == Value::Null && !nullable {
            return Err(refused(format!("The variable ${name} was not given.")));
        }
    }
    Ok(request)
}

struct Variable {
    name: Name,
    nullable: bool,
    /// Null where none is given.
    default: Value,
}

/// The variables of the operation that will be executed.
fn variables(document: &ExecutableDocument, operation: Option<&str>) -> Vec<Variable> {
    let operation = document.operations.iter().find(|(name, _)| match (operation, name) {
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
    definitions.into_iter().flatten().map(variable).collect()
}

/// Whether a subscription has more than one root field (GraphQL specification, 5.2.3.1). async-graphql would stream
/// each by itself, even where they are parts of the same.
fn streams_several(document: &ExecutableDocument, operation: &OperationDefinition) -> bool {
    let mut set = &operation.selection_set.node;
    // Each fragment once at most: one that leads to itself is refused later.
    for _ in 0..=document.fragments.len() {
        set = match set.items.as_slice() {
            [only] => match &only.node {
                Selection::Field(_) => return false,
                Selection::InlineFragment(fragment) => &fragment.node.selection_set.node,
                Selection::FragmentSpread(spread) => {
                    match document.fragments.get(&spread.node.fragment_name.node) {
                        Some(fragment) => &fragment.node.selection_set.node,
                        None => return false,
                    }
                }
            },
            _ => return operation.ty == OperationType::Subscription,
        };
    }
    false
}

fn refused(message: impl Into<String>) -> Box<Response> {
    Response::from_errors(vec![ServerError::new(message, None)]).into()
}

/// The parser draws where an operation is wrong. What it expected there stands in the drawing's last line, and the
/// place in the error's locations.
fn syntax(mut error: ServerError) -> Box<Response> {
    if let Some((_, expected)) = error.message.rsplit_once("\n  = ") {
        error.message = format!("Syntax error: {}.", expected.trim());
    }
    Response::from_errors(vec![error]).into()
}
