//! The playground, built by Vite and held in the binary: nothing of it comes from another host.

use axum::{
    Json, Router,
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use rust_embed::Embed;
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

pub(super) fn routes<S: Clone + Send + Sync + 'static>(
    development_mode: bool,
    introspection: bool,
) -> Router<S> {
    let settings =
        Json(json!({ "developmentMode": development_mode, "introspection": introspection }));
    Router::new()
        .route("/", get(index))
        // The page's own addresses: a reload finds it again.
        .route("/explore", get(index))
        .route("/sessions", get(index))
        .route("/assets/{*path}", get(asset))
        .route("/licenses.md", get(licenses))
        .route("/settings.json", get(async || settings))
}

async fn index(headers: HeaderMap) -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)];
    match serve(INDEX, "no-cache", &headers) {
        Some(page) => (policy, page).into_response(),
        None => (StatusCode::NOT_FOUND, policy, Html(MISSING)).into_response(),
    }
}

/// The notices of the libraries that the page holds.
async fn licenses(headers: HeaderMap) -> Response {
    serve(LICENSES, "no-cache", &headers).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

/// An asset's name holds its hash, so it never changes.
async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let path = format!("assets/{path}");
    match serve(&path, "public, max-age=31536000, immutable", &headers) {
        // A worker has a policy of its own.
        Some(file) => (
            [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)],
            file,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The file at `path`, or the smallest of its forms compressed by the build that the client takes.
fn serve(path: &str, cache: &'static str, request: &HeaderMap) -> Option<Response> {
    let whole = Assets::get(path)?;
    let compressed = accepted(request)
        .find_map(|(coding, ending)| Some((coding, Assets::get(&format!("{path}.{ending}"))?)));
    let (coding, file) = compressed.map_or((None, whole), |(coding, file)| (Some(coding), file));
    let hash = file.metadata.sha256_hash();
    let tag: String = hash[..16]
        .iter()
        .fold(String::from("\""), |tag, byte| format!("{tag}{byte:02x}"))
        + "\"";
    let known = request
        .get(header::IF_NONE_MATCH)
        .is_some_and(|sent| sent.as_bytes() == tag.as_bytes());
    let headers = [
        (header::ETAG, tag),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::VARY, header::ACCEPT_ENCODING.to_string()),
    ];
    if known {
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

/// Each coding that the build compresses with and the client takes, the smaller one first, with its file's ending.
fn accepted(request: &HeaderMap) -> impl Iterator<Item = (&'static str, &'static str)> {
    [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(coding, _)| {
            let lists = request
                .get_all(header::ACCEPT_ENCODING)
                .iter()
                .filter_map(|list| list.to_str().ok());
            let mut items = lists.flat_map(|list| list.split(',')).map(|item| {
                let mut parts = item.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default();
                let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
                (name, quality.unwrap_or(1.0))
            });
            items.any(|(name, quality)| name.eq_ignore_ascii_case(coding) && quality > 0.0)
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
        accepted(&headers).map(|(coding, _)| coding).collect()
    }

    #[test]
    fn the_smaller_coding_that_the_client_takes_comes_first() {
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
