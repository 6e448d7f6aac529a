//! What is known of a document after its first validation, so that it is not validated again.
//!
//! async-graphql validates a document together with the values of its variables. For a document
//! with one operation, the result depends on the values in two ways only:
//!
//! - A value must fit the type of the argument that it is used for. The validation of the document
//!   has shown that the declared type of the variable fits there, so it is enough that the value
//!   has the declared type ([`DeclaredVariable::certainly_accepts`]). This does not hold for a
//!   variable inside of a list or an object.
//! - The complexity of some fields depends on their arguments ([`ComplexFields`]).

use std::{collections::HashSet, fmt::Display};

use async_graphql::{
    Name, Positioned, Value, Variables,
    parser::types::{
        Directive, ExecutableDocument, Field, Selection, SelectionSet, VariableDefinition,
    },
    registry::{MetaType, MetaTypeName, Registry},
};

use super::resolvable::ResolvableOperation;

/// The names of the fields whose complexity depends on their arguments.
#[derive(Debug)]
pub(super) struct ComplexFields(HashSet<String>);

impl ComplexFields {
    pub(super) fn of(registry: &Registry) -> Self {
        let fields = registry.types.values().filter_map(MetaType::fields);
        let complex = fields
            .flat_map(|fields| fields.values())
            .filter(|field| field.compute_complexity.is_some());
        Self(complex.map(|field| field.name.clone()).collect())
    }
}

/// The operation of a document that async-graphql has validated.
#[derive(Debug)]
pub(super) struct ValidatedOperation {
    variables: Vec<DeclaredVariable>,
    /// Whether the complexity depends on variables, so that it must be computed for each request.
    pub has_variable_complexity: bool,
    /// The form that resolvers can use directly, if the operation has one.
    pub resolvable: Option<ResolvableOperation>,
}

impl ValidatedOperation {
    /// Returns what is known of a document that async-graphql has accepted. `token_count` is the
    /// number of its lexical tokens. Returns `None` if the document must be validated for each
    /// request: it has several operations, and variables are only applied to the chosen one, or it
    /// has a variable inside of a list or an object.
    pub(super) fn of(
        document: &ExecutableDocument,
        token_count: usize,
        complex_fields: &ComplexFields,
    ) -> Option<Self> {
        let mut operations = document.operations.iter();
        let (_, operation) = operations.next().filter(|_| operations.len() == 0)?;
        let mut uses = VariableUses::default();
        uses.add_selection_set(&operation.node.selection_set.node, complex_fields);
        for fragment in document.fragments.values() {
            uses.add_selection_set(&fragment.node.selection_set.node, complex_fields);
        }
        let variables = operation.node.variable_definitions.iter();
        (!uses.inside_of_a_value).then(|| Self {
            variables: variables
                .map(|variable| DeclaredVariable::of(&variable.node))
                .collect(),
            has_variable_complexity: uses.for_complexity,
            resolvable: ResolvableOperation::of(document, operation, token_count),
        })
    }

    /// Returns whether the validation would certainly accept these values.
    pub(super) fn certainly_accepts(&self, variables: &Variables, registry: &Registry) -> bool {
        self.variables.iter().all(|variable| {
            let value = variables.get(&variable.name);
            value.is_some_and(|value| variable.certainly_accepts(value, registry))
        })
    }
}

/// A variable with its declared type.
#[derive(Debug)]
struct DeclaredVariable {
    name: Name,
    /// The type in the syntax of a schema, such as `[ID!]!`.
    type_name: String,
    /// Whether it has a default. If so, it may be used where null is not allowed.
    has_default: bool,
}

impl DeclaredVariable {
    fn of(definition: &VariableDefinition) -> Self {
        Self {
            name: definition.name.node.clone(),
            type_name: definition.var_type.node.to_string(),
            has_default: definition.default_value.is_some(),
        }
    }

