//! A server with a certificate, and clients that trust it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::body::{Body, to_bytes};
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::generate_simple_self_signed;
use serde_json::{Value, json};
use sessiond_test_support::{ServerProcess, within_deadline};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use crate::SESSIOND;

/// The files of a certificate, in a folder of their own.
pub(super) struct Files(pub TempDir);

impl Files {
    /// Makes a certificate for localhost.
    pub(super) fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.renew();
        files
    }

    /// Replaces the certificate and its key.
    pub(super) fn renew(&self) {
        let new = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(self.path("cert.pem"), new.cert.pem()).unwrap();
        std::fs::write(self.path("key.pem"), new.signing_key.serialize_pem()).unwrap();
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn flags(&self) -> [String; 2] {
        [
            format!("--tls-cert={}", self.path("cert.pem").display()),
            format!("--tls-key={}", self.path("key.pem").display()),
        ]
    }

    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path("cert.pem")).unwrap()
    }
}

/// A server with a certificate.
pub(super) struct Secure {
    pub server: ServerProcess,
    pub files: Files,
}

impl Secure {
    pub(super) async fn start(flags: &[&str]) -> Self {
        let files = Files::new();
        let log = files.path("log");
        let [certificate, key] = files.flags();
        let server = SESSIOND
            .server()
            .flags(&[&certificate, &key])
            .flags(flags)
            .log_to(&log)
            .start()
            .await;
        Self { server, files }
    }

    /// Opens a connection that offers these protocols.
    pub(super) async fn connect(&self, protocols: &[&[u8]]) -> TlsStream<TcpStream> {
        connect(self.server.address, &self.files.certificate(), protocols)
            .await
            .unwrap()
    }

    /// Opens a connection of HTTP/2.
    pub(super) async fn http2(&self) -> Http2Client {
        Box::pin(self.http2_with_window(None)).await
    }

    /// Opens a connection of HTTP/2 whose responses may have this many bytes before the client
    /// allows more.
    pub(super) async fn http2_with_window(&self, window: Option<u32>) -> Http2Client {
        let stream = Box::pin(self.connect(&[b"h2"])).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let mut builder = http2::Builder::new(TokioExecutor::new());
        if let Some(window) = window {
            builder.initial_stream_window_size(window);
        }
        let handshake = builder.handshake(TokioIo::new(stream));
        let (sender, connection) = within_deadline(Box::pin(handshake)).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "`closed` waits for the task")]
        let connection = tokio::spawn(async move {
            let _ = connection.await;
        });
        Http2Client {
            address: self.server.address,
            sender,
            connection,
        }
    }

    /// The lines of the log with this text, after one of them has arrived.
    pub(super) async fn wait_for_log(&self, text: &str) {
        within_deadline(async {
            while !std::fs::read_to_string(self.files.path("log"))
                .unwrap()
                .contains(text)
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }
}

/// Opens a connection to a server that must have this certificate.
pub(super) async fn connect(
    address: SocketAddr,
    certificate: &CertificateDer<'static>,
    protocols: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    within_deadline(Box::pin(connector.connect(name, stream))).await
}

/// A connection of HTTP/2.
pub(super) struct Http2Client {
    address: SocketAddr,
    pub sender: SendRequest<Body>,
    connection: tokio::task::JoinHandle<()>,
}

impl Http2Client {
    /// A request for `path`, by GET if it gets no other method.
    pub(super) fn request(&self, path: &str) -> hyper::http::request::Builder {
        Request::builder().uri(format!("https://{}{path}", self.address))
    }

    pub(super) async fn send(&mut self, request: Request<Body>) -> Response<Incoming> {
        within_deadline(self.sender.send_request(request))
            .await
            .unwrap()
    }

    pub(super) async fn get_status(&mut self, path: &str) -> u16 {
        let request = self.request(path).body(Body::empty()).unwrap();
        self.send(request).await.status().as_u16()
    }

    /// Executes an operation, and returns its response.
    pub(super) async fn run(&mut self, query: &str) -> Value {
        let response = self.post(query, "application/json").await;
        let body = Body::new(response.into_body());
        let body = within_deadline(to_bytes(body, usize::MAX)).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// Sends an operation.
    pub(super) async fn post(&mut self, query: &str, accept: &str) -> Response<Incoming> {
        let request = self
            .request("/graphql")
            .method("POST")
            .header("content-type", "application/json")
            .header("accept", accept)
            .body(json!({ "query": query }).to_string().into())
            .unwrap();
        self.send(request).await
    }

    /// Waits until the server has closed the connection.
    pub(super) async fn closed(self) {
        within_deadline(self.connection).await.unwrap();
    }
}
