//! The ceilings: servers that use the frameworks of sessiond and do as little as possible. Each
//! shows what a step of sessiond can cost at best.

use std::{collections::HashMap, sync::Arc};

use anyhow::Result;
use async_graphql::{
    EmptyMutation, EmptySubscription, Enum, ID, Object, Schema, SimpleObject, ValidationMode,
    parser::{parse_query, types::ExecutableDocument},
};
use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use clap::ValueEnum;
use parking_lot::RwLock;
use tokio::net::TcpListener;

/// A server to compare sessiond with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ceiling {
    /// axum, which returns an empty response
    Axum,
    /// async-graphql with static data
    Stock,
    /// The same with a cache of parsed documents
    Cached,
    /// The same with a cache of parsed documents and with `ValidationMode::Fast`, which checks only
    /// what execution relies on
    Fast,
}

/// Serves a ceiling on a free port, and prints its address.
///
/// # Errors
/// If no port is free.
pub async fn serve(ceiling: Ceiling) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, router(ceiling)).await?;
    Ok(())
}

fn router(ceiling: Ceiling) -> Router {
    let mut builder = Schema::build(Query, EmptyMutation, EmptySubscription);
    if ceiling == Ceiling::Fast {
        builder = builder.validation_mode(ValidationMode::Fast);
    }
    let api = Api {
        schema: builder.finish(),
        documents: Arc::default(),
    };
    match ceiling {
        Ceiling::Axum => Router::new().route("/", get(async || {})),
        Ceiling::Stock => Router::new().route("/graphql", post(stock)).with_state(api),
        Ceiling::Cached | Ceiling::Fast => Router::new()
            .route("/graphql", post(cached))
            .with_state(api),
    }
}

#[derive(Clone)]
struct Api {
    schema: Schema<Query, EmptyMutation, EmptySubscription>,
    /// Without a bound, because the benchmark sends two documents.
    documents: Arc<RwLock<HashMap<String, ExecutableDocument>>>,
}

async fn stock(State(api): State<Api>, request: GraphQLRequest) -> GraphQLResponse {
    api.schema.execute(request.into_inner()).await.into()
}

async fn cached(State(api): State<Api>, request: GraphQLRequest) -> GraphQLResponse {
    let mut request = request.into_inner();
    let known = api.documents.read().get(&request.query).cloned();
    let document = match known {
        Some(document) => document,
        None => match parse_query(&request.query) {
            Ok(document) => {
                let text = request.query.clone();
                api.documents.write().insert(text, document.clone());
                document
            }
            Err(error) => {
                let error = async_graphql::ServerError::new(error.to_string(), None);
                return async_graphql::Response::from_errors(vec![error]).into();
            }
        },
    };
    request.set_parsed_query(document);
    api.schema.execute(request).await.into()
}

/// The part of sessiond's schema that the benchmark uses.
struct Query;

#[Object]
impl Query {
    async fn current_session(&self) -> Option<Session> {
        Some(SESSION)
    }

    async fn user(&self, mobile: String) -> Option<User> {
        (!mobile.is_empty()).then_some(User)
    }
}

struct User;

#[Object]
impl User {
    async fn id(&self) -> ID {
        KEY.into()
    }

    async fn username(&self) -> &str {
        "Ada"
    }

    async fn sessions(&self, first: i32) -> Connection {
        let sessions = usize::try_from(first).unwrap_or_default();
        Connection {
            nodes: vec![SESSION; sessions],
        }
    }
}

#[derive(SimpleObject)]
struct Connection {
    nodes: Vec<Session>,
}

#[derive(Clone, Copy)]
struct Session {
    status: Status,
}

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum Status {
    Pending,
    Active,
    Ended,
}

#[derive(SimpleObject)]
struct Device {
    label: &'static str,
}

const KEY: &str = "4f9d5d5e-6b8a-4f0c-9a55-1f6d2f4d8c11";
const INSTANT: &str = "2026-01-01T00:00:00.000Z";
const SESSION: Session = Session {
    status: Status::Active,
};

#[Object]
impl Session {
    async fn session_key(&self) -> ID {
        KEY.into()
    }

    async fn user(&self) -> User {
        User
    }

    async fn device(&self) -> Device {
        Device {
            label: "Firefox 128 on Linux",
        }
    }

    async fn ip_address(&self) -> &str {
        "192.0.2.1"
    }

    async fn is_valid(&self) -> bool {
        self.status == Status::Active
    }

    async fn status(&self) -> Status {
        self.status
    }

    async fn created_at(&self) -> &str {
        INSTANT
    }

    async fn last_seen_at(&self) -> &str {
        INSTANT
    }

    async fn expires_at(&self) -> &str {
        INSTANT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::{CURRENT_SESSION, USER};

    #[tokio::test]
    async fn the_static_schema_answers_the_measured_queries() {
        let schema = Schema::build(Query, EmptyMutation, EmptySubscription).finish();
        for query in [CURRENT_SESSION, USER] {
            let variables = serde_json::json!({ "mobile": "+491510000000" });
            let request = async_graphql::Request::new(query)
                .variables(async_graphql::Variables::from_json(variables));
            let response = schema.execute(request).await;
            assert!(response.errors.is_empty(), "{:?}", response.errors);
        }
    }
}