    /// Returns whether the value certainly has the declared type. A value in an unusual form, such
    /// as one entry instead of a list, is left to the validation.
    fn certainly_accepts(&self, value: &Value, registry: &Registry) -> bool {
        let is_ambiguous_null = self.has_default && *value == Value::Null;
        !is_ambiguous_null && has_type(value, &self.type_name, registry)
    }
}

fn has_type(value: &Value, type_name: &str, registry: &Registry) -> bool {
    match (MetaTypeName::create(type_name), value) {
        (MetaTypeName::NonNull(_), Value::Null) => false,
        (_, Value::Null) => true,
        (MetaTypeName::NonNull(type_name), _) => has_type(value, type_name, registry),
        (MetaTypeName::List(type_name), Value::List(items)) => {
            items.iter().all(|item| has_type(item, type_name, registry))
        }
        (MetaTypeName::List(_), _) => false,
        (MetaTypeName::Named(name), _) => has_named_type(value, name, registry),
    }
}

fn has_named_type(value: &Value, name: &str, registry: &Registry) -> bool {
    match (name, value) {
        ("String" | "ID", Value::String(_)) | ("Boolean", Value::Boolean(_)) => return true,
        ("Int", Value::Number(number)) => {
            return number
                .as_i64()
                .is_some_and(|number| i32::try_from(number).is_ok());
        }
        _ => {}
    }
    match (registry.types.get(name), value) {
        (Some(MetaType::Enum { enum_values, .. }), Value::String(value)) => {
            enum_values.contains_key(value)
        }
        (Some(MetaType::Enum { enum_values, .. }), Value::Enum(value)) => {
            enum_values.contains_key(value.as_str())
        }
        (
            Some(MetaType::InputObject {
                input_fields,
                oneof: false,
                ..
            }),
            Value::Object(entries),
        ) => {
            let names_are_known = entries
                .keys()
                .all(|name| input_fields.contains_key(&**name));
            names_are_known
                && input_fields
                    .values()
                    .all(|field| match entries.get(&*field.name) {
                        Some(value) => has_type(value, &field.ty, registry),
                        None => {
                            field.default_value.is_some()
                                || !MetaTypeName::create(&field.ty).is_non_null()
                        }
                    })
        }
        _ => false,
    }
}

/// How a document uses its variables.
#[derive(Debug, Default)]
struct VariableUses {
    /// A variable is an entry of a list or of an object.
    inside_of_a_value: bool,
    /// A variable is used in an argument of a field whose complexity depends on its arguments.
    for_complexity: bool,
}

impl VariableUses {
    fn add_selection_set(&mut self, set: &SelectionSet, complex_fields: &ComplexFields) {
        for selection in &set.items {
            self.add_directives(selection.node.directives());
            match &selection.node {
                Selection::Field(field) => {
                    let variable_arguments = self.add_arguments(&field.node);
                    let name = field.node.name.node.as_str();
                    self.for_complexity |= variable_arguments && complex_fields.0.contains(name);
                    self.add_selection_set(&field.node.selection_set.node, complex_fields);
                }
                Selection::InlineFragment(fragment) => {
                    self.add_selection_set(&fragment.node.selection_set.node, complex_fields);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    /// Returns whether the arguments of a field contain a variable.
    fn add_arguments(&mut self, field: &Field) -> bool {
        let mut have_variables = false;
        for (_, value) in &field.arguments {
            have_variables |= self.add_value(&value.node);
        }
        have_variables
    }

    fn add_directives(&mut self, directives: &[Positioned<Directive>]) {
        for (_, value) in directives
            .iter()
            .flat_map(|directive| &directive.node.arguments)
        {
            self.add_value(&value.node);
        }
    }

    /// Returns whether an argument contains a variable. The type of its value has no public name,
    /// so its text is searched. A `$` in a string counts too, which is the safe side.
    fn add_value(&mut self, value: &impl Display) -> bool {
        let text = value.to_string();
        self.inside_of_a_value |= text.rfind('$').is_some_and(|position| position > 0);
        text.contains('$')
    }
}
