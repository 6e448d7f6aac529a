//! A parsed document that is within the limits, and the operation that a client chose from it.

use std::{borrow::Cow, sync::OnceLock};

use async_graphql::{
    Variables,
    parser::{
        parse_query,
        types::{
            DocumentOperations, ExecutableDocument, OperationDefinition, OperationType,
            VariableDefinition,
        },
    },
    registry::Registry,
};

use super::{
    super::errors::RequestError,
    chosen_part::chosen_part,
    expansion::{Expansion, Measure},
    input_objects,
    normalize::{MAX_NESTING, NormalizedText, normalize},
    unvisited,
    validated::ValidatedOperation,
    variable_uses::RepeatedVariables,
};
use crate::config::OperationLimits;

/// The maximum number of selections in a document after its fragments are expanded. GraphiQL's
/// introspection has a few hundred.
const MAX_SELECTIONS: usize = 5000;

/// The maximum nesting of introspection lists, such as `fields { type { fields } }`. Types refer to
/// each other, so each level multiplies the size of the response. No tool's introspection needs
/// more than one level.
const MAX_INTROSPECTION_LISTS: usize = 2;

/// The maximum number of fields that read the schema or one of its types.
const MAX_INTROSPECTIONS: usize = 4;

/// A parsed document. It is within the limits that depend on neither the schema nor the variables.
#[derive(Debug)]
pub(super) struct Document {
    parsed: ExecutableDocument,
    repeated_variables: RepeatedVariables,
    token_count: usize,
    /// Whether the document may be kept for later requests.
    is_reusable: bool,
    /// Set once async-graphql has accepted the document. `None` if it must be validated for each
    /// request nevertheless.
    validated: OnceLock<Option<ValidatedOperation>>,
}

impl Document {
    /// Parses a text, and rejects it if it exceeds a limit.
    ///
    /// The tokens and the nesting are counted before the text is parsed. The other limits are
    /// checked here because async-graphql traverses an operation with its fragments expanded before
    /// it applies its own limits. Introspection is also checked here: if it is disabled,
    /// async-graphql would return null for a field that cannot be null.
    ///
    /// # Errors
    /// [`RequestError`] if the text is not a document, or exceeds a limit.
    pub(super) fn parse(text: &str, limits: &OperationLimits) -> Result<Self, RequestError> {
        let limit = limits.max_query_tokens.get();
        // The values of a document with a string are part of its text. So the text differs in each
        // request, and a value may be a password.
        let is_reusable = !text.contains('"');
        let NormalizedText { text, token_count } = normalize(text, limit)?;
        let mut parsed = parse_query(&text).map_err(RequestError::Syntax)?;
        input_objects::check(&text)?;
        unvisited::visit(&mut parsed)?;
        let mut measure = Measure::new(&parsed);
        check_expansion(measure.document(), limits)?;
        // async-graphql would send a separate response for each root field, even for two fields
        // that the specification merges into one.
        let has_several_root_fields = parsed.operations.iter().any(|(_, operation)| {
            operation.node.ty == OperationType::Subscription
                && measure.operation(&operation.node).root_fields > 1
        });
        if has_several_root_fields {
            return Err(RequestError::SeveralRootFields);
        }
        Ok(Self {
            repeated_variables: RepeatedVariables::of(&parsed, MAX_SELECTIONS),
            parsed,
            token_count,
            is_reusable,
            validated: OnceLock::new(),
        })
    }

    /// Returns the parsed document.
    pub(super) const fn parsed(&self) -> &ExecutableDocument {
        &self.parsed
    }

    /// Returns whether the document has more than one operation.
    pub(super) fn has_several_operations(&self) -> bool {
        self.parsed.operations.iter().nth(1).is_some()
    }

    /// Returns the document for the executor. If it has several operations, this is a copy with only
    /// the one of this name, so that the variables of the others do not matter.
    pub(super) fn executable(&self, name: Option<&str>) -> Cow<'_, ExecutableDocument> {
        name.filter(|_| self.has_several_operations())
            .and_then(|name| chosen_part(&self.parsed, name))
            .map_or(Cow::Borrowed(&self.parsed), Cow::Owned)
    }

    /// Checks that the copies of the variables' values, which are made to execute the operation with
    /// this name, are not too large.
    ///
    /// # Errors
    /// [`RequestError::VariablesTooLarge`].
    pub(super) fn check_copies(
        &self,
        name: Option<&str>,
        variables: &Variables,
    ) -> Result<(), RequestError> {
        let of_all = self.repeated_variables.check(variables);
        if of_all.is_err() && self.has_several_operations() {
            let executable = self.executable(name);
            return RepeatedVariables::of(&executable, MAX_SELECTIONS).check(variables);
        }
        of_all
    }

    /// Returns the number of lexical tokens of the text.
    pub(super) const fn token_count(&self) -> usize {
        self.token_count
    }

    /// Returns whether the document may be kept for later requests.
    pub(super) const fn is_reusable(&self) -> bool {
        self.is_reusable
    }

    /// Records that async-graphql has accepted the document.
    pub(super) fn set_validated(&self, registry: &Registry) {
        if self.is_reusable {
            self.validated
                .get_or_init(|| ValidatedOperation::of(&self.parsed, self.token_count, registry));
        }
    }

    /// Returns whether async-graphql has accepted the document. It is false for a document that is
    /// not reusable.
    pub(super) fn is_validated(&self) -> bool {
        self.validated.get().is_some()
    }

    /// Returns the operation if it is chosen by `name`, and need not be validated again.
    pub(super) fn validated(&self, name: Option<&str>) -> Option<&ValidatedOperation> {
        let validated = self.validated.get()?.as_ref()?;
        self.operation(name).map(|_| validated)
    }

    /// Returns the operation that is executed if a client sends `name` (GraphQL specification,
    /// 6.1). It is the operation with this name, or the only operation if there is no name. Returns
    /// `None` if there is no such operation. The executor then rejects the request.
    pub(super) fn operation(&self, name: Option<&str>) -> Option<ChosenOperation<'_>> {
        let operation = match (&self.parsed.operations, name) {
            (DocumentOperations::Single(only), None) => Some(only),
            (DocumentOperations::Single(_), Some(_)) => None,
            (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
            (DocumentOperations::Multiple(operations), None) => {
                let mut operations = operations.values();
                operations.next().filter(|_| operations.next().is_none())
            }
        };
        operation.map(|operation| ChosenOperation(&operation.node))
    }

    /// Returns the name of the only operation, if it has one.
    pub(super) fn only_name(&self) -> Option<&str> {
        let DocumentOperations::Multiple(operations) = &self.parsed.operations else {
            return None;
        };
        let mut names = operations.keys();
        let name = names.next()?;
        names.next().is_none().then_some(name.as_str())
    }

    /// Returns whether the document has an operation of this kind that `name` could mean: an
    /// operation without a name, or with this one. Without `name`, each operation counts.
    ///
    /// This is stricter than [`Document::operation`], so that a GET never carries a mutation, not
    /// even one that the executor would reject.
    pub(super) fn could_mean(&self, name: Option<&str>, kind: OperationType) -> bool {
        self.parsed.operations.iter().any(|(own_name, operation)| {
            let is_another = name.is_some_and(|name| own_name.is_some_and(|own| own != name));
            operation.node.ty == kind && !is_another
        })
    }
}

