//! Measures a document as if each fragment spread were replaced by its fragment.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned,
    parser::types::{
        Directive, ExecutableDocument, FragmentDefinition, OperationDefinition, Selection,
        SelectionSet,
    },
};

use super::normalize::MAX_NESTING;

/// The measures of a document, or of a part of it, with its fragments expanded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Expansion {
    /// The maximum nesting of selection sets.
    pub depth: usize,
    /// Fields, inline fragments and fragment spreads.
    pub selections: usize,
    /// Fields at the top level of the selection set.
    pub root_fields: usize,
    /// Fields that read the schema or one of its types.
    pub introspections: usize,
    /// The maximum nesting of introspection lists, such as `fields { type { fields } }`.
    pub introspection_lists: usize,
    /// The maximum number of directives on one field, fragment, variable or operation.
    pub directives: usize,
}

impl Expansion {
    /// Combines the measures of two parts of the same selection set or document.
    fn combine(self, other: Self) -> Self {
        Self {
            depth: self.depth.max(other.depth),
            selections: self.selections.saturating_add(other.selections),
            root_fields: self.root_fields.saturating_add(other.root_fields),
            introspections: self.introspections.saturating_add(other.introspections),
            introspection_lists: self.introspection_lists.max(other.introspection_lists),
            directives: self.directives.max(other.directives),
        }
    }

    /// Adds the selection that encloses the measured part, with its directives.
    fn enclose(self, directives: &[Positioned<Directive>]) -> Self {
        Self {
            selections: self.selections.saturating_add(1),
            ..self
        }
        .with_directives(directives.len())
    }

    fn with_directives(self, count: usize) -> Self {
        Self {
            directives: self.directives.max(count),
            ..self
        }
    }
}

/// Measures the parts of one document. Each fragment is measured once, so the time is proportional
/// to the length of the document, although its expansion may be exponential in that length.
///
/// A fragment can be deeper than the nesting of its own text, because it may spread other
/// fragments. The measure goes no deeper than [`MAX_NESTING`]. A deeper one counts as infinitely
/// deep.
pub(super) struct Measure<'a> {
    document: &'a ExecutableDocument,
    /// The nesting of the selection set that is being measured.
    level: usize,
    /// `None` while a fragment is being measured. A fragment that spreads itself finds this entry
    /// and counts as empty. The validation rejects such a fragment, so its measures do not matter.
    fragments: HashMap<&'a Name, Option<Expansion>>,
}

impl<'a> Measure<'a> {
    pub(super) fn new(document: &'a ExecutableDocument) -> Self {
        Self {
            document,
            level: 0,
            fragments: HashMap::new(),
        }
    }

    /// Measures one operation.
    pub(super) fn operation(&mut self, operation: &'a OperationDefinition) -> Expansion {
        let of_variables = operation
            .variable_definitions
            .iter()
            .map(|variable| variable.node.directives.len());
        let directives = of_variables.fold(operation.directives.len(), usize::max);
        self.selection_set(&operation.selection_set.node)
            .with_directives(directives)
    }

    /// Measures the whole document: all operations, and all fragments, used or not.
    pub(super) fn document(&mut self) -> Expansion {
        let mut whole = Expansion::default();
        for (_, operation) in self.document.operations.iter() {
            whole = whole.combine(self.operation(&operation.node));
        }
        for (name, fragment) in &self.document.fragments {
            whole = whole.combine(self.fragment(name, &fragment.node));
        }
        whole
    }

    fn selection_set(&mut self, set: &'a SelectionSet) -> Expansion {
        if set.items.is_empty() {
            return Expansion::default();
        }
        if self.level >= MAX_NESTING {
            let depth = usize::MAX;
            return Expansion {
                depth,
                ..Expansion::default()
            };
        }
        self.level += 1;
        let mut measured = set.items.iter().fold(Expansion::default(), |sum, item| {
            sum.combine(self.selection(&item.node))
        });
        self.level -= 1;
        measured.depth = measured.depth.saturating_add(1);
        measured
    }

