//! TLS towards browsers: the certificate and its key, read again whenever their files change.
//!
//! Owns the pair in use and the only reading of its files. Never sees what is said over it.

use std::fmt;
use std::fs::Metadata;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::ClientHello;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// The protocol offered in the handshake (RFC 7301): WebSockets over HTTP/2 are not served.
const PROTOCOL: &[u8] = b"http/1.1";

/// Between two looks at the files. Asking is what works everywhere: a renewal may rename a file, swap a link to a
/// whole folder (Kubernetes) or write in place, on any file system.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The two files, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate, and those that lead from it to an authority.
    pub certificate: PathBuf,
    /// The certificate's private key: PKCS#8, SEC1 or PKCS#1.
    pub key: PathBuf,
}

/// A certificate and its key that fit together.
#[derive(Clone)]
pub struct Pair(Arc<CertifiedKey>);

impl fmt::Debug for Pair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl Files {
    /// Reads both.
    ///
    /// # Errors
    /// What is wrong with which file, without a full stop.
    pub fn read(&self) -> Result<Pair, String> {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let chain = CertificateDer::pem_slice_iter(&bytes(&self.certificate)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| format!("{certificate} is not PEM"))?;
        if chain.is_empty() {
            return Err(format!("{certificate} holds no certificate"));
        }
        let private = PrivateKeyDer::from_pem_slice(&bytes(&self.key)?)
            .map_err(|_| format!("{key} holds no private key in PEM"))?;
        CertifiedKey::from_der(chain, private, &default_provider())
            .map(|pair| Pair(Arc::new(pair)))
            .map_err(|error| {
                if matches!(error, rustls::Error::InconsistentKeys(_)) {
                    format!("{key} is not the key of the certificate in {certificate}")
                } else if matches!(error, rustls::Error::InvalidCertificate(_)) {
                    format!("the first certificate in {certificate} cannot be read")
                } else {
                    format!("the key in {key} is of no kind that can be used")
                }
            })
    }

    fn stamp(&self) -> [Option<Stamp>; 2] {
        [&self.certificate, &self.key].map(|path| std::fs::metadata(path).ok().map(Stamp::of))
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// By what a file is known to be another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    written: Option<SystemTime>,
    n_bytes: u64,
    /// A link that leads to another file now shows here, whatever the times are.
    node: u64,
}

impl Stamp {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what it is made from has no other use"
    )]
    fn of(metadata: Metadata) -> Self {
        Self {
            written: metadata.modified().ok(),
            n_bytes: metadata.len(),
            node: node(&metadata),
        }
    }
}

#[cfg(unix)]
fn node(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn node(_metadata: &Metadata) -> u64 {
    0
}

/// The pair that new connections get.
#[derive(Debug)]
struct Current(RwLock<Pair>);

impl Current {
    fn get(&self) -> Pair {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn replace(&self, pair: Pair) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = pair;
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get().0)
    }
}

/// TLS with the pair of two files.
#[derive(Clone)]
pub struct Tls {
    files: Files,
    stamp: [Option<Stamp>; 2],
    current: Arc<Current>,
    acceptor: TlsAcceptor,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// TLS 1.2 and 1.3 with the pair that the files hold now.
    ///
    /// # Errors
    /// What is wrong with which file, without a full stop.
    pub fn new(files: Files) -> Result<Self, String> {
        // Before they are read, so that a change in between is not missed.
        let stamp = files.stamp();
        let current = Arc::new(Current(RwLock::new(files.read()?)));
        let provider: Arc<CryptoProvider> = Arc::new(default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Self {
            files,
            stamp,
            current,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    /// What shakes hands.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Looks at the files again and again and takes what is new and good; connections that there are go on with what
    /// they have. `told` hears of every change: `None` when the new pair is in use, otherwise why the old one is kept.
    pub async fn watch(self, told: impl Fn(Option<&str>) + Send) {
        let mut seen = self.stamp;
        let mut problem: Option<String> = None;
        loop {
            sleep(LOOK_EVERY).await;
            let files = self.files.clone();
            // After a failure they are read each time: half of a renewal may have been seen.
            let (before, must_read) = (seen, problem.is_some());
            let looked = tokio::task::spawn_blocking(move || {
                let stamp = files.stamp();
                (stamp, (must_read || stamp != before).then(|| files.read()))
            });
            let Ok((stamp, Some(read))) = looked.await else {
                continue;
            };
            seen = stamp;
            match read {
                Ok(pair) => {
                    self.current.replace(pair);
                    problem = None;
                    told(None);
                }
                Err(now) if problem.as_ref() == Some(&now) => {}
                Err(now) => {
                    told(Some(&now));
                    problem = Some(now);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
