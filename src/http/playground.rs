//! The playground, built by Vite and held in the binary: nothing of it comes from another host.

use axum::{
    Json, Router,
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use rust_embed::{Embed, EmbeddedFile};
use serde_json::json;

/// Empty in a build without Node.
#[derive(Embed)]
#[folder = "playground/dist"]
#[allow_missing = true]
struct Assets;

const INDEX: &str = "index.html";
const LICENSES: &str = "licenses.md";

/// Scripts, workers and connections of its own only. Styles may stand in the page: the editor places its own.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; object-src 'none'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const MISSING: &str = "<!doctype html><html lang=en><title>sessiond</title><h1>sessiond</h1>\
     <p>This build has no playground: it was made without Node. The API is at <code>/graphql</code>, \
     its schema at <a href=/schema.graphql>/schema.graphql</a>.</p></html>";

pub(super) fn routes<S: Clone + Send + Sync + 'static>(development_mode: bool) -> Router<S> {
    let settings = Json(json!({ "developmentMode": development_mode }));
    Router::new()
        .route("/", get(index))
        .route("/assets/{*path}", get(asset))
        .route("/licenses.md", get(licenses))
        .route("/settings.json", get(async || settings))
}

async fn index(headers: HeaderMap) -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)];
    match Assets::get(INDEX) {
        Some(file) => (policy, serve(INDEX, file, "no-cache", &headers)).into_response(),
        None => (StatusCode::NOT_FOUND, policy, Html(MISSING)).into_response(),
    }
}

/// The notices of the libraries that the page holds.
async fn licenses(headers: HeaderMap) -> Response {
    match Assets::get(LICENSES) {
        Some(file) => serve(LICENSES, file, "no-cache", &headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// An asset's name holds its hash, so it never changes.
async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let path = format!("assets/{path}");
    match Assets::get(&path) {
        Some(file) => {
            // A worker has a policy of its own.
            let policy = [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)];
            (policy, serve(&path, file, "public, max-age=31536000, immutable", &headers)).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn serve(path: &str, file: EmbeddedFile, cache: &'static str, request: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag: String =
        hash[..16].iter().fold(String::from("\""), |tag, byte| format!("{tag}{byte:02x}")) + "\"";
    let known = request.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == tag.as_bytes());
    let headers = [(header::ETAG, tag), (header::CACHE_CONTROL, cache.to_owned())];
    if known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let media_type = mime_guess::from_path(path).first_or_octet_stream();
    let content_type = if media_type.type_() == "text" {
        format!("{media_type}; charset=utf-8")
    } else {
        media_type.to_string()
    };
    (headers, [(header::CONTENT_TYPE, content_type)], file.data).into_response()
}
