//! The values of arguments that the validation of async-graphql 8.0.0-rc.5 accepts although they
//! are not of the argument's type: an `Int` of more than 32 bits, and a value for an input object
//! that is not an object. async-graphql would report them as the failure of a field, after it has
//! executed the fields before (GraphQL specification, 5.6.1 and 6.1.2).

use async_graphql::{
    Name, Positioned, Value, Variables,
    parser::types::{Directive, Field, Selection, SelectionSet},
    registry::{MetaInputValue, MetaType, MetaTypeName, Registry},
};

use super::{
    super::errors::RequestError, document::Document, request::CheckedOperation, validated::root,
};

/// Checks each argument of the document, with the values of the variables if it has any. A document
/// that is invalid in another way is left to the validation.
///
/// # Errors
/// [`RequestError::WrongArgument`] for the first argument that is not of its type.
pub(super) fn check(operation: &CheckedOperation, registry: &Registry) -> Result<(), RequestError> {
    let CheckedOperation {
        document,
        name,
        variables,
        ..
    } = operation;
    let chosen = name.as_deref();
    let document: &Document = document;
    let none = Variables::default();
    for (name, operation) in document.parsed().operations.iter() {
        // The variables are those of the chosen operation.
        let is_chosen = chosen.is_none() || name.map(Name::as_str) == chosen;
        let arguments = Arguments {
            variables: if is_chosen { variables } else { &none },
            registry,
        };
        let root = root(operation, registry);
        arguments.check_selection_set(&operation.node.selection_set.node, root)?;
    }
    let arguments = Arguments {
        variables,
        registry,
    };
    for fragment in document.parsed().fragments.values() {
        let on = &fragment.node.type_condition.node.on.node;
        let on = registry.types.get(on.as_str());
        arguments.check_selection_set(&fragment.node.selection_set.node, on)?;
    }
    Ok(())
}

struct Arguments<'a> {
    variables: &'a Variables,
    registry: &'a Registry,
}

impl<'a> Arguments<'a> {
    /// `parent` is the type of the selections, if the schema has it.
    fn check_selection_set(
        &self,
        set: &SelectionSet,
        parent: Option<&'a MetaType>,
    ) -> Result<(), RequestError> {
        for selection in &set.items {
            self.check_directives(selection.node.directives())?;
            match &selection.node {
                Selection::Field(field) => self.check_field(&field.node, parent)?,
                Selection::InlineFragment(fragment) => {
                    let fragment = &fragment.node;
                    let on = match &fragment.type_condition {
                        Some(condition) => self.registry.types.get(condition.node.on.node.as_str()),
                        None => parent,
                    };
                    self.check_selection_set(&fragment.selection_set.node, on)?;
                }
                Selection::FragmentSpread(_) => {}
            }
        }
        Ok(())
    }

    fn check_field(&self, field: &Field, parent: Option<&'a MetaType>) -> Result<(), RequestError> {
        let definition = parent.and_then(|parent| parent.field_by_name(&field.name.node));
        let Some(definition) = definition else {
            return Ok(());
        };
        for (name, value) in &field.arguments {
            let argument = definition.args.get(name.node.as_str());
            self.check_argument(
                name,
                value.node.clone().into_const_with(self.resolve()),
                argument,
            )?;
        }
        let field_type = MetaTypeName::concrete_typename(&definition.ty);
        let field_type = self.registry.types.get(field_type);
        self.check_selection_set(&field.selection_set.node, field_type)
    }

    fn check_directives(&self, directives: &[Positioned<Directive>]) -> Result<(), RequestError> {
        for directive in directives {
            let Directive { name, arguments } = &directive.node;
            let definition = self.registry.directives.get(name.node.as_str());
            for (name, value) in arguments {
                let argument = definition.and_then(|found| found.args.get(name.node.as_str()));
                let value = value.node.clone().into_const_with(self.resolve());
                self.check_argument(name, value, argument)?;
            }
        }
        Ok(())
    }

    /// Returns the value of each variable. One without a value counts as null.
    fn resolve(&self) -> impl FnMut(Name) -> Result<Value, ()> {
        |name| Ok(self.variables.get(&name).cloned().unwrap_or_default())
    }

    fn check_argument(
        &self,
        name: &Positioned<Name>,
        value: Result<Value, ()>,
        argument: Option<&MetaInputValue>,
    ) -> Result<(), RequestError> {
        let (Ok(value), Some(argument)) = (value, argument) else {
            return Ok(());
        };
        match self.mismatch(&value, &argument.ty, &name.node) {
            Some((path, expected)) => Err(RequestError::WrongArgument {
                path,
                expected,
                position: name.pos,
            }),
            None => Ok(()),
        }
    }

