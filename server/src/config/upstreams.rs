//! Which remote MCP servers may be reached, and by which way: the settings that make an [`Egress`].

use std::path::Path;

use footbridge_shared::params::Secret;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::config::error::ConfigError;
use crate::config::settings::Settings;
use crate::egress::Allowed;
use crate::egress::Egress;
use crate::egress::Proxy;
use crate::egress::Way;

/// Variables that name a proxy, by precedence; other programs use them too.
const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The rules for outgoing connections. `is_local`: the bridge listens on a loopback address.
///
/// # Errors
/// A sentence about the setting that is wrong.
pub(super) fn egress(settings: &Settings, is_local: bool) -> Result<Egress, ConfigError> {
    let allowed = settings.allow_upstream.iter().map(|text| {
        text.parse::<Allowed>()
            .map_err(|problem| ConfigError::new(format!("--allow-upstream {text:?}: {problem}.")))
    });
    let mut authorities = Vec::new();
    for path in &settings.upstream_ca {
        authorities.extend(certificates(Path::new(path))?);
    }
    let way = Way::new(
        proxy(settings.upstream_proxy.as_ref().map(Secret::expose))?,
        authorities,
    );
    Ok(Egress::new(
        allowed.collect::<Result<_, _>>()?,
        is_local,
        way,
    ))
}

fn proxy(setting: Option<&str>) -> Result<Option<Proxy>, ConfigError> {
    let variable = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    };
    let except = variable(&["NO_PROXY", "no_proxy"]).unwrap_or_default();
    // The URL may hold a password, so it is not repeated.
    let wrong = |place: &str| {
        ConfigError::new(format!(
            "{place} must be a URL that begins with http:// or https://, or \"none\"."
        ))
    };
    match setting {
        Some("none") => Ok(None),
        Some(url) => Proxy::parse(url, &except)
            .map(Some)
            .ok_or_else(|| wrong("--upstream-proxy")),
        None => match variable(&PROXY_VARIABLES) {
            Some(url) => Proxy::parse(&url, &except).map(Some).ok_or_else(|| {
                wrong("The variable HTTPS_PROXY (or ALL_PROXY); else give --upstream-proxy, which")
            }),
            None => Ok(None),
        },
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let pem = std::fs::read(path)
        .map_err(|error| ConfigError::unreadable("--upstream-ca", path, &error))?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .unwrap_or_default();
    if found.is_empty() {
        return Err(ConfigError::new(format!(
            "--upstream-ca: {} holds no certificate in PEM form.",
            path.display()
        )));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Egress, String> {
        let settings = Settings::parse(text, Path::new("test.toml")).unwrap();
        egress(&settings, false).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_wrong_is_named_and_no_password_is_repeated() {
        for (text, part) in [
            ("allow_upstream = [\"10.0.0.0/99\"]", "--allow-upstream"),
            ("allow_upstream = [\"http://a\"]", "--allow-upstream"),
            ("upstream_proxy = \"me:s3cret@proxy\"", "--upstream-proxy"),
            (
                "upstream_ca = [\"/does/not/exist.pem\"]",
                "/does/not/exist.pem",
            ),
            ("upstream_ca = [\"/dev/null\"]", "no certificate"),
        ] {
            let sentence = read(text).unwrap_err();
            assert!(
                sentence.contains(part) && !sentence.contains("s3cret"),
                "{sentence}"
            );
        }
    }

    #[test]
    fn a_proxy_is_kept_with_its_host_and_its_password_is_not_shown() {
        let egress = read("upstream_proxy = \"http://me:s3cret@proxy.example:3128\"").unwrap();
        let proxy = egress.way().proxy.as_ref().unwrap();
        assert_eq!(proxy.host, "proxy.example");
        assert!(!format!("{egress:?}").contains("s3cret"));
        assert!(
            read("upstream_proxy = \"none\"")
                .unwrap()
                .way()
                .proxy
                .is_none()
        );
    }
}
