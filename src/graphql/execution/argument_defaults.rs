//! The values of variables that a request leaves out, and that are used where null is not allowed. An
//! argument or an input field gets its default if its value is such a variable (GraphQL
//! specification, 6.4.1 and 3.10). async-graphql 8.0.0-rc.5 uses it for input fields only, and
//! validates no other field of their object.

use std::convert::Infallible;

use async_graphql::{
    Name, Positioned, Value, Variables,
    parser::types::ExecutableDocument,
    registry::{MetaInputValue, MetaType, MetaTypeName, Registry},
};

use super::arguments::{ArgumentVisitor, visit_arguments};

/// The start of the value that marks an absent variable. No enum value has it.
const MARK: &str = "$";

/// Gives each variable of `absent` the default of the argument or input field that it is used for, if
/// null is not allowed there.
///
/// Such a variable has one value for all of its uses. This is sufficient, because the schema has no
/// two defaults for one type, and no nullable argument of such a type. A test checks it.
pub(super) fn use_defaults(
    variables: &mut Variables,
    absent: &[Name],
    document: &ExecutableDocument,
    registry: &Registry,
) {
    if absent.is_empty() {
        return;
    }
    let mut defaults = Defaults {
        absent,
        registry,
        found: Vec::new(),
    };
    let Ok(()) = visit_arguments(document, registry, &mut defaults);
    variables.extend(defaults.found);
}

struct Defaults<'a> {
    absent: &'a [Name],
    registry: &'a Registry,
    found: Vec<(Name, Value)>,
}

impl ArgumentVisitor for Defaults<'_> {
    type Error = Infallible;

    fn value_of(&self, variable: &Name) -> Value {
        if self.absent.contains(variable) {
            Value::Enum(Name::new(format!("{MARK}{variable}")))
        } else {
            Value::Null
        }
    }

    fn visit(
        &mut self,
        _name: &Positioned<Name>,
        value: &Value,
        argument: &MetaInputValue,
    ) -> Result<(), Infallible> {
        self.add(value, &argument.ty, argument.default_value.as_deref());
        Ok(())
    }
}

impl Defaults<'_> {
    /// Adds the absent variables of a value of this type. `default` is used if the value is absent.
    fn add(&mut self, value: &Value, type_name: &str, default: Option<&str>) {
        match (MetaTypeName::create(type_name), value) {
            (MetaTypeName::NonNull(_), Value::Enum(text)) => {
                let name = text.strip_prefix(MARK);
                let default = default.and_then(|default| serde_json::from_str(default).ok());
                if let (Some(name), Some(default)) = (name, default) {
                    self.found.push((Name::new(name), default));
                }
            }
            (MetaTypeName::List(of), Value::List(items)) => {
                for item in items {
                    self.add(item, of, None);
                }
            }
            (MetaTypeName::NonNull(of) | MetaTypeName::List(of), _) => self.add(value, of, None),
            (MetaTypeName::Named(name), Value::Object(entries)) => {
                if let Some(MetaType::InputObject { input_fields, .. }) =
                    self.registry.types.get(name)
                {
                    for (name, value) in entries {
                        if let Some(field) = input_fields.get(name.as_str()) {
                            self.add(value, &field.ty, field.default_value.as_deref());
                        }
                    }
                }
            }
            (MetaTypeName::Named(_), _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use async_graphql::{ValidationMode, parser::parse_query};
    use serde_json::json;

    use super::*;
    use crate::graphql::schema::{self, Environment};

    fn environment() -> Environment {
        Environment::of(&schema::unlimited(ValidationMode::Fast)).unwrap()
    }

    #[test]
    fn an_absent_variable_gets_the_default_of_the_place_where_null_is_not_allowed() {
        let environment = environment();
        for (uses, found) in [
            ("__type(name: $v) { name }", json!(null)),
            ("users(first: $v) { nodes { id } }", json!(null)),
            ("sessionsByKey(sessionKeys: [$v]) { id }", json!(null)),
            (
                "__type(name: \"A\") { fields(includeDeprecated: $v) { name } }",
                json!(false),
            ),
            (
                "... { __schema { directives { args(includeDeprecated: $v) { name } } } }",
                json!(false),
            ),
            (
                "__type(name: \"A\") { fields(includeDeprecated: $w) { name } }",
                json!(null),
            ),
            (
                "__type(name: \"A\") { fields(includeDeprecated: [$v]) { name } }",
                json!(null),
            ),
        ] {
            let document = parse_query(format!("query($v: T, $w: T) {{ {uses} }}")).unwrap();
            let mut variables = Variables::from_json(json!({ "v": null, "w": null }));
            let absent = [Name::new("v")];
            use_defaults(&mut variables, &absent, &document, environment.registry());
            assert_eq!(variables["v"].clone().into_json().unwrap(), found, "{uses}");
            assert_eq!(variables["w"], Value::Null, "{uses}");
        }
    }

    #[test]
    fn one_default_is_sufficient_for_all_uses_of_a_variable() {
        let environment = environment();
        let types = environment.registry().types.values();
        let mut defaults: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut nullable = BTreeSet::new();
        let mut add = |input: &MetaInputValue| {
            let inner = input.ty.strip_suffix('!');
            match (inner, &input.default_value) {
                (Some(inner), Some(default)) => {
                    defaults
                        .entry(inner.to_owned())
                        .or_default()
                        .insert(default.clone());
                }
                (None, _) => {
                    nullable.insert(input.ty.clone());
                }
                (Some(_), None) => {}
            }
        };
        for meta in types {
            if let MetaType::InputObject { input_fields, .. } = meta {
                input_fields.values().for_each(&mut add);
            }
            for field in meta.fields().into_iter().flat_map(|fields| fields.values()) {
                field.args.values().for_each(&mut add);
            }
        }
        assert!(!defaults.is_empty());
        for (name, values) in defaults {
            assert_eq!(values.len(), 1, "{name} {values:?}");
            assert!(!nullable.contains(&name), "{name} is also nullable");
            let default = values.first().unwrap();
            assert!(serde_json::from_str::<Value>(default).is_ok(), "{default}");
        }
    }
}
