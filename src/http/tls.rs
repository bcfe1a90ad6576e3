//! TLS: the certificate of this server, read again when its files change.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, anyhow, ensure};
use arc_swap::ArcSwap;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, InconsistentKeys, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{Accept, TlsAcceptor};

use crate::auth::watched::{self, Watched};

/// Encrypts what is said on a connection, from TLS 1.2 on.
pub struct Tls {
    acceptor: TlsAcceptor,
    pair: Arc<Pair>,
}

/// A certificate with its key, and where they are.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
    /// Name that clients know this server by.
    host: String,
    watched: Mutex<Watched>,
    current: ArcSwap<CertifiedKey>,
}

impl Tls {
    /// Reads a certificate, with those above it behind it, and its key, both in PEM. `host` is the
    /// name that clients know this server by.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, holds something else, or does not fit the other, by its name.
    pub fn open(certificate: &Path, key: &Path, host: &str) -> anyhow::Result<Tls> {
        let watched = Watched::new(vec![certificate.to_owned(), key.to_owned()]);
        let pair = Arc::new(Pair {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            host: host.to_owned(),
            watched: Mutex::new(watched),
            current: ArcSwap::from_pointee(read(certificate, key)?),
        });
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(pair.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls { acceptor: Arc::new(config).into(), pair })
    }

    /// What is not as it should be, although it can be used.
    pub fn concerns(&self) -> Vec<String> {
        self.pair.concerns()
    }

    /// Shakes hands on a connection.
    pub(super) fn accept(&self, stream: TcpStream) -> Accept<TcpStream> {
        self.acceptor.accept(stream)
    }
}

/// Looks at the files at every handshake: that costs a thousandth of it, and the first connection
/// after a change has the new certificate.
impl ResolvesServerCert for Pair {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if self.watched.lock().unwrap_or_else(PoisonError::into_inner).changed() {
            self.read_again();
        }
        Some(self.current.load_full())
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Pair {
    /// A pair that cannot be used changes nothing: of two files one is always written first.
    fn read_again(&self) {
        match read(&self.certificate, &self.key) {
            Ok(pair) => {
                self.current.store(Arc::new(pair));
                tracing::info!("read the certificate {} again", self.certificate.display());
                for concern in self.concerns() {
                    tracing::warn!("{concern}");
                }
            }
            Err(error) => tracing::error!("{error:#}; the certificate from before stays"),
        }
    }

    fn concerns(&self) -> Vec<String> {
        let mut concerns = Vec::new();
        let shown = self.certificate.display();
        let current = self.current.load();
        let parsed = current.cert.first().map(ParsedCertificate::try_from);
        if let Some(Ok(parsed)) = parsed {
            match validity(&parsed) {
                Err(CertificateError::ExpiredContext { .. } | CertificateError::Expired) => {
                    concerns.push(format!("the certificate in {shown} has expired"));
                }
                Err(
                    CertificateError::NotValidYetContext { .. } | CertificateError::NotValidYet,
                ) => concerns.push(format!("the certificate in {shown} is not valid yet")),
                _ => {}
            }
            let name = ServerName::try_from(self.host.as_str());
            if !name.is_ok_and(|name| verify_server_name(&parsed, &name).is_ok()) {
                let host = &self.host;
                concerns.push(format!("the certificate in {shown} is not for the name {host}"));
            }
        }
        if watched::others_read(&self.key) {
            let key = self.key.display();
            concerns.push(format!("others may read the private key {key}: chmod o-r"));
        }
        concerns
    }
}

/// The certificates of a file in PEM, in DER.
///
/// # Errors
///
/// It cannot be read, or holds something else, by its name.
pub fn certificates(file: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let named = || format!("cannot read the certificate {}", file.display());
    let found = CertificateDer::pem_file_iter(file).with_context(named)?;
    found.map(|one| Ok(one.with_context(named)?.to_vec())).collect()
}

/// Whether a certificate is within its dates; whoever signed it is the clients' to judge. The dates
/// are looked at before the signatures.
fn validity(certificate: &ParsedCertificate<'_>) -> Result<(), CertificateError> {
    let (nobody, algorithms) = (RootCertStore::empty(), aws_lc_rs::default_provider());
    let algorithms = algorithms.signature_verification_algorithms.all;
    let now = UnixTime::now();
    match verify_server_cert_signed_by_trust_anchor(certificate, &nobody, &[], now, algorithms) {
        Err(Error::InvalidCertificate(error)) => Err(error),
        _ => Ok(()),
    }
}

fn read(certificate: &Path, key: &Path) -> anyhow::Result<CertifiedKey> {
    let (shown, shown_key) = (certificate.display(), key.display());
    let text = std::fs::read(certificate)
        .with_context(|| format!("cannot read the certificate {shown}"))?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| anyhow!("{shown} is no PEM: {error}"))?;
    ensure!(
        !chain.is_empty(),
        "{shown} holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----"
    );
    let text =
        std::fs::read(key).with_context(|| format!("cannot read the private key {shown_key}"))?;
    // The parser's words may repeat what it read.
    let private = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        anyhow!("{shown_key} holds no private key in PEM; one with a passphrase cannot be used")
    })?;
    CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider()).map_err(|error| {
        match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                anyhow!("the private key {shown_key} does not fit the certificate {shown}")
            }
            Error::InvalidCertificate(_) => {
                anyhow!("{shown} holds no certificate that can be used: {error}")
            }
            _ => anyhow!("the private key {shown_key} cannot be used: {error}"),
        }
    })
}