    /// Returns the path of the first part that is not of its type, and what it must be. `path` is
    /// that of the value.
    fn mismatch(
        &self,
        value: &Value,
        type_name: &str,
        path: &str,
    ) -> Option<(String, &'static str)> {
        let name = match (MetaTypeName::create(type_name), value) {
            (_, Value::Null) => return None,
            (MetaTypeName::List(of), Value::List(items)) => {
                return items.iter().find_map(|item| self.mismatch(item, of, path));
            }
            // One value stands for a list of one (GraphQL specification, 3.11).
            (MetaTypeName::NonNull(of) | MetaTypeName::List(of), _) => {
                return self.mismatch(value, of, path);
            }
            (MetaTypeName::Named(name), _) => name,
        };
        match (self.registry.types.get(name), value) {
            (Some(MetaType::InputObject { input_fields, .. }), Value::Object(entries)) => {
                entries.iter().find_map(|(name, value)| {
                    let field = input_fields.get(name.as_str())?;
                    self.mismatch(value, &field.ty, &format!("{path}.{name}"))
                })
            }
            (Some(MetaType::InputObject { .. }), _) => Some((path.to_owned(), "an object")),
            (_, Value::Number(number)) if name == "Int" => {
                let int = number.as_i64().map(i32::try_from);
                let is_too_large = matches!(int, Some(Err(_)));
                is_too_large.then(|| (path.to_owned(), "an integer of at most 32 bits"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_graphql::ValidationMode;
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::{
        config::Cli,
        graphql::schema::{self, Environment},
    };

    fn checked(text: &str, name: Option<&str>, variables: serde_json::Value) -> Option<String> {
        let environment = Environment::of(&schema::unlimited(ValidationMode::Fast)).unwrap();
        let limits = Cli::parse_from(["sessiond"]).settings.operation_limits;
        let operation = CheckedOperation {
            document: Arc::new(Document::parse(text, &limits).unwrap()),
            name: name.map(ToOwned::to_owned),
            variables: Variables::from_json(variables),
            hash_to_persist: None,
        };
        match check(&operation, environment.registry()) {
            Ok(()) => None,
            Err(RequestError::WrongArgument { path, .. }) => Some(path),
            Err(error) => panic!("{error:?}"),
        }
    }

    #[test]
    fn a_value_that_cannot_be_of_its_type_is_found_wherever_it_is() {
        let decide = |number: &str| {
            format!(
                "mutation($n: Int) {{ decideLogin(input: {{ attemptId: 1, decision: APPROVE, \
                 matchNumber: {number} }}) {{ message }} }}"
            )
        };
        let (none, large) = (json!({}), json!({ "n": 2_147_483_648_i64 }));
        for (text, variables, path) in [
            (decide("2147483647"), &none, None),
            (decide("-2147483648"), &none, None),
            (decide("null"), &none, None),
            (decide("2147483648"), &none, Some("input.matchNumber")),
            (decide("-2147483649"), &none, Some("input.matchNumber")),
            (decide("$n"), &large, Some("input.matchNumber")),
            // The validation rejects it.
            (decide("\"x\""), &none, None),
            (
                "mutation($i: DecideLoginInput!) { decideLogin(input: $i) { message } }".to_owned(),
                &json!({ "i": { "matchNumber": 3_000_000_000_i64 } }),
                Some("input.matchNumber"),
            ),
            (
                "{ users(first: 3000000000) { nodes { id } } }".to_owned(),
                &none,
                Some("first"),
            ),
            (
                "{ __typename ... on Query { users(first: 3000000000) { nodes { id } } } }"
                    .to_owned(),
                &none,
                Some("first"),
            ),
            (
                "query($n: Int) { ...F } fragment F on Query { users { nodes { \
                 sessions(first: $n) { nodes { id } } } } }"
                    .to_owned(),
                &large,
                Some("first"),
            ),
            (
                "mutation { freezeUser(input: 5) { message } }".to_owned(),
                &none,
                Some("input"),
            ),
            (
                "mutation { freezeUser(input: [{}]) { message } }".to_owned(),
                &none,
                Some("input"),
            ),
            ("{ nope(first: 3000000000) { id } }".to_owned(), &none, None),
        ] {
            let found = checked(&text, None, variables.clone());
            assert_eq!(found.as_deref(), path, "{text}");
        }
    }

    #[test]
    fn a_variable_belongs_to_the_chosen_operation() {
        let text = "query A($n: Int) { users(first: $n) { nodes { id } } } \
                    query B { currentSession { id } }";
        let variables = json!({ "n": 3_000_000_000_i64 });
        let found = |name| checked(text, Some(name), variables.clone());
        assert_eq!(found("A").as_deref(), Some("first"));
        assert_eq!(found("B"), None);
    }
}
