//! The part of a document that one of its operations needs.

use std::collections::HashMap;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, Selection};

/// Returns a copy of the operation with this name and of the fragments that it uses. Returns `None`
/// if the document has no such operation.
pub(super) fn chosen_part(document: &ExecutableDocument, name: &str) -> Option<ExecutableDocument> {
    let DocumentOperations::Multiple(operations) = &document.operations else {
        return None;
    };
    let (name, operation) = operations.get_key_value(name)?;
    let mut fragments = HashMap::new();
    let mut unread = vec![&operation.node.selection_set.node];
    while let Some(set) = unread.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => unread.push(&field.node.selection_set.node),
                Selection::InlineFragment(fragment) => {
                    unread.push(&fragment.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = document.fragments.get(name)
                        && !fragments.contains_key(name)
                    {
                        unread.push(&fragment.node.selection_set.node);
                        fragments.insert(name.clone(), fragment.clone());
                    }
                }
            }
        }
    }
    let operations = HashMap::from([(name.clone(), operation.clone())]);
    Some(ExecutableDocument {
        operations: DocumentOperations::Multiple(operations),
        fragments,
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::{Name, parser::parse_query};

    use super::*;

    #[test]
    fn the_part_has_one_operation_and_each_fragment_that_it_uses() {
        let document = parse_query(
            "query A { a { ...F ... { ...G } } } query B { ...G } query C { c } \
             fragment F on X { ...H } fragment G on X { g } fragment H on X { ...F }",
        )
        .unwrap();
        for (name, fragments) in [("A", "FGH"), ("B", "G"), ("C", "")] {
            let part = chosen_part(&document, name).unwrap();
            let operations: Vec<_> = part.operations.iter().map(|(name, _)| name).collect();
            assert!(matches!(operations[..], [Some(only)] if only == name));
            let mut names: Vec<_> = part.fragments.keys().map(Name::as_str).collect();
            names.sort_unstable();
            assert_eq!(names.concat(), fragments, "{name}");
        }
        assert!(chosen_part(&document, "D").is_none());
    }
}
