//! Sends requests to other web servers: to the gateway that an operator checks, to a collector of
//! traces, and to receivers of webhooks. Each request has a connection of its own, over HTTP/1.1.

use std::{future::Future, pin::pin, str::FromStr, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderValue, Request, Response, Uri, header, uri::Scheme},
};
use futures_util::future::{Either, join, select};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{InvalidDnsNameError, ServerName},
    },
};

/// The time for the connection, the request and the whole response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum length of a response's body in bytes. Nothing of a longer one is used.
const MAX_BODY: usize = 64 * 1024;

/// The reason why a request failed.
#[derive(Debug, Error)]
pub enum WebError {
    /// The server cannot be reached.
    #[error("cannot connect to {0}: {1}")]
    Connect(String, std::io::Error),
    /// The name of the server cannot be that of a certificate.
    #[error("the name of the server is invalid")]
    Name(#[from] InvalidDnsNameError),
    /// The TLS handshake failed.
    #[error(
        "the TLS handshake with {0} failed, or no public authority has signed its certificate: {1}"
    )]
    Tls(String, std::io::Error),
    /// The TLS library cannot be set up.
    #[error("TLS cannot be used: {0}")]
    Library(#[from] rustls::Error),
    /// The response cannot be read.
    #[error("no valid response: {0}")]
    Http(#[from] hyper::Error),
    /// The body of the response is too long or was interrupted.
    #[error("the body of the response cannot be read: {0}")]
    Body(axum::Error),
    /// The server did not respond in time.
    #[error("no response within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
}

/// The URL of a web server: `http://` or `https://`, a host, and an optional port and path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUrl(Uri);

impl FromStr for WebUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const PROBLEM: &str = "must be a URL that begins with http:// or https://, without a user \
             name or a password";
        let uri: Uri = text.parse().map_err(|_| PROBLEM)?;
        let is_web = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
        let has_user = uri
            .authority()
            .is_none_or(|authority| authority.as_str().contains('@'));
        if is_web && !has_user && uri.host().is_some_and(|host| !host.is_empty()) {
            Ok(Self(uri))
        } else {
            Err(PROBLEM)
        }
    }
}

impl std::fmt::Display for WebUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl WebUrl {
    /// Returns the URL as its type of the HTTP library.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.0
    }
}

/// Sends a request to the server that its URL names, and returns the whole response.
///
/// # Errors
/// [`WebError`] if there is no whole response within 10 s.
pub async fn send(request: Request<Body>) -> Result<Response<Bytes>, WebError> {
    within(REQUEST_TIMEOUT, connect_and_send(request, Part::Whole)).await
}

/// Sends a request to the server that its URL names, and returns the head of the response. Its body
/// is not read. A redirect is not followed.
///
/// # Errors
/// [`WebError`] if there is no head within `limit`.
pub async fn send_for_head(
    request: Request<Body>,
    limit: Duration,
) -> Result<Response<()>, WebError> {
    let response = within(limit, connect_and_send(request, Part::Head)).await?;
    Ok(response.map(drop))
}

/// The part of a response that is read.
#[derive(Clone, Copy)]
enum Part {
    Head,
    Whole,
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, WebError>>,
) -> Result<T, WebError> {
    let timed_out = |_| Err(WebError::Timeout(limit));
    timeout(limit, work).await.unwrap_or_else(timed_out)
}

async fn connect_and_send(
    mut request: Request<Body>,
    wanted: Part,
) -> Result<Response<Bytes>, WebError> {
    let uri = request.uri().clone();
    let is_secure = uri.scheme() == Some(&Scheme::HTTPS);
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if let Ok(authority) = HeaderValue::from_str(authority) {
        request.headers_mut().insert(header::HOST, authority);
    }
    *request.uri_mut() = uri
        .path_and_query()
        .map_or_else(|| Uri::from_static("/"), |path| path.clone().into());
    // An IPv6 address is in brackets in a URL.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, port)).await;
    let stream = stream.map_err(|error| WebError::Connect(authority.to_owned(), error))?;
    if !is_secure {
        return exchange(stream, request, wanted).await;
    }
    let name = ServerName::try_from(host.to_owned())?;
    let stream = TlsConnector::from(tls_config()?)
        .connect(name, stream)
        .await;
    let stream = stream.map_err(|error| WebError::Tls(authority.to_owned(), error))?;
    exchange(stream, request, wanted).await
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    request: Request<Body>,
    wanted: Part,
) -> Result<Response<Bytes>, WebError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    if let Part::Head = wanted {
        // The connection is closed with the future, and with it the rest of the response.
        let head = match select(pin!(sender.send_request(request)), pin!(connection)).await {
            Either::Left((head, _)) => head?,
            Either::Right((_, head)) => head.await?,
        };
        return Ok(head.map(|_| Bytes::new()));
    }
    let response = async move {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = to_bytes(Body::new(body), MAX_BODY).await;
        Ok::<_, WebError>(Response::from_parts(head, body.map_err(WebError::Body)?))
    };
    // The connection ends when the sender is dropped.
    join(response, connection).await.0
}

/// Trusts the public authorities of Mozilla's list.
fn tls_config() -> Result<Arc<ClientConfig>, rustls::Error> {
    let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let config = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_web_scheme_and_no_password() {
        for text in [
            "http://localhost",
            "https://a.example:8443/orders?x=1",
            "http://[::1]:4318",
        ] {
            assert!(text.parse::<WebUrl>().is_ok(), "{text}");
        }
        for text in [
            "",
            "localhost:4318",
            "/verify",
            "ftp://a",
            "https://me:secret@a",
            "http://",
        ] {
            assert!(text.parse::<WebUrl>().is_err(), "{text}");
        }
    }
}
