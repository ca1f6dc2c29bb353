//! How connections are made: through which proxy, and whose certificates are believed.
//!
//! Owns the one TLS configuration that all connections share. Never makes a connection.

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

use crate::egress::Proxies;

/// The protocols offered in the handshake (RFC 7301), the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The way out of this machine. By default there is no proxy, and the system's certificates are believed.
#[derive(Default)]
pub struct Way {
    proxies: Proxies,
    authorities: Vec<CertificateDer<'static>>,
    tls: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl fmt::Debug for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Way")
            .field("proxies", &self.proxies)
            .field("authorities", &self.authorities.len())
            .finish_non_exhaustive()
    }
}

impl Way {
    /// A way through proxies, believing further authorities.
    pub fn new(proxies: Proxies, authorities: Vec<CertificateDer<'static>>) -> Self {
        Self {
            proxies,
            authorities,
            tls: OnceLock::new(),
        }
    }

    /// Which proxy is on the way to what.
    pub fn proxies(&self) -> &Proxies {
        &self.proxies
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
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(Arc::new(config))
}

/// Reads the CA certificates of a PEM file.
///
/// # Errors
/// The end of a sentence when there is none, or one that cannot vouch for anybody.
pub fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("is not in PEM form: {error}"))?;
    if certificates.is_empty() {
        return Err("holds no certificate in PEM form".to_owned());
    }
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots
            .add(certificate.clone())
            .map_err(|error| format!("holds a certificate that cannot be used: {error}"))?;
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_certificates_is_read_and_anything_else_is_not() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let found = authorities(format!("{pem}\n{pem}").as_bytes()).unwrap();
        assert_eq!(found.len(), 2);
        for (text, problem) in [
            ("", "holds no certificate"),
            ("no PEM at all", "holds no certificate"),
            (key.serialize_pem().as_str(), "holds no certificate"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", "is not in PEM form"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "cannot be used",
            ),
        ] {
            let sentence = authorities(text.as_bytes()).unwrap_err();
            assert!(sentence.contains(problem), "{text}: {sentence}");
            assert!(!sentence.contains("PRIVATE"), "{sentence}");
        }
    }

    #[test]
    fn the_configuration_is_made_once_and_offers_both_versions_of_http() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        let authority = params.self_signed(&key).unwrap().der().clone();
        let way = Way::new(Proxies::default(), vec![authority]);
        let config = way.tls().unwrap();
        assert_eq!(config.alpn_protocols, PROTOCOLS.map(<[u8]>::to_vec));
        assert!(Arc::ptr_eq(&config, &way.tls().unwrap()));
    }
}
