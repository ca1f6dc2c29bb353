//! Which remote MCP servers may be reached, and by which way: the settings that make an [`Egress`].
//!
//! Owns their rules, and which proxies of the environment count. Never makes a connection.

use std::path::Path;

use footbridge_shared::params::Secret;
use rustls::pki_types::CertificateDer;

use crate::config::error::ConfigError;
use crate::config::settings::Settings;
use crate::egress::Allowed;
use crate::egress::Egress;
use crate::egress::Proxies;
use crate::egress::Proxy;
use crate::egress::Way;
use crate::egress::authorities;
use crate::egress::headers;

/// Variables that name a proxy for `https://`, by precedence; other programs use them too.
const HTTPS_PROXY: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Variables that name a proxy for `http://`, by precedence.
const HTTP_PROXY: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// Variables that say what is reached without a proxy, by precedence.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The rules for outgoing connections, and what to warn of. `is_local`: the bridge listens on a loopback address.
///
/// # Errors
/// A sentence about the setting that is wrong.
pub(super) fn egress(
    settings: &Settings,
    is_local: bool,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(Egress, Vec<String>), ConfigError> {
    let allowed = settings.allow_upstream.iter().map(|text| {
        text.parse::<Allowed>()
            .map_err(|problem| ConfigError::new(format!("--allow-upstream {text:?} {problem}")))
    });
    let allowed = allowed.collect::<Result<_, _>>()?;
    let mut certificates = Vec::new();
    for path in &settings.upstream_ca {
        certificates.extend(read_authorities(Path::new(path))?);
    }
    let mut warnings = Vec::new();
    let setting = settings.upstream_proxy.as_ref().map(Secret::expose);
    let proxies = proxies(setting, &variable, &mut warnings)?;
    let egress = Egress::new(allowed, is_local, Way::new(proxies, certificates));
    Ok((egress, warnings))
}

/// The headers that callers may set besides the usual ones.
///
/// # Errors
/// A sentence about the one that nobody may set.
pub(super) fn allow_headers(settings: &Settings) -> Result<Vec<String>, ConfigError> {
    for name in &settings.allow_header {
        headers::check_name(name)
            .map_err(|problem| ConfigError::new(format!("--allow-header {name:?} {problem}.")))?;
    }
    Ok(settings.allow_header.clone())
}

fn proxies(
    setting: Option<&str>,
    variable: &impl Fn(&str) -> Option<String>,
    warnings: &mut Vec<String>,
) -> Result<Proxies, ConfigError> {
    let find = |names: &[&'static str]| {
        names.iter().find_map(|name| {
            let value = variable(name).filter(|value| !value.is_empty())?;
            Some((*name, value))
        })
    };
    let except = find(&NO_PROXY).map(|(_, list)| list).unwrap_or_default();
    // A proxy's URL may hold a password, so it is not repeated.
    match setting {
        Some("none") => return Ok(Proxies::default()),
        Some(url) => {
            let proxy = Proxy::parse(url).map_err(|problem| {
                ConfigError::new(format!("--upstream-proxy {problem}, or say \"none\"."))
            })?;
            return Ok(Proxies::named(proxy).without(&except));
        }
        None => {}
    }
    let mut of_machine = |names| {
        let (name, url) = find(names)?;
        match Proxy::parse(&url) {
            Ok(proxy) => Some(proxy),
            Err(problem) => {
                warnings.push(format!(
                    "The proxy in {name} is not used for MCP servers: it {problem}; name another with \
                     --upstream-proxy, or \"none\"."
                ));
                None
            }
        }
    };
    let proxies = Proxies::of_machine(of_machine(&HTTP_PROXY), of_machine(&HTTPS_PROXY));
    warnings.dedup();
    Ok(proxies.without(&except))
}

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let pem = std::fs::read(path)
        .map_err(|error| ConfigError::unreadable("--upstream-ca", path, &error))?;
    authorities(&pem).map_err(|problem| {
        ConfigError::new(format!("--upstream-ca: {} {problem}.", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn settings(text: &str) -> Settings {
        Settings::parse(text, Path::new("test.toml")).unwrap()
    }

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<(Egress, Vec<String>), String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        egress(&settings(text), false, variable).map_err(|error| error.to_string())
    }

    fn proxy(egress: &Egress, url: &str) -> Option<String> {
        let proxy = egress.proxy_for(&Url::parse(url).unwrap())?;
        Some(proxy.url().expose().to_owned())
    }

    #[test]
    fn what_is_wrong_is_named_and_no_password_is_repeated() {
        for (text, part) in [
            ("allow_upstream = [\"10.0.0.0/99\"]", "--allow-upstream"),
            ("allow_upstream = [\"http://a\"]", "without scheme"),
            (
                "upstream_proxy = \"socks5://me:s3cret@proxy\"",
                "--upstream-proxy must begin with http:// or https://, or say \"none\".",
            ),
            (
                "upstream_ca = [\"/does/not/exist.pem\"]",
                "/does/not/exist.pem",
            ),
            ("upstream_ca = [\"/dev/null\"]", "no certificate"),
        ] {
            let sentence = read(text, &[]).unwrap_err();
            assert!(
                sentence.contains(part) && !sentence.contains("s3cret"),
                "{sentence}"
            );
        }
        for (text, allowed) in [
            ("allow_header = [\"cookie\", \"User-Agent\"]", true),
            ("allow_header = [\"Host\"]", false),
            ("allow_header = [\"mcp-session-id\"]", false),
            ("allow_header = [\"a b\"]", false),
            ("allow_header = [\"x-*\"]", true),
        ] {
            assert_eq!(allow_headers(&settings(text)).is_ok(), allowed, "{text}");
        }
    }

    #[test]
    fn a_proxy_of_the_settings_is_for_everything_but_exceptions() {
        let text = "upstream_proxy = \"me:s3cret@proxy.example:3128\"";
        let variables = [
            ("HTTPS_PROXY", "http://other"),
            ("no_proxy", "intern.example"),
        ];
        let (egress, warnings) = read(text, &variables).unwrap();
        let expected = Some("http://me:s3cret@proxy.example:3128/".to_owned());
        for url in ["https://a.example/", "http://127.0.0.1:9/"] {
            assert_eq!(proxy(&egress, url), expected, "{url}");
        }
        assert_eq!(proxy(&egress, "https://x.intern.example/"), None);
        assert!(!format!("{egress:?}").contains("s3cret"));
        assert_eq!(warnings, [""; 0]);
        let (none, _) = read("upstream_proxy = \"none\"", &variables).unwrap();
        assert_eq!(proxy(&none, "https://a.example/"), None);
    }

    #[test]
    fn the_proxies_of_the_environment_are_used_but_not_for_this_machine() {
        let variables = [
            ("https_proxy", "http://secure:1"),
            ("HTTP_PROXY", ""),
            ("ALL_PROXY", "all:2"),
            ("NO_PROXY", "10.0.0.0/8"),
        ];
        let (egress, _) = read("", &variables).unwrap();
        for (url, expected) in [
            ("https://a.example/", Some("http://secure:1/")),
            ("http://a.example/", Some("http://all:2/")),
            ("http://10.1.1.1/", None),
            ("http://localhost:3000/", None),
            ("http://[::1]/", None),
        ] {
            assert_eq!(proxy(&egress, url).as_deref(), expected, "{url}");
        }
        let socks = [("ALL_PROXY", "socks5://me:s3cret@proxy")];
        let (egress, warnings) = read("", &socks).unwrap();
        assert_eq!(proxy(&egress, "https://a.example/"), None);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("ALL_PROXY") && !warnings[0].contains("s3cret"));
    }
}
