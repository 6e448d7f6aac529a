//! The resolvers without the steps that async-graphql takes before it calls them.
//!
//! For each request, async-graphql takes a whole document, validates it, and removes the skipped
//! fields. An operation that needs none of this can start at the resolvers. async-graphql creates
//! the environment of the resolvers only for its own executor, so it is taken from there, once.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::{
    ContainerType, Context, ContextSelectionSet, Data, IntrospectionMode, ObjectType, OutputType,
    Positioned, QueryEnv, QueryEnvInner, Request, Response, SchemaEnv, ServerResult, Value,
    Variables,
    extensions::Extensions,
    parser::types::{Field, OperationDefinition, OperationType, SelectionSet},
    registry::Registry,
    resolver_utils::{resolve_container, resolve_container_serial},
};
use futures_util::FutureExt;

use super::{Mutation, Query, Schema};

/// The root of the queries: [`Query`], which also hands out its [`Environment`].
#[derive(Debug)]
pub(in crate::graphql) struct QueryRoot;

/// The request's data for a query whose root puts its environment here instead of resolving.
#[derive(Default)]
struct Slot(Mutex<Option<Environment>>);

impl ContainerType for QueryRoot {
    async fn resolve_field(&self, context: &Context<'_>) -> ServerResult<Option<Value>> {
        if let Some(slot) = context.data_opt::<Arc<Slot>>() {
            let environment = Environment {
                schema: context.schema_env.clone(),
                extensions: context.query_env.extensions.clone(),
                session_data: Arc::clone(&context.query_env.session_data),
            };
            *slot.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(environment);
            return Ok(None);
        }
        Query.resolve_field(context).await
    }
}

impl OutputType for QueryRoot {
    fn type_name() -> Cow<'static, str> {
        Query::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Query::create_type_info(registry)
    }

    async fn resolve(
        &self,
        context: &ContextSelectionSet<'_>,
        _field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        resolve_container(context, self).await
    }
}

impl ObjectType for QueryRoot {}

/// What resolvers use beside the operation and the data of its request.
#[derive(Clone)]
pub(in crate::graphql) struct Environment {
    schema: SchemaEnv,
    extensions: Extensions,
    session_data: Arc<Data>,
}

/// An operation that starts at the resolvers. The calling code must have validated it.
pub(in crate::graphql) struct Resolvable<'a> {
    /// The operation, with an empty selection set.
    pub definition: &'a Positioned<OperationDefinition>,
    /// The operation's selection set, without directives and without fragment spreads.
    pub selection_set: &'a Positioned<SelectionSet>,
    /// The values of all variables that the operation declares.
    pub variables: Variables,
    /// The data for the resolvers: the client and the caller.
    pub data: Data,
}

impl Environment {
    /// Takes the environment of a schema. Returns `None` if the schema does not let it out.
    pub(in crate::graphql) fn of(schema: &Schema) -> Option<Self> {
        let slot = Arc::new(Slot::default());
        // The lowest limits on operations allow this one.
        let request = Request::new("{ currentSession }").data(Arc::clone(&slot));
        schema.execute(request).now_or_never()?;
        let mut environment = slot.0.lock().unwrap_or_else(PoisonError::into_inner);
        environment.take()
    }

    /// Returns the types of the schema.
    pub(in crate::graphql) fn registry(&self) -> &Registry {
        &self.schema.registry
    }

    /// Calls the resolvers of a query or a mutation, as the executor of async-graphql 8.0.0-rc.5
    /// does after it has prepared the operation.
    pub(in crate::graphql) async fn resolve(&self, operation: Resolvable<'_>) -> Response {
        let Resolvable {
            definition,
            selection_set,
            variables,
            data,
        } = operation;
        let query = QueryEnv::new(QueryEnvInner {
            extensions: self.extensions.clone(),
            variables,
            // Only the hooks of extensions read it, and the schema has none.
            operation_name: None,
            operation: definition.clone(),
            fragments: HashMap::new(),
            uploads: Vec::new(),
            session_data: Arc::clone(&self.session_data),
            query_data: Arc::new(data),
            http_headers: Mutex::default(),
            introspection_mode: IntrospectionMode::Enabled,
            errors: Mutex::default(),
        });
        let context = query.create_context(&self.schema, None, selection_set, None);
        let result = if definition.node.ty == OperationType::Mutation {
            resolve_container_serial(&context, &Mutation).await
        } else {
            resolve_container(&context, &Query).await
        };
        let mut response = match result {
            Ok(data) => Response::new(data),
            Err(error) => Response::from_errors(vec![error]),
        };
        response.http_headers = taken(&query.http_headers);
        response.errors.append(&mut taken(&query.errors));
        response
    }
}

fn taken<T: Default>(shared: &Mutex<T>) -> T {
    std::mem::take(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}
