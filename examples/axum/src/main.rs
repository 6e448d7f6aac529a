//! A notebook: each user reads and writes their own notes, with a sessiond token.

use std::{
    collections::HashMap,
    env,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    routing::get,
};
use serde_json::{Value, json};
use sessiond_client::{CheckedSession, Checker, RequireSession};

/// The notes of all users, by the user's id. An app would keep them in a database.
type Notes = Arc<Mutex<HashMap<String, Vec<String>>>>;

/// The largest note in bytes.
const MAX_NOTE_SIZE: usize = 1_024;

/// The largest number of notes of a user.
const MAX_NOTES: usize = 100;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let setting = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let key = env::var("SESSIOND_SERVICE_KEY").context("SESSIOND_SERVICE_KEY is not set")?;
    let checker = Checker::builder(&setting("SESSIOND_URL", "http://127.0.0.1:3000"))
        .service_key(&key)
        .start()?;
    let listen = setting("LISTEN", "127.0.0.1:8080");
    let listener = tokio::net::TcpListener::bind(&listen)
        .await
        .with_context(|| format!("cannot listen on {listen}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app(checker)).await?;
    Ok(())
}

fn app(checker: Checker) -> Router {
    Router::new()
        .route("/notes", get(read).post(write))
        .layer(RequireSession::new(checker))
        // Requests to the routes below need no session.
        .route("/health", get(async || "ok"))
        .layer(DefaultBodyLimit::max(MAX_NOTE_SIZE))
        .with_state(Notes::default())
}

async fn read(
    State(notes): State<Notes>,
    Extension(session): Extension<Arc<CheckedSession>>,
) -> Json<Value> {
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let own = notes.get(&session.user_id.to_string());
    Json(json!({ "name": session.username, "notes": own.cloned().unwrap_or_default() }))
}

async fn write(
    State(notes): State<Notes>,
    Extension(session): Extension<Arc<CheckedSession>>,
    note: String,
) -> StatusCode {
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let own = notes.entry(session.user_id.to_string()).or_default();
    if own.len() == MAX_NOTES {
        return StatusCode::INSUFFICIENT_STORAGE;
    }
    own.push(note);
    StatusCode::CREATED
}
