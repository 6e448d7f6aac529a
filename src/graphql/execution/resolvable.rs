//! The form of an operation that the resolvers can use directly.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned,
    parser::types::{
        Directive, ExecutableDocument, Field, FragmentDefinition, FragmentSpread, InlineFragment,
        OperationDefinition, OperationType, Selection, SelectionSet,
    },
};

use super::super::direct::{AlertPlan, Plan};

/// A query or a mutation whose fields do not depend on the request: no field is skipped, and each
/// fragment spread is replaced by its fragment.
#[derive(Debug)]
pub(super) struct ResolvableOperation {
    /// The operation, with an empty selection set.
    pub definition: Positioned<OperationDefinition>,
    /// The operation's selection set, without directives and without fragment spreads.
    pub selection_set: Positioned<SelectionSet>,
    /// How the response is written without the resolvers, if no field needs them.
    pub plan: Option<Plan>,
}

impl ResolvableOperation {
    /// Returns the form of a valid operation. Returns `None` if it has none, or if it would be
    /// larger than the parsed form of as many lexical tokens as `max_size`. That can happen if a
    /// large fragment is used several times.
    pub(super) fn of(
        document: &ExecutableDocument,
        operation: &Positioned<OperationDefinition>,
        max_size: usize,
    ) -> Option<Self> {
        let OperationDefinition {
            ty,
            variable_definitions,
            directives,
            selection_set,
        } = &operation.node;
        if *ty == OperationType::Subscription || !directives.is_empty() {
            return None;
        }
        let definition = OperationDefinition {
            ty: *ty,
            variable_definitions: variable_definitions.clone(),
            directives: Vec::new(),
            selection_set: Positioned::default(),
        };
        let selection_set = inlined(document, selection_set, max_size)?;
        Some(Self {
            plan: Plan::of(&definition, &selection_set.node),
            definition: Positioned::new(definition, operation.pos),
            selection_set,
        })
    }
}

/// Returns the plan of a valid subscription to alerts, if none of its fields depends on the request
/// and none needs the resolvers. `max_size` is that of [`ResolvableOperation::of`].
pub(super) fn alert_plan(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    max_size: usize,
) -> Option<AlertPlan> {
    if operation.ty != OperationType::Subscription || !operation.directives.is_empty() {
        return None;
    }
    let selection_set = inlined(document, &operation.selection_set, max_size)?;
    AlertPlan::of(&selection_set.node)
}

/// Returns a selection set without directives and without fragment spreads.
fn inlined(
    document: &ExecutableDocument,
    selection_set: &Positioned<SelectionSet>,
    max_size: usize,
) -> Option<Positioned<SelectionSet>> {
    let mut inliner = Inliner {
        fragments: &document.fragments,
        remaining_size: max_size,
    };
    inliner.selection_set(selection_set)
}

/// Copies selections, and replaces fragment spreads. Each function returns `None` if the executor
/// of async-graphql must prepare the operation.
struct Inliner<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    /// The maximum size of what follows. A selection and a value of an argument count as one.
    remaining_size: usize,
}

impl Inliner<'_> {
    fn selection_set(
        &mut self,
        set: &Positioned<SelectionSet>,
    ) -> Option<Positioned<SelectionSet>> {
        let items = set.node.items.iter();
        let items = items.map(|item| Some(Positioned::new(self.selection(&item.node)?, item.pos)));
        let items = items.collect::<Option<_>>()?;
        Some(Positioned::new(SelectionSet { items }, set.pos))
    }

    fn selection(&mut self, selection: &Selection) -> Option<Selection> {
        without(selection.directives())?;
        self.reserve(1)?;
        Some(match selection {
            Selection::Field(field) => {
                Selection::Field(Positioned::new(self.field(&field.node)?, field.pos))
            }
            Selection::InlineFragment(fragment) => {
                let InlineFragment {
                    type_condition,
                    directives: _,
                    selection_set,
                } = &fragment.node;
                let inlined = InlineFragment {
                    type_condition: type_condition.clone(),
                    directives: Vec::new(),
                    selection_set: self.selection_set(selection_set)?,
                };
                Selection::InlineFragment(Positioned::new(inlined, fragment.pos))
            }
            Selection::FragmentSpread(spread) => {
                let inlined = self.spread(&spread.node)?;
                Selection::InlineFragment(Positioned::new(inlined, spread.pos))
            }
        })
    }

    fn field(&mut self, field: &Field) -> Option<Field> {
        // The executor collects the visible types for these fields.
        if matches!(field.name.node.as_str(), "__schema" | "__type") {
            return None;
        }
        for (_, value) in &field.arguments {
            let text = value.node.to_string();
            let entries = text.matches(['[', '{', ',']).count();
            self.reserve(1 + entries)?;
        }
        Some(Field {
            alias: field.alias.clone(),
            name: field.name.clone(),
            arguments: field.arguments.clone(),
            directives: Vec::new(),
            selection_set: self.selection_set(&field.selection_set)?,
        })
    }

    fn spread(&mut self, spread: &FragmentSpread) -> Option<InlineFragment> {
        let FragmentDefinition {
            type_condition,
            directives,
            selection_set,
        } = &self.fragments.get(&spread.fragment_name.node)?.node;
        without(directives)?;
        Some(InlineFragment {
            type_condition: Some(type_condition.clone()),
            directives: Vec::new(),
            selection_set: self.selection_set(selection_set)?,
        })
    }

    fn reserve(&mut self, size: usize) -> Option<()> {
        self.remaining_size = self.remaining_size.checked_sub(size)?;
        Some(())
    }
}

/// Returns `None` if there are directives. Whether they skip a field depends on variables.
fn without(directives: &[Positioned<Directive>]) -> Option<()> {
    directives.is_empty().then_some(())
}
