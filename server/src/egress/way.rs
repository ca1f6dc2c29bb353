//! How connections are made: through which proxy, and whose certificates are believed.

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;

use footbridge_shared::params::Secret;
use rustls::ClientConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls_platform_verifier::Verifier;
use url::Url;

/// The way out of this machine.
#[derive(Clone, Default)]
pub struct Way {
    /// The proxy for `https` and `http`; its URL may hold a password.
    pub proxy: Option<Proxy>,
    /// Certificate authorities believed beside the system's.
    pub authorities: Vec<CertificateDer<'static>>,
    tls: OnceLock<Result<Arc<ClientConfig>, String>>,
}

/// A proxy and what does not go through it.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Its URL.
    pub url: Secret,
    /// Its host: the one host that the rules for addresses do not apply to.
    pub host: String,
    /// Hosts that are reached directly, in the syntax of `NO_PROXY`.
    pub except: String,
}

impl Proxy {
    /// A proxy by its URL; `None` when that is none.
    pub fn parse(url: &str, except: &str) -> Option<Self> {
        let parsed = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))?;
        Some(Self {
            host: parsed.host_str()?.to_owned(),
            url: Secret::new(url),
            // A proxy cannot reach what is only here.
            except: format!("localhost,127.0.0.0/8,::1,{except}"),
        })
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Way")
            .field("proxy", &self.proxy)
            .field("authorities", &self.authorities.len())
            .finish_non_exhaustive()
    }
}

impl Way {
    /// A way through a proxy, believing further authorities.
    pub fn new(proxy: Option<Proxy>, authorities: Vec<CertificateDer<'static>>) -> Self {
        Self {
            proxy,
            authorities,
            tls: OnceLock::new(),
        }
    }

    /// How TLS is spoken (1.2 and 1.3). Made once: reading the system's certificates takes milliseconds.
    ///
    /// # Errors
    /// A reason, such as that the system has no certificates at all.
    pub fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        self.tls
            .get_or_init(|| tls(&self.authorities).map_err(|error| error.to_string()))
            .clone()
    }
}

fn tls(authorities: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(default_provider());
    let verifier =
        Verifier::new_with_extra_roots(authorities.iter().cloned(), Arc::clone(&provider))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
