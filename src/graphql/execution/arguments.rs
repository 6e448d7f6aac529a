//! Visits the arguments of a document, with the types that the schema gives them.

use std::convert::Infallible;

use async_graphql::{
    Name, Positioned, Value,
    parser::types::{Directive, ExecutableDocument, Field, Selection, SelectionSet},
    registry::{MetaInputValue, MetaType, MetaTypeName, Registry},
};

use super::validated::root;

/// What is done with each argument.
pub(super) trait ArgumentVisitor {
    /// The reason to stop.
    type Error;

    /// Returns the value to use for a variable.
    fn value_of(&self, variable: &Name) -> Value;

    /// Visits an argument that the schema has.
    ///
    /// # Errors
    /// The reason to stop.
    fn visit(
        &mut self,
        name: &Positioned<Name>,
        value: &Value,
        argument: &MetaInputValue,
    ) -> Result<(), Self::Error>;
}

/// Visits each argument of the operations and fragments of a document, and of the directives in them.
/// Does not visit what the schema does not have.
///
/// # Errors
/// That of the visitor.
pub(super) fn visit_arguments<V: ArgumentVisitor>(
    document: &ExecutableDocument,
    registry: &Registry,
    visitor: &mut V,
) -> Result<(), V::Error> {
    let mut arguments = Arguments { registry, visitor };
    for (_, operation) in document.operations.iter() {
        let root = root(operation, registry);
        arguments.visit_selection_set(&operation.node.selection_set.node, root)?;
    }
    for fragment in document.fragments.values() {
        let on = &fragment.node.type_condition.node.on.node;
        let on = registry.types.get(on.as_str());
        arguments.visit_selection_set(&fragment.node.selection_set.node, on)?;
    }
    Ok(())
}

struct Arguments<'a, V> {
    registry: &'a Registry,
    visitor: &'a mut V,
}

impl<'a, V: ArgumentVisitor> Arguments<'a, V> {
    /// `parent` is the type of the selections, if the schema has it.
    fn visit_selection_set(
        &mut self,
        set: &SelectionSet,
        parent: Option<&'a MetaType>,
    ) -> Result<(), V::Error> {
        for selection in &set.items {
            self.visit_directives(selection.node.directives())?;
            match &selection.node {
                Selection::Field(field) => self.visit_field(&field.node, parent)?,
                Selection::InlineFragment(fragment) => {
                    let fragment = &fragment.node;
                    let on = match &fragment.type_condition {
                        Some(condition) => self.registry.types.get(condition.node.on.node.as_str()),
                        None => parent,
                    };
                    self.visit_selection_set(&fragment.selection_set.node, on)?;
                }
                Selection::FragmentSpread(_) => {}
            }
        }
        Ok(())
    }

    fn visit_field(&mut self, field: &Field, parent: Option<&'a MetaType>) -> Result<(), V::Error> {
        let definition = parent.and_then(|parent| parent.field_by_name(&field.name.node));
        let Some(definition) = definition else {
            return Ok(());
        };
        for (name, value) in &field.arguments {
            if let Some(argument) = definition.args.get(name.node.as_str()) {
                let Ok(value) = value.node.clone().into_const_with(self.values());
                self.visitor.visit(name, &value, argument)?;
            }
        }
        let field_type = MetaTypeName::concrete_typename(&definition.ty);
        let field_type = self.registry.types.get(field_type);
        self.visit_selection_set(&field.selection_set.node, field_type)
    }

    fn visit_directives(&mut self, directives: &[Positioned<Directive>]) -> Result<(), V::Error> {
        for directive in directives {
            let Directive { name, arguments } = &directive.node;
            let Some(definition) = self.registry.directives.get(name.node.as_str()) else {
                continue;
            };
            for (name, value) in arguments {
                if let Some(argument) = definition.args.get(name.node.as_str()) {
                    let Ok(value) = value.node.clone().into_const_with(self.values());
                    self.visitor.visit(name, &value, argument)?;
                }
            }
        }
        Ok(())
    }

    fn values(&self) -> impl FnMut(Name) -> Result<Value, Infallible> {
        |name| Ok(self.visitor.value_of(&name))
    }
}
