//! What is known of a document after its first validation, so that it is not validated again.
//!
//! async-graphql 8.0.0-rc.5 validates a document together with the values of its variables. For a
//! document with one operation, the result depends on the values in two ways only:
//!
//! - The value of each argument must be of the argument's type. If the argument is a variable, it is
//!   enough to check that variable's value. async-graphql does not compare the declared type of the
//!   variable with that of the argument.
//! - The complexity of some fields depends on their arguments.

use std::fmt::Display;

use async_graphql::{
    Name, Positioned, Value, Variables,
    parser::types::{
        Directive, ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
        SelectionSet,
    },
    registry::{MetaInputValue, MetaType, MetaTypeName, Registry},
};

use super::{
    super::direct::AlertPlan,
    resolvable::{ResolvableOperation, alert_plan},
};

/// The operation of a document that async-graphql has accepted.
#[derive(Debug)]
pub(super) struct ValidatedOperation {
    /// The variables that are arguments.
    variables: Vec<VariableArgument>,
    /// Whether the complexity depends on variables, so that it must be computed for each request.
    pub has_variable_complexity: bool,
    /// The form that resolvers can use directly, if the operation has one.
    pub resolvable: Option<ResolvableOperation>,
    /// How the alerts of a subscription are written without the resolvers, if no field needs them.
    pub alert_plan: Option<AlertPlan>,
}

/// A variable that is the value of an argument.
#[derive(Debug, PartialEq, Eq)]
struct VariableArgument {
    name: Name,
    /// The type of the argument in the syntax of a schema, such as `[ID!]!`.
    type_name: String,
}

impl ValidatedOperation {
    /// Returns what is known of a document that async-graphql has accepted. `token_count` is the
    /// number of its lexical tokens. Returns `None` if the document must be validated for each
    /// request: it has several operations, and variables are only applied to the chosen one, or it
    /// has a variable inside of a list or an object.
    pub(super) fn of(
        document: &ExecutableDocument,
        token_count: usize,
        registry: &Registry,
    ) -> Option<Self> {
        let mut operations = document.operations.iter();
        let (_, operation) = operations.next().filter(|_| operations.len() == 0)?;
        let mut uses = VariableUses {
            registry,
            arguments: Vec::new(),
            has_variable_complexity: false,
        };
        uses.add_selection_set(
            &operation.node.selection_set.node,
            root(operation, registry)?,
        )?;
        for fragment in document.fragments.values() {
            let on = &fragment.node.type_condition.node.on.node;
            let fragment_type = registry.types.get(on.as_str())?;
            uses.add_selection_set(&fragment.node.selection_set.node, fragment_type)?;
        }
        Some(Self {
            variables: uses.arguments,
            has_variable_complexity: uses.has_variable_complexity,
            resolvable: ResolvableOperation::of(document, operation, token_count),
            alert_plan: alert_plan(document, &operation.node, token_count),
        })
    }

    /// Returns whether the validation would certainly accept these values. A value in an unusual
    /// form, such as one entry instead of a list, is left to the validation.
    pub(super) fn certainly_accepts(&self, variables: &Variables, registry: &Registry) -> bool {
        self.variables
            .iter()
            .all(|VariableArgument { name, type_name }| {
                let value = variables.get(name);
                value.is_some_and(|value| has_type(value, type_name, registry))
            })
    }
}

/// Returns the type of the root of an operation.
pub(super) fn root<'a>(
    operation: &Positioned<OperationDefinition>,
    registry: &'a Registry,
) -> Option<&'a MetaType> {
    let name = match operation.node.ty {
        OperationType::Query => &registry.query_type,
        OperationType::Mutation => registry.mutation_type.as_ref()?,
        OperationType::Subscription => registry.subscription_type.as_ref()?,
    };
    registry.types.get(name)
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
            // The maps have few entries, and hash their names with SipHash, so they are compared
            // one by one.
            if entries.len() > input_fields.len() {
                return false;
            }
            let mut known = 0;
            let fields_fit = input_fields.values().all(|field| {
                match entries.iter().find(|(name, _)| **name == *field.name) {
                    Some((_, value)) => {
                        known += 1;
                        has_type(value, &field.ty, registry)
                    }
                    None => {
                        field.default_value.is_some()
                            || !MetaTypeName::create(&field.ty).is_non_null()
                    }
                }
            });
            fields_fit && known == entries.len()
        }
        _ => false,
    }
}

/// The uses of variables in a document. Each function returns `None` if the document must be
/// validated for each request.
struct VariableUses<'a> {
    registry: &'a Registry,
    arguments: Vec<VariableArgument>,
    has_variable_complexity: bool,
}

impl<'a> VariableUses<'a> {
    fn add_selection_set(&mut self, set: &SelectionSet, parent: &'a MetaType) -> Option<()> {
        for selection in &set.items {
            self.add_directives(selection.node.directives())?;
            match &selection.node {
                Selection::Field(field) => self.add_field(&field.node, parent)?,
                Selection::InlineFragment(fragment) => {
                    let fragment_type = match &fragment.node.type_condition {
                        Some(condition) => {
                            self.registry.types.get(condition.node.on.node.as_str())?
                        }
                        None => parent,
                    };
                    self.add_selection_set(&fragment.node.selection_set.node, fragment_type)?;
                }
                Selection::FragmentSpread(_) => {}
            }
        }
        Some(())
    }

    fn add_field(&mut self, field: &Field, parent: &'a MetaType) -> Option<()> {
        if field.name.node == "__typename" {
            return Some(());
        }
        let definition = parent.field_by_name(&field.name.node)?;
        let count = self.arguments.len();
        for (name, value) in &field.arguments {
            self.add_argument(definition.args.get(name.node.as_str())?, &value.node)?;
        }
        let has_variables = self.arguments.len() > count;
        self.has_variable_complexity |= has_variables && definition.compute_complexity.is_some();
        let field_type = MetaTypeName::concrete_typename(&definition.ty);
        let field_type = self.registry.types.get(field_type)?;
        self.add_selection_set(&field.selection_set.node, field_type)
    }

    fn add_directives(&mut self, directives: &[Positioned<Directive>]) -> Option<()> {
        for directive in directives {
            let Directive { name, arguments } = &directive.node;
            let definition = self.registry.directives.get(name.node.as_str())?;
            for (name, value) in arguments {
                self.add_argument(definition.args.get(name.node.as_str())?, &value.node)?;
            }
        }
        Some(())
    }

    /// Adds an argument. Its value is read from its text, because the type of the value has no
    /// public name. A `$` in a string counts as a variable, which is the safe side.
    fn add_argument(&mut self, argument: &MetaInputValue, value: &impl Display) -> Option<()> {
        let text = value.to_string();
        let Some(variable) = text.strip_prefix('$') else {
            return (!text.contains('$')).then_some(());
        };
        self.arguments.push(VariableArgument {
            name: Name::new(variable),
            type_name: argument.ty.clone(),
        });
        Some(())
    }
}
