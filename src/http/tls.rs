//! TLS: the certificate and its key, which can be read again while the server runs.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::RwLock;
use thiserror::Error;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject},
        },
    },
};

/// The protocols that the server offers, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [HTTP_2, b"http/1.1"];

/// The name of HTTP/2 in ALPN.
pub(super) const HTTP_2: &[u8] = b"h2";

/// The reason why a certificate cannot be used, as a message for an operator.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read, or has no part of the expected kind.
    #[error("cannot read the {kind} in {}: {source}", path.display())]
    Read {
        /// What the file should have.
        kind: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the file or of its format.
        source: pem::Error,
    },
    /// The certificate belongs to another key.
    #[error(
        "the key in {} does not fit the certificate in {}: the first certificate of the file must \
         be that of the server", key.display(), certificate.display()
    )]
    KeyMismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The library rejects the certificate or the key.
    #[error("cannot use the certificate in {}: {source}", certificate.display())]
    Invalid {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The error of the library.
        source: rustls::Error,
    },
}

/// The certificate of the server. A connection uses the one that was current at its handshake.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads a certificate with its chain, and its private key, from files in PEM.
    ///
    /// # Errors
    /// [`TlsError`] if they cannot be used.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Ok(Self {
            config: RwLock::new(Arc::new(read(certificate, key)?)),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        })
    }

    /// Reads both files again. Open connections keep the certificate of their handshake.
    ///
    /// # Errors
    /// [`TlsError`] if they cannot be used. The present certificate then stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = read(&self.certificate, &self.key)?;
        *self.config.write() = Arc::new(config);
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.config.read()).into()
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// Returns the first certificate of a file in PEM, which is that of the server, in DER.
///
/// # Errors
/// [`TlsError::Read`] if the file cannot be read or has no certificate.
pub fn first_certificate(file: &Path) -> Result<Vec<u8>, TlsError> {
    let certificate = CertificateDer::from_pem_file(file);
    let certificate = certificate.map_err(|source| TlsError::Read {
        kind: "certificate",
        path: file.to_owned(),
        source,
    })?;
    Ok(certificate.to_vec())
}

fn read(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let cannot_read = |kind, path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Read { kind, path, source }
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(cannot_read("certificate", certificate))?;
    if chain.is_empty() {
        return Err(cannot_read("certificate", certificate)(
            pem::Error::NoItemsFound,
        ));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(cannot_read("private key", key))?;
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, private)
        });
    let mut config = config.map_err(|source| match source {
        rustls::Error::InconsistentKeys(_) => TlsError::KeyMismatch {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        },
        source => TlsError::Invalid {
            certificate: certificate.to_owned(),
            source,
        },
    })?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}