fn check_expansion(expansion: Expansion, limits: &OperationLimits) -> Result<(), RequestError> {
    let max_directives = limits.max_directives.get();
    if expansion.depth > MAX_NESTING {
        return Err(RequestError::TooDeep { limit: MAX_NESTING });
    }
    if expansion.selections > MAX_SELECTIONS {
        return Err(RequestError::TooManySelections {
            limit: MAX_SELECTIONS,
        });
    }
    if expansion.directives > max_directives {
        return Err(RequestError::TooManyDirectives {
            limit: max_directives,
        });
    }
    if expansion.introspections > 0 && !limits.introspection {
        return Err(RequestError::IntrospectionDisabled);
    }
    if expansion.introspections > MAX_INTROSPECTIONS
        || expansion.introspection_lists > MAX_INTROSPECTION_LISTS
    {
        return Err(RequestError::TooMuchIntrospection);
    }
    Ok(())
}

/// The operation of a document that will be executed.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChosenOperation<'a>(&'a OperationDefinition);

impl<'a> ChosenOperation<'a> {
    /// Returns the kind: query, mutation or subscription.
    pub(super) const fn kind(self) -> OperationType {
        self.0.ty
    }

    /// Returns the variables that the operation declares.
    pub(super) fn variables(self) -> impl Iterator<Item = &'a VariableDefinition> {
        let definitions = self.0.variable_definitions.iter();
        definitions.map(|definition| &definition.node)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Cli;

    fn parse(text: &str, flags: &[&str]) -> Result<Document, RequestError> {
        let arguments = ["sessiond"].iter().chain(flags);
        let settings = Cli::parse_from(arguments).settings;
        Document::parse(text, &settings.operation_limits)
    }

    #[test]
    fn a_text_beyond_the_token_limit_is_rejected_before_it_is_parsed() {
        // It does not parse, so another error would show that the parser ran first.
        let error = parse("{ a b", &["--max-query-tokens=2"]).unwrap_err();
        assert_eq!(error, RequestError::TooManyTokens { limit: 2 });
        let error = parse("{ a b", &["--max-query-tokens=3"]).unwrap_err();
        assert!(matches!(error, RequestError::Syntax(_)), "{error:?}");
    }

    #[test]
    fn a_subscription_has_one_root_field_and_queries_may_have_several() {
        for (text, is_rejected) in [
            ("subscription { a }", false),
            ("subscription { a { b c } }", false),
            (
                "subscription { ...F } fragment F on Subscription { ... { a } }",
                false,
            ),
            ("subscription { a b }", true),
            ("subscription { a a }", true),
            (
                "subscription { ...F ...F } fragment F on Subscription { a }",
                true,
            ),
            ("subscription { ... { a } b: a }", true),
            ("query A { a b } subscription B { a b }", true),
            ("{ a b }", false),
        ] {
            let error = parse(text, &[]).err();
            let expected = is_rejected.then_some(RequestError::SeveralRootFields);
            assert_eq!(error, expected, "{text}");
        }
    }

    #[test]
    fn the_chosen_operation_is_the_named_one_or_the_only_one() {
        use OperationType::{Mutation, Query, Subscription};
        for (text, name, kind) in [
            ("{ a }", None, Some(Query)),
            ("{ a }", Some("A"), None),
            ("mutation A { a }", None, Some(Mutation)),
            ("mutation A { a }", Some("A"), Some(Mutation)),
            ("mutation A { a }", Some("B"), None),
            (
                "query A { a } subscription B { a }",
                Some("B"),
                Some(Subscription),
            ),
            ("query A { a } mutation B { a }", None, None),
        ] {
            let document = parse(text, &[]).unwrap();
            let chosen = document.operation(name).map(ChosenOperation::kind);
            assert_eq!(chosen, kind, "{text} {name:?}");
        }
    }
}
