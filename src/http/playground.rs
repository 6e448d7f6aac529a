//! The playground. Vite builds it, and the binary contains its files, so its pages load no files
//! from other hosts.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::Path,
    http::{HeaderMap, Method, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use rust_embed::Embed;
use serde_json::json;

use super::{client_hints::ACCEPT_CH, negotiate::weighted_list};
use crate::domain::rules::OnConflict;

/// The files of the playground. Empty if the playground was not built before the binary.
#[derive(Embed)]
#[folder = "playground/dist"]
#[allow_missing = true]
struct Assets;

const INDEX_FILE: &str = "index.html";
const LICENSES_FILE: &str = "licenses.md";

/// Allows scripts, workers and connections only from the server's own origin. Inline styles are
/// allowed because the editor inserts some.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; \
     style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; \
     worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

const MISSING_PAGE: &str = "<!doctype html><html lang=en><title>sessiond</title><h1>sessiond</h1>\
     <p>This build does not contain the playground. With Node, <code>make run</code> builds both. \
     The API is at <code>/graphql</code>, and its schema is at \
     <a href=/schema.graphql>/schema.graphql</a>.</p></html>";

/// The settings of the server that the page needs.
pub(super) struct Settings<'a> {
    pub(super) development_mode: bool,
    /// Whether introspection is on.
    pub(super) introspection: bool,
    /// The conflict policies that callers other than the service may choose.
    pub(super) client_policies: &'a [OnConflict],
    /// The time without a request or an open stream after which a device is away.
    pub(super) away_after: Duration,
}

/// Returns the routes of the page and of its files. `/settings.json` contains the settings.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(settings: &Settings<'_>) -> Router<S> {
    let policies = settings.client_policies.iter().map(|policy| match policy {
        OnConflict::Reject => "REJECT",
        OnConflict::Ask => "ASK",
        OnConflict::TakeOver => "TAKE_OVER",
    });
    let settings = Json(json!({
        "developmentMode": settings.development_mode,
        "introspection": settings.introspection,
        "clientPolicies": policies.collect::<Vec<_>>(),
        "awayAfterSeconds": settings.away_after.as_secs(),
    }));
    Router::new()
        .route("/", get(index))
        // The page navigates to these paths itself. A reload requests them from the server.
        .route("/explore", get(index))
        .route("/sessions", get(index))
        .route("/assets/{*path}", get(asset))
        .route("/licenses.md", get(licenses))
        .route("/settings.json", get(async || settings))
        .fallback(not_found)
}

/// The response to a path that does not exist: the page for browsers, which explains it, and an
/// empty body for programs.
async fn not_found(method: Method, headers: HeaderMap) -> Response {
    let is_browser = matches!(method, Method::GET | Method::HEAD)
        && weighted_list(&headers, &header::ACCEPT)
            .iter()
            .any(|item| item.names("text/html") && item.weight > 0);
    if !is_browser {
        return StatusCode::NOT_FOUND.into_response();
    }
    let mut page = index(headers).await;
    if page.status() == StatusCode::OK {
        *page.status_mut() = StatusCode::NOT_FOUND;
    }
    page
}

async fn index(headers: HeaderMap) -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)];
    match serve(INDEX_FILE, "no-cache", &headers) {
        Some(page) => (policy, [ACCEPT_CH], page).into_response(),
        None => (StatusCode::NOT_FOUND, policy, Html(MISSING_PAGE)).into_response(),
    }
}

/// Returns the license notices of the libraries that the page contains.
async fn licenses(headers: HeaderMap) -> Response {
    serve(LICENSES_FILE, "no-cache", &headers)
        .unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

/// Returns an asset. Its name contains a hash of its content, so the response can be cached
/// forever.
async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let path = format!("assets/{path}");
    match serve(&path, "public, max-age=31536000, immutable", &headers) {
        // A worker does not inherit the policy of its page.
        Some(file) => (
            [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)],
            file,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Serves the file at `path`, or its smallest precompressed form that the client accepts.
fn serve(path: &str, cache: &'static str, request: &HeaderMap) -> Option<Response> {
    let uncompressed = Assets::get(path)?;
    let compressed = accepted_codings(request).find_map(|(coding, extension)| {
        Some((coding, Assets::get(&format!("{path}.{extension}"))?))
    });
    let (coding, file) =
        compressed.map_or((None, uncompressed), |(coding, file)| (Some(coding), file));
    let hash = file.metadata.sha256_hash();
    let tag: String = hash[..16]
        .iter()
        .fold(String::from("\""), |tag, byte| format!("{tag}{byte:02x}"))
        + "\"";
    let is_cached = request
        .get(header::IF_NONE_MATCH)
        .is_some_and(|sent| sent.as_bytes() == tag.as_bytes());
    let headers = [
        (header::ETAG, tag),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::VARY, header::ACCEPT_ENCODING.to_string()),
    ];
    if is_cached {
        return Some((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let media_type = mime_guess::from_path(path).first_or_octet_stream();
    let content_type = if media_type.type_() == "text" {
        format!("{media_type}; charset=utf-8")
    } else {
        media_type.to_string()
    };
    let coding = coding.map(|coding| [(header::CONTENT_ENCODING, coding)]);
    Some(
        (
            headers,
            [(header::CONTENT_TYPE, content_type)],
            coding,
            file.data,
        )
            .into_response(),
    )
}

/// Returns the content codings that the client accepts and the build provides, each with the
/// extension of its files. The coding with the smaller files comes first.
fn accepted_codings(request: &HeaderMap) -> impl Iterator<Item = (&'static str, &'static str)> {
    let accepted = weighted_list(request, &header::ACCEPT_ENCODING);
    [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(move |(coding, _)| {
            accepted
                .iter()
                .any(|item| item.names(coding) && item.weight > 0)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codings(accept: Option<&str>) -> Vec<&'static str> {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(header::ACCEPT_ENCODING, accept.parse().unwrap());
        }
        accepted_codings(&headers)
            .map(|(coding, _)| coding)
            .collect()
    }

    #[test]
    fn the_smaller_coding_that_the_client_accepts_comes_first() {
        assert_eq!(codings(Some("gzip, deflate, br, zstd")), ["br", "gzip"]);
        assert_eq!(codings(Some("BR;q=0.5")), ["br"]);
        assert_eq!(codings(Some("gzip;q=1.0, br; q=0")), ["gzip"]);
    }

    #[test]
    fn a_client_that_names_no_coding_gets_none() {
        for accept in [
            None,
            Some(""),
            Some("identity"),
            Some("*"),
            Some("brotli, gzip;q=0"),
        ] {
            assert!(codings(accept).is_empty(), "{accept:?}");
        }
    }
}
