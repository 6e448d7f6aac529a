//! The values of arguments that the validation of async-graphql 8.0.0-rc.5 accepts although they
//! are not of the argument's type: an `Int` of more than 32 bits, and a value for an input object
//! that is not an object. async-graphql would report them as the failure of a field, after it has
//! executed the fields before (GraphQL specification, 5.6.1 and 6.1.2).

use async_graphql::{
    Name, Positioned, Value, Variables,
    parser::types::ExecutableDocument,
    registry::{MetaInputValue, MetaType, MetaTypeName, Registry},
};

use super::{
    super::errors::RequestError,
    arguments::{ArgumentVisitor, visit_arguments},
};

/// Checks each argument of the document, with the values of the variables. A document that is invalid
/// in another way is left to the validation.
///
/// # Errors
/// [`RequestError::WrongArgument`] for the first argument that is not of its type.
pub(super) fn check(
    document: &ExecutableDocument,
    variables: &Variables,
    registry: &Registry,
) -> Result<(), RequestError> {
    let mut types = Types {
        variables,
        registry,
    };
    visit_arguments(document, registry, &mut types)
}

struct Types<'a> {
    variables: &'a Variables,
    registry: &'a Registry,
}

impl ArgumentVisitor for Types<'_> {
    type Error = RequestError;

    /// A variable without a value counts as null.
    fn value_of(&self, variable: &Name) -> Value {
        self.variables.get(variable).cloned().unwrap_or_default()
    }

    fn visit(
        &mut self,
        name: &Positioned<Name>,
        value: &Value,
        argument: &MetaInputValue,
    ) -> Result<(), RequestError> {
        match self.mismatch(value, &argument.ty, &name.node) {
            Some((path, expected)) => Err(RequestError::WrongArgument {
                path,
                expected,
                position: name.pos,
            }),
            None => Ok(()),
        }
    }
}

impl Types<'_> {
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
    use async_graphql::ValidationMode;
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::{
        config::Cli,
        graphql::{
            execution::document::Document,
            schema::{self, Environment},
        },
    };

    fn checked(text: &str, name: Option<&str>, variables: serde_json::Value) -> Option<String> {
        let environment = Environment::of(&schema::unlimited(ValidationMode::Fast)).unwrap();
        let limits = Cli::parse_from(["sessiond"]).settings.operation_limits;
        let document = Document::parse(text, &limits).unwrap();
        let document = document.executable(name);
        let variables = Variables::from_json(variables);
        match check(&document, &variables, environment.registry()) {
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