    fn selection(&mut self, selection: &'a Selection) -> Expansion {
        match selection {
            Selection::Field(field) => {
                let mut part = self
                    .selection_set(&field.node.selection_set.node)
                    .enclose(&field.node.directives);
                part.root_fields = 1;
                match field.node.name.node.as_str() {
                    "__schema" | "__type" => {
                        part.introspections = part.introspections.saturating_add(1);
                    }
                    "fields" | "inputFields" | "interfaces" | "possibleTypes" => {
                        part.introspection_lists += 1;
                    }
                    _ => {}
                }
                part
            }
            Selection::InlineFragment(fragment) => self
                .selection_set(&fragment.node.selection_set.node)
                .enclose(&fragment.node.directives),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                let fragment = self.document.fragments.get(name);
                // The validation rejects a spread of a fragment that does not exist.
                let expansion = fragment.map(|fragment| self.fragment(name, &fragment.node));
                expansion
                    .unwrap_or_default()
                    .enclose(&spread.node.directives)
            }
        }
    }

    fn fragment(&mut self, name: &'a Name, fragment: &'a FragmentDefinition) -> Expansion {
        if let Some(known) = self.fragments.get(name) {
            return known.unwrap_or_default();
        }
        self.fragments.insert(name, None);
        let measured = self
            .selection_set(&fragment.selection_set.node)
            .with_directives(fragment.directives.len());
        self.fragments.insert(name, Some(measured));
        measured
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn measure(text: &str) -> Expansion {
        let document = parse_query(text).unwrap();
        Measure::new(&document).document()
    }

    #[test]
    fn a_spread_counts_as_often_as_it_is_used() {
        let once = measure("{ ...F } fragment F on Query { a b }");
        let twice = measure("{ ...F ...F } fragment F on Query { a b }");
        assert_eq!((once.selections, once.root_fields), (5, 4));
        assert_eq!((twice.selections, twice.root_fields), (8, 6));
    }

    #[test]
    fn an_exponential_document_is_measured_in_linear_time() {
        // Each fragment has 16 spreads of the next one.
        let fragments: Vec<_> = (0..20)
            .map(|n| {
                let spreads = format!("...f{} ", n + 1).repeat(16);
                format!("fragment f{n} on Query {{ {spreads} }}")
            })
            .collect();
        let fragments = fragments.join(" ");
        let text = format!("{{ ...f0 }} {fragments} fragment f20 on Query {{ a }}");
        assert_eq!(measure(&text).selections, usize::MAX);
    }

    #[test]
    fn the_depth_counts_selection_sets_with_fragments_expanded() {
        for (text, depth) in [
            ("{ a }", 1),
            ("{ a { b } c }", 2),
            ("{ ... { a } }", 2),
            ("{ a { ...F } } fragment F on Query { a { b } }", 4),
            ("{ a } fragment F on Query { a { b { c } } }", 3),
            // Measured first at a lesser depth than it is used at.
            (
                "{ ...F a { a { ...F } } } fragment F on Query { a { b } }",
                5,
            ),
        ] {
            assert_eq!(measure(text).depth, depth, "{text}");
        }
        let chain = |length: usize| {
            let fragments: Vec<_> = (1..length)
                .map(|n| format!("fragment f{n} on Query {{ ...f{} }}", n + 1))
                .collect();
            let fragments = fragments.join(" ");
            format!("{{ ...f1 }} {fragments} fragment f{length} on Query {{ a }}")
        };
        assert_eq!(measure(&chain(MAX_NESTING - 1)).depth, MAX_NESTING);
        assert_eq!(measure(&chain(MAX_NESTING)).depth, usize::MAX);
        assert_eq!(measure(&chain(3000)).depth, usize::MAX);
    }

    #[test]
    fn a_fragment_that_spreads_itself_ends_the_measure() {
        let circular = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }";
        assert!(measure(circular).selections < 10);
    }

    #[test]
    fn introspection_and_directives_are_found_inside_fragments() {
        let text = "query($v: Int @a) { ...S } fragment S on Query @a @b \
                    { __schema { types { fields { type { fields { name @a @b @c } } } } } }";
        let expansion = measure(text);
        assert_eq!(expansion.introspection_lists, 2);
        assert_eq!(expansion.directives, 3);
    }
}
