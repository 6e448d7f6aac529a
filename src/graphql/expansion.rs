//! How much a document asks for once every fragment spread is replaced by what it names.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned,
    parser::types::{Directive, ExecutableDocument, Selection, SelectionSet},
};

/// What a document, or a part of it, comes to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Expansion {
    /// Fields, fragments and spreads.
    pub selections: usize,
    /// Fields that ask for the schema or for a type of it.
    pub schemas: usize,
    /// Lists of the schema inside each other, where they are deepest.
    pub schema_lists: usize,
    /// Directives in one place, where they are most.
    pub directives: usize,
}

impl Expansion {
    /// Takes time in proportion to the document as it was sent; what it comes to may be exponential in that.
    pub(super) fn of(document: &ExecutableDocument) -> Self {
        let mut measure = Measure {
            document,
            fragments: HashMap::new(),
        };
        let operations = document.operations.iter().map(|(_, operation)| {
            let variables = operation.node.variable_definitions.iter();
            let of_variables = variables
                .map(|variable| variable.node.directives.len())
                .max();
            let directives = operation
                .node
                .directives
                .len()
                .max(of_variables.unwrap_or(0));
            (directives, &operation.node.selection_set.node)
        });
        let fragments = document.fragments.values();
        let fragments = fragments.map(|fragment| {
            (
                fragment.node.directives.len(),
                &fragment.node.selection_set.node,
            )
        });
        operations
            .chain(fragments)
            .fold(Self::default(), |sum, (directives, set)| {
                let part = measure.set(set);
                sum.beside(Self {
                    directives: part.directives.max(directives),
                    ..part
                })
            })
    }

    fn beside(self, other: Self) -> Self {
        Self {
            selections: self.selections.saturating_add(other.selections),
            schemas: self.schemas.saturating_add(other.schemas),
            schema_lists: self.schema_lists.max(other.schema_lists),
            directives: self.directives.max(other.directives),
        }
    }

    /// One more selection around what was measured.
    fn inside(self, directives: &[Positioned<Directive>]) -> Self {
        Self {
            selections: self.selections.saturating_add(1),
            directives: self.directives.max(directives.len()),
            ..self
        }
    }
}

/// A fragment is measured once.
struct Measure<'a> {
    document: &'a ExecutableDocument,
    /// `None` while a fragment is being measured: one that leads to itself is refused later.
    fragments: HashMap<&'a Name, Option<Expansion>>,
}

impl<'a> Measure<'a> {
    fn set(&mut self, set: &'a SelectionSet) -> Expansion {
        set.items.iter().fold(Expansion::default(), |sum, item| {
            sum.beside(match &item.node {
                Selection::Field(field) => {
                    let mut part = self
                        .set(&field.node.selection_set.node)
                        .inside(&field.node.directives);
                    match field.node.name.node.as_str() {
                        "__schema" | "__type" => part.schemas = part.schemas.saturating_add(1),
                        "fields" | "inputFields" | "interfaces" | "possibleTypes" => {
                            part.schema_lists += 1;
                        }
                        _ => {}
                    }
                    part
                }
                Selection::InlineFragment(fragment) => self
                    .set(&fragment.node.selection_set.node)
                    .inside(&fragment.node.directives),
                Selection::FragmentSpread(spread) => self
                    .spread(&spread.node.fragment_name.node)
                    .inside(&spread.node.directives),
            })
        })
    }

    fn spread(&mut self, name: &'a Name) -> Expansion {
        if let Some(known) = self.fragments.get(name) {
            return known.unwrap_or_default();
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Expansion::default();
        };
        self.fragments.insert(name, None);
        let measured = self.set(&fragment.node.selection_set.node);
        self.fragments.insert(name, Some(measured));
        measured
    }
}
