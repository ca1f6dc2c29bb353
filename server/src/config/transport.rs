//! How browsers reach the bridge: by its own TLS, through a proxy that speaks it, and who reads the metrics there.
//!
//! Owns the rules for these settings. Never keeps a key: it only makes sure that the files can be used.

use footbridge_shared::params::Secret;

use crate::config::Auth;
use crate::config::error::ConfigError;
use crate::config::settings::Settings;
use crate::config::token;
use crate::tls;

/// The certificate and its key, both readable and of one pair; `None` when neither is given.
///
/// # Errors
/// A sentence that names the file and what is wrong with it, or the setting that is missing.
pub(super) fn tls(settings: &Settings) -> Result<Option<tls::Files>, ConfigError> {
    let files = match (&settings.tls_cert, &settings.tls_key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => tls::Files {
            certificate: certificate.clone(),
            key: key.clone(),
        },
        (Some(_), None) => {
            return Err(ConfigError::new(
                "--tls-cert needs --tls-key, the private key of the certificate.",
            ));
        }
        (None, Some(_)) => {
            return Err(ConfigError::new(
                "--tls-key needs --tls-cert, the certificate that the key is of.",
            ));
        }
    };
    match files.read() {
        Ok(_) => Ok(Some(files)),
        Err(problem) => Err(ConfigError::new(format!(
            "--tls-cert, --tls-key: {problem}."
        ))),
    }
}

/// Whether the public URL fits to who speaks TLS.
///
/// # Errors
/// A sentence when people would be sent to a URL without TLS where there is TLS.
pub(super) fn check_public_url(
    url: Option<&str>,
    behind_tls_proxy: bool,
    has_tls: bool,
) -> Result<(), ConfigError> {
    if url.is_none_or(|url| url.starts_with("https:")) {
        return Ok(());
    }
    if behind_tls_proxy {
        return Err(ConfigError::new(
            "--public-url must begin with https:// when --behind-tls-proxy is given: it is the proxy's URL.",
        ));
    }
    if has_tls {
        return Err(ConfigError::new(
            "--public-url must begin with https:// when --tls-cert is given: the bridge speaks nothing else then.",
        ));
    }
    Ok(())
}

/// The token that reads `/metrics` alone.
///
/// # Errors
/// A sentence when its file cannot be read, holds the bridge's own token, or there is no use for it.
pub(super) fn metrics_token(
    settings: &Settings,
    auth: &Auth,
    warnings: &mut Vec<String>,
) -> Result<Option<Secret>, ConfigError> {
    let Some(path) = &settings.metrics_token_file else {
        return Ok(None);
    };
    let (secret, warning) = token::read("--metrics-token-file", "token", path)?;
    warnings.extend(warning);
    match auth {
        Auth::Token(own) if *own == secret => Err(ConfigError::new(
            "--metrics-token-file holds the bridge's own token; it must be another, since it may do less.",
        )),
        Auth::None => Err(ConfigError::new(
            "--no-auth and --metrics-token-file contradict each other: /metrics needs no token then.",
        )),
        Auth::Proxy(proxy) if proxy.secret == secret => Err(ConfigError::new(
            "--metrics-token-file holds the secret of --proxy-secret-file; it must be another, since it may do less.",
        )),
        Auth::Token(_) | Auth::Jwt(_) | Auth::Proxy(_) => Ok(Some(secret)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TOKEN: &str = "the-token-of-this-test";

    /// A file of this text, in a folder of this test process.
    fn file(name: &str, text: &str) -> String {
        let folder =
            std::env::temp_dir().join(format!("footbridge-transport-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    fn settings(text: &str) -> Settings {
        Settings::parse(text, Path::new("test.toml")).unwrap()
    }

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_certificate_and_its_key_are_needed_both_and_must_fit() {
        let (certificate, key) = pair();
        let (_, other) = pair();
        let certificate = file("one.pem", &certificate);
        let key = file("one.key", &key);
        let other = file("other.key", &other);
        assert_eq!(tls(&settings("")), Ok(None));
        let both = format!("tls_cert = {certificate:?}\ntls_key = {key:?}");
        assert_eq!(tls(&settings(&both)).unwrap().unwrap().key, Path::new(&key));
        for (text, part) in [
            (format!("tls_cert = {certificate:?}"), "needs --tls-key"),
            (format!("tls_key = {key:?}"), "needs --tls-cert"),
            (
                format!("tls_cert = {certificate:?}\ntls_key = {other:?}"),
                "is not the key of",
            ),
            (
                format!("tls_cert = {key:?}\ntls_key = {key:?}"),
                "holds no certificate",
            ),
            (
                format!("tls_cert = {certificate:?}\ntls_key = {certificate:?}"),
                "holds no private key",
            ),
            (
                format!("tls_cert = {certificate:?}\ntls_key = \"/does/not/exist\""),
                "/does/not/exist",
            ),
        ] {
            let sentence = tls(&settings(&text)).unwrap_err().to_string();
            assert!(sentence.contains(part), "{sentence}");
            assert!(sentence.ends_with('.'), "{sentence}");
        }
    }

    #[test]
    fn people_are_not_sent_from_tls_to_a_url_without() {
        let plain = Some("http://a.example");
        assert!(check_public_url(plain, false, false).is_ok());
        assert!(check_public_url(plain, true, false).is_err());
        assert!(check_public_url(plain, false, true).is_err());
        assert!(check_public_url(Some("https://a.example"), true, true).is_ok());
        assert!(check_public_url(None, true, true).is_ok());
    }

    #[test]
    fn the_token_for_metrics_is_another_than_the_bridges_own() {
        let own = Auth::Token(Secret::new(TOKEN));
        let path = file("metrics.token", TOKEN);
        let other = file("other.token", "another-token-of-this-test\n");
        let read = |path: &str, auth: &Auth| {
            let settings = settings(&format!("metrics_token_file = {path:?}"));
            metrics_token(&settings, auth, &mut Vec::new()).map_err(|error| error.to_string())
        };
        assert!(read(&path, &own).unwrap_err().contains("must be another"));
        assert!(read(&other, &Auth::None).unwrap_err().contains("--no-auth"));
        assert!(
            read("/does/not/exist", &own)
                .unwrap_err()
                .starts_with("--metrics-token-file")
        );
        assert_eq!(
            read(&other, &own),
            Ok(Some(Secret::new("another-token-of-this-test")))
        );
        assert_eq!(
            metrics_token(&settings(""), &own, &mut Vec::new()),
            Ok(None)
        );
    }
}
