//! The parts of a document that the validation of async-graphql 8.0.0-rc.5 does not visit:
//! directives of variables, and everything of a field `__typename`.

use std::mem;

use async_graphql::{
    Positioned,
    parser::types::{
        Directive, DocumentOperations, ExecutableDocument, Field, InlineFragment,
        OperationDefinition, Selection, SelectionSet,
    },
};

use super::super::errors::RequestError;

/// The directives of the schema that may be used on a field.
const FIELD_DIRECTIVES: [&str; 2] = ["skip", "include"];

/// Rejects what the validation would accept although it is invalid. Moves the directives of each
/// field `__typename` to an inline fragment, which has the same meaning, so that the validation visits
/// them. It then knows the variables of their conditions too.
///
/// # Errors
/// [`RequestError`] if a directive has a wrong location (GraphQL specification, 5.7.2), or if a field
/// `__typename` has arguments or selections (5.3.3 and 5.4.1).
pub(super) fn visit(document: &mut ExecutableDocument) -> Result<(), RequestError> {
    match &mut document.operations {
        DocumentOperations::Single(operation) => visit_operation(&mut operation.node)?,
        DocumentOperations::Multiple(operations) => {
            for operation in operations.values_mut() {
                visit_operation(&mut operation.node)?;
            }
        }
    }
    for fragment in document.fragments.values_mut() {
        visit_selections(&mut fragment.node.selection_set.node)?;
    }
    Ok(())
}

fn visit_operation(operation: &mut OperationDefinition) -> Result<(), RequestError> {
    for variable in &operation.variable_definitions {
        // The schema has no directive for this location.
        if let Some(directive) = variable.node.directives.first() {
            return Err(misplaced(directive, "a variable definition"));
        }
    }
    visit_selections(&mut operation.selection_set.node)
}

fn visit_selections(set: &mut SelectionSet) -> Result<(), RequestError> {
    for selection in &mut set.items {
        match &mut selection.node {
            Selection::Field(field) if field.node.name.node == "__typename" => {
                if let Some(fragment) = visit_typename(field)? {
                    selection.node = Selection::InlineFragment(fragment);
                }
            }
            Selection::Field(field) => visit_selections(&mut field.node.selection_set.node)?,
            Selection::InlineFragment(fragment) => {
                visit_selections(&mut fragment.node.selection_set.node)?;
            }
            Selection::FragmentSpread(_) => {}
        }
    }
    Ok(())
}

/// Returns the inline fragment that replaces the field, if it has directives.
fn visit_typename(
    field: &mut Positioned<Field>,
) -> Result<Option<Positioned<InlineFragment>>, RequestError> {
    let position = field.pos;
    if !field.node.arguments.is_empty() || !field.node.selection_set.node.items.is_empty() {
        return Err(RequestError::PartsOfTypename(position));
    }
    let directives = mem::take(&mut field.node.directives);
    for directive in &directives {
        if !FIELD_DIRECTIVES.contains(&directive.node.name.node.as_str()) {
            return Err(misplaced(directive, "a field"));
        }
    }
    if directives.is_empty() {
        return Ok(None);
    }
    let items = vec![Positioned::new(Selection::Field(field.clone()), position)];
    let fragment = InlineFragment {
        type_condition: None,
        directives,
        selection_set: Positioned::new(SelectionSet { items }, position),
    };
    Ok(Some(Positioned::new(fragment, position)))
}

fn misplaced(directive: &Positioned<Directive>, on: &'static str) -> RequestError {
    RequestError::MisplacedDirective {
        name: directive.node.name.node.clone(),
        on,
        position: directive.pos,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    #[test]
    fn what_the_validation_does_not_visit_is_rejected_at_its_position() {
        for (text, column) in [
            ("{ __typename @deprecated }", 14),
            ("{ a { t: __typename @nothing } }", 21),
            ("{ ...F } fragment F on Query { __typename @oneOf }", 43),
            ("{ ... { __typename @skip(if: true) @deprecated } }", 36),
            ("query ($a: Int @deprecated) { a(b: $a) }", 16),
            ("query ($a: Int @skip(if: true)) { a(b: $a) }", 16),
            ("{ __typename(a: 1) }", 3),
            ("{ __typename { a } }", 3),
        ] {
            let error = visit(&mut parse_query(text).unwrap()).unwrap_err();
            let (RequestError::MisplacedDirective { position, .. }
            | RequestError::PartsOfTypename(position)) = error
            else {
                panic!("{error:?}")
            };
            assert_eq!(position.column, column, "{text}");
        }
    }

    #[test]
    fn the_directives_of_a_typename_move_to_a_fragment_and_other_documents_stay_as_they_are() {
        let visited = |text: &str| {
            let mut document = parse_query(text).unwrap();
            visit(&mut document).unwrap();
            format!("{document:?}")
        };
        let parsed = |text: &str| format!("{:?}", parse_query(text).unwrap());
        let text = "query A { a @deprecated { __typename } ... @skip(if: true) { a } }";
        assert_eq!(visited(text), parsed(text));
        let text = "{ t: __typename @skip(if: $a) @include(if: $b) }";
        let document = visited(text);
        assert_eq!(document.matches("InlineFragment").count(), 2, "{document}");
        assert!(
            !parsed(text).contains("InlineFragment"),
            "the text has a field only"
        );
    }
}
