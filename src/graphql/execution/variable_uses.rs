//! How often a document uses its variables. async-graphql 8.0.0-rc.5 copies the value of a variable at
//! each use, before it applies any limit. A small request could therefore fill the memory.

use std::{collections::BTreeMap, convert::Infallible};

use async_graphql::{
    Name, Positioned, Value, Variables,
    parser::types::{Directive, ExecutableDocument, Selection, SelectionSet},
};

use super::super::errors::RequestError;

/// The maximum size of all copies of variables that are used more than once. A request may be as large
/// without variables.
const MAX_COPIES: usize = 1024 * 1024;

/// The size of a value without its texts.
const VALUE_SIZE: usize = 16;

/// The variables that a document uses more than once, with their numbers of uses.
#[derive(Debug)]
pub(super) struct RepeatedVariables(Vec<(Name, usize)>);

impl RepeatedVariables {
    /// Counts the uses. Those in a fragment count as often as it is spread. Visits at most
    /// `max_selections` selections, because a fragment may spread itself.
    pub(super) fn of(document: &ExecutableDocument, max_selections: usize) -> Self {
        let mut counter = Counter {
            document,
            uses: BTreeMap::new(),
            selections_left: max_selections,
        };
        for (_, operation) in document.operations.iter() {
            counter.visit_directives(&operation.node.directives);
            counter.visit_selections(&operation.node.selection_set.node);
        }
        // The validation also visits a fragment that is spread nowhere.
        for fragment in document.fragments.values() {
            counter.visit_directives(&fragment.node.directives);
            counter.visit_selections(&fragment.node.selection_set.node);
        }
        let repeated = counter.uses.into_iter().filter(|(_, uses)| *uses > 1);
        Self(repeated.collect())
    }

    /// Checks that the copies of the values are not too large.
    ///
    /// # Errors
    /// [`RequestError::VariablesTooLarge`].
    pub(super) fn check(&self, variables: &Variables) -> Result<(), RequestError> {
        let copies = self.0.iter().filter_map(|(name, uses)| {
            let value = variables.get(name)?;
            Some(size(value).saturating_mul(*uses))
        });
        if copies.fold(0, usize::saturating_add) > MAX_COPIES {
            return Err(RequestError::VariablesTooLarge { limit: MAX_COPIES });
        }
        Ok(())
    }
}

struct Counter<'a> {
    document: &'a ExecutableDocument,
    uses: BTreeMap<Name, usize>,
    selections_left: usize,
}

impl<'a> Counter<'a> {
    fn visit_selections(&mut self, set: &'a SelectionSet) {
        for selection in &set.items {
            let Some(left) = self.selections_left.checked_sub(1) else {
                return;
            };
            self.selections_left = left;
            self.visit_directives(selection.node.directives());
            match &selection.node {
                Selection::Field(field) => {
                    for (_, value) in &field.node.arguments {
                        // The only way to visit a value with variables that async-graphql exports.
                        let _ = value.node.clone().into_const_with(self.count());
                    }
                    self.visit_selections(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => {
                    self.visit_selections(&fragment.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.document.fragments.get(name) {
                        self.visit_selections(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }

    fn visit_directives(&mut self, directives: &'a [Positioned<Directive>]) {
        for directive in directives {
            for (_, value) in &directive.node.arguments {
                let _ = value.node.clone().into_const_with(self.count());
            }
        }
    }

    /// Counts each variable of a value.
    fn count(&mut self) -> impl FnMut(Name) -> Result<Value, Infallible> {
        |name| {
            *self.uses.entry(name).or_default() += 1;
            Ok(Value::Null)
        }
    }
}

/// The approximate size of a value in memory, in bytes.
fn size(value: &Value) -> usize {
    let content: usize = match value {
        Value::String(text) => text.len(),
        Value::List(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| VALUE_SIZE + name.len() + size(field))
            .sum(),
        _ => 0,
    };
    VALUE_SIZE + content
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    const MAX_SELECTIONS: usize = 1000;

    fn uses(text: &str) -> Vec<(String, usize)> {
        let document = parse_query(text).unwrap();
        let RepeatedVariables(repeated) = RepeatedVariables::of(&document, MAX_SELECTIONS);
        let named = |(name, uses): (Name, usize)| (name.to_string(), uses);
        repeated.into_iter().map(named).collect()
    }

    #[test]
    fn a_use_in_a_fragment_counts_as_often_as_it_is_spread() {
        assert_eq!(uses("query($a: Int) { a(a: $a) }"), []);
        let text = "query($a: Int, $b: Int) { a(a: [$a, $a], b: { c: $a }) ...F ...F @skip(if: $a) } \
                    fragment F on Query { b(b: $b) }";
        // The fragment itself is validated, too.
        assert_eq!(uses(text), [("a".into(), 4), ("b".into(), 3)]);
    }

    #[test]
    fn a_fragment_that_spreads_itself_ends_the_count() {
        let text = "query($a: Int) { ...F } fragment F on Query { a(a: $a) ...F ...F }";
        let [(_, count)] = &uses(text)[..] else {
            panic!("one variable is repeated")
        };
        assert!((1..=MAX_SELECTIONS).contains(count), "{count}");
    }

    #[test]
    fn the_copies_of_a_variable_are_bounded_and_one_use_is_not() {
        let list = json!({ "a": vec![json!({ "x": 0 }); 20_000] });
        let variables = Variables::from_json(list);
        let check = |text: &str| {
            let document = parse_query(text).unwrap();
            RepeatedVariables::of(&document, MAX_SELECTIONS).check(&variables)
        };
        assert!(check("query($a: [I]) { a(a: $a) }").is_ok());
        let error = check("query($a: [I]) { a(a: [$a, $a]) }").unwrap_err();
        assert!(
            matches!(error, RequestError::VariablesTooLarge { limit: MAX_COPIES }),
            "{error:?}"
        );
        let small = Variables::from_json(json!({ "a": "x" }));
        let document = parse_query("query($a: ID) { a(a: [$a, $a]) }").unwrap();
        let repeated = RepeatedVariables::of(&document, MAX_SELECTIONS);
        assert!(repeated.check(&small).is_ok());
    }
}
