//! Who may use the bridge: whoever has the token, has a JWT, comes through a proxy that says who it is, or everyone.
//!
//! Owns which settings choose which of these, and what each needs beside it. Never looks at a request; the gate does.

use std::net::IpAddr;
use std::path::PathBuf;

use footbridge_shared::params::Secret;
use ipnet::IpNet;
use url::Host;
use url::Url;

use crate::config::error::ConfigError;
use crate::config::settings::Settings;
use crate::config::token;
use crate::egress::check_form;

/// Headers that mean something else already, so that no proxy can name a person in them.
const TAKEN: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "origin",
    "sec-websocket-protocol",
    "transfer-encoding",
    "upgrade",
    "x-footbridge-proxy-secret",
    "x-forwarded-for",
];

/// Who may use the bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Whoever has the token.
    Token(Secret),
    /// Whoever has a JWT that an issuer made for this bridge.
    Jwt(Jwt),
    /// Whoever a proxy in front of the bridge says it is.
    Proxy(Proxy),
    /// Anyone who can reach the port with an allowed `Host` and `Origin`.
    None,
}

/// Which JWTs are taken (RFC 7519).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwt {
    /// What `iss` must be.
    pub issuer: String,
    /// What `aud` must be or hold.
    pub audience: String,
    /// Where the issuer's keys are.
    pub keys: KeySource,
}

/// Where a JWKS document is (RFC 7517, 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// In a file, which is read again when it changes.
    File(PathBuf),
    /// At a URL, which is fetched again from time to time.
    Url(Url),
}

/// Which proxy is believed, and in what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// The header that says who asks, in lower case.
    pub user_header: String,
    /// Where its connections come from.
    pub from: Vec<IpNet>,
    /// What it sends to show that it is the proxy.
    pub secret: Secret,
}

/// What the settings say, and what to warn of.
///
/// # Errors
/// One sentence about settings that contradict each other or lack another.
pub(super) fn auth(settings: &Settings, warnings: &mut Vec<String>) -> Result<Auth, ConfigError> {
    let no_auth = settings.no_auth.unwrap_or(false).then_some("--no-auth");
    let of_token = [
        settings.token.is_some().then_some("--token"),
        settings.token_file.is_some().then_some("--token-file"),
    ];
    let of_jwt = [
        ("--jwt-issuer", settings.jwt_issuer.is_some()),
        ("--jwt-audience", settings.jwt_audience.is_some()),
        ("--jwt-jwks", settings.jwt_jwks.is_some()),
    ];
    let of_proxy = [
        ("--proxy-user-header", settings.proxy_user_header.is_some()),
        ("--proxy-from", !settings.proxy_from.is_empty()),
        ("--proxy-secret-file", settings.proxy_secret_file.is_some()),
    ];
    let first = |flags: &[(&'static str, bool)]| {
        let given = flags.iter().find(|(_, given)| *given);
        given.map(|(name, _)| *name)
    };
    let jwt_flag = first(&of_jwt);
    let proxy_flag = first(&of_proxy);
    let ways = [no_auth, of_token[0].or(of_token[1]), jwt_flag, proxy_flag];
    let ways: Vec<&str> = ways.into_iter().flatten().collect();
    if let [one, other, ..] = ways[..] {
        return Err(ConfigError::new(format!(
            "{one} and {other} contradict each other."
        )));
    }
    if settings.allow_commands.unwrap_or(false)
        && let Some(flag) = jwt_flag.or(proxy_flag)
    {
        return Err(ConfigError::new(format!(
            "--allow-commands and {flag} contradict each other: where many people may ask, only the servers of \
             --servers are started."
        )));
    }
    if no_auth.is_some() {
        Ok(Auth::None)
    } else if let Some(flag) = jwt_flag {
        check_complete(flag, &of_jwt)?;
        jwt(settings).map(Auth::Jwt)
    } else if let Some(flag) = proxy_flag {
        check_complete(flag, &of_proxy)?;
        proxy(settings, warnings).map(Auth::Proxy)
    } else {
        token(settings, warnings).map(Auth::Token)
    }
}

fn check_complete(flag: &str, flags: &[(&str, bool)]) -> Result<(), ConfigError> {
    let missing: Vec<&str> = flags
        .iter()
        .filter_map(|(name, given)| (!given).then_some(*name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(ConfigError::new(format!(
        "{flag} also needs {}.",
        missing.join(" and ")
    )))
}

fn token(settings: &Settings, warnings: &mut Vec<String>) -> Result<Secret, ConfigError> {
    match (&settings.token, &settings.token_file) {
        (Some(_), Some(_)) => Err(ConfigError::new(
            "--token and --token-file are both given (as flags, variables or keys); keep one.",
        )),
        (Some(token), None) => {
            if settings.token_in_arguments {
                warnings.push(
                    "Other users of this machine see --token in the process list; prefer --token-file or \
                     FOOTBRIDGE_TOKEN."
                        .to_owned(),
                );
            }
            token::check("The token", token.clone())
        }
        (None, Some(path)) => {
            let (token, warning) = token::read("--token-file", "token", path)?;
            warnings.extend(warning);
            Ok(token)
        }
        (None, None) => token::random(),
    }
}

fn jwt(settings: &Settings) -> Result<Jwt, ConfigError> {
    let text = |flag: &str, value: &Option<String>| {
        let value = value.clone().unwrap_or_default();
        if value.trim().is_empty() {
            return Err(ConfigError::new(format!("{flag} must not be empty.")));
        }
        Ok(value)
    };
    let place = text("--jwt-jwks", &settings.jwt_jwks)?;
    Ok(Jwt {
        issuer: text("--jwt-issuer", &settings.jwt_issuer)?,
        audience: text("--jwt-audience", &settings.jwt_audience)?,
        keys: if place.contains("://") {
            KeySource::Url(jwks_url(&place)?)
        } else {
            let path = PathBuf::from(place);
            let found = std::fs::metadata(&path)
                .map_err(|error| ConfigError::unreadable("--jwt-jwks", &path, &error))?;
            // A pipe could be read once at most, and would be waited for.
            if !found.is_file() {
                return Err(ConfigError::new(format!(
                    "--jwt-jwks {} must be a file.",
                    path.display()
                )));
            }
            KeySource::File(path)
        },
    })
}

/// Whoever can change the keys on their way can sign as anybody, so they travel with TLS or not at all.
fn jwks_url(text: &str) -> Result<Url, ConfigError> {
    let wrong = |problem: &str| ConfigError::new(format!("--jwt-jwks {problem}."));
    let url = Url::parse(text).map_err(|error| wrong(&format!("is not a URL: {error}")))?;
    check_form(&url).map_err(wrong)?;
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() == "https" || is_local {
        return Ok(url);
    }
    Err(wrong(
        "must begin with https:// unless it is on this machine",
    ))
}

fn proxy(settings: &Settings, warnings: &mut Vec<String>) -> Result<Proxy, ConfigError> {
    let header = settings.proxy_user_header.clone().unwrap_or_default();
    let header = header.to_ascii_lowercase();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if header.is_empty() || !header.bytes().all(is_token) || TAKEN.contains(&&*header) {
        return Err(ConfigError::new(format!(
            "--proxy-user-header {header:?} must be the name of a header of its own, such as X-Forwarded-User."
        )));
    }
    let path = settings.proxy_secret_file.clone().unwrap_or_default();
    let (secret, warning) = token::read("--proxy-secret-file", "secret", &path)?;
    warnings.extend(warning);
    Ok(Proxy {
        user_header: header,
        from: networks("--proxy-from", &settings.proxy_from)?,
        secret,
    })
}

/// Reads addresses and networks.
///
/// # Errors
/// A sentence about the first that is neither.
pub(super) fn networks(flag: &str, texts: &[String]) -> Result<Vec<IpNet>, ConfigError> {
    let network = |text: &String| {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>()
            .map(|network| network.trunc())
            .or_else(|_| address())
            .map_err(|_| {
                ConfigError::new(format!(
                    "{flag} {text:?} must be an address or a network, such as 10.0.0.5 or 10.0.0.0/24."
                ))
            })
    };
    texts.iter().map(network).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<Auth, String> {
        let settings = Settings::parse(text, Path::new("test.toml")).unwrap();
        auth(&settings, &mut Vec::new()).map_err(|error| error.to_string())
    }

    const JWT: &str = "jwt_issuer = \"https://id.example\"\njwt_audience = \"bridge\"\n";

    #[test]
    fn the_way_follows_from_what_is_given() {
        assert!(matches!(read(""), Ok(Auth::Token(_))));
        assert_eq!(read("no_auth = true"), Ok(Auth::None));
        for place in [
            "https://id.example/keys",
            "http://localhost:1/k",
            "http://[::1]:1/k",
        ] {
            let Ok(Auth::Jwt(jwt)) = read(&format!("{JWT}jwt_jwks = \"{place}\"")) else {
                panic!("{place}");
            };
            assert_eq!(jwt.keys, KeySource::Url(Url::parse(place).unwrap()));
            assert_eq!(
                (&*jwt.issuer, &*jwt.audience),
                ("https://id.example", "bridge")
            );
        }
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(matches!(
            read(&format!("{JWT}jwt_jwks = {file:?}")),
            Ok(Auth::Jwt(Jwt {
                keys: KeySource::File(_),
                ..
            }))
        ));
    }

    #[test]
    fn half_a_way_and_two_ways_are_refused() {
        for (text, sentence) in [
            (
                "jwt_issuer = \"a\"",
                "--jwt-issuer also needs --jwt-audience and --jwt-jwks.",
            ),
            (
                "proxy_from = [\"::1\"]",
                "--proxy-from also needs --proxy-user-header and --proxy-secret-file.",
            ),
            (
                "no_auth = true\njwt_jwks = \"a\"",
                "--no-auth and --jwt-jwks contradict each other.",
            ),
            (
                "token = \"0123456789abcdef\"\nproxy_user_header = \"a\"",
                "--token and --proxy-user-header contradict each other.",
            ),
            (
                "jwt_issuer = \"a\"\nproxy_user_header = \"a\"",
                "--jwt-issuer and --proxy-user-header contradict each other.",
            ),
            (
                "jwt_issuer = \"a\"\nallow_commands = true",
                "--allow-commands and --jwt-issuer contradict each other: where many people may ask, only the \
                 servers of --servers are started.",
            ),
        ] {
            assert_eq!(read(text), Err(sentence.to_owned()), "{text}");
        }
    }

    #[test]
    fn keys_come_with_tls_from_this_machine_or_from_a_file() {
        for (place, part) in [
            ("http://id.example/keys", "must begin with https://"),
            ("ftp://id.example/keys", "must begin with http"),
            ("https://", "is not a URL"),
            ("https://me:s3cret@id.example/", "must not hold a user name"),
            ("/no/such/file.json", "cannot read"),
            (env!("CARGO_MANIFEST_DIR"), "must be a file"),
            (" ", "must not be empty"),
        ] {
            let sentence = read(&format!("{JWT}jwt_jwks = \"{place}\"")).unwrap_err();
            assert!(sentence.contains("--jwt-jwks"), "{sentence}");
            assert!(sentence.contains(part), "{sentence}");
            assert!(!sentence.contains("s3cret"), "{sentence}");
        }
    }

    #[test]
    fn a_proxy_needs_a_header_of_its_own_a_place_and_a_secret() {
        let folder = std::env::temp_dir().join(format!("footbridge-auth-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("secret");
        let read = |header: &str, from: &str, secret: &str| {
            std::fs::write(&file, secret).unwrap();
            read(&format!(
                "proxy_user_header = {header:?}\nproxy_from = [{from:?}]\nproxy_secret_file = {file:?}"
            ))
        };
        let secret = "0123456789abcdef";
        let Ok(Auth::Proxy(proxy)) = read("X-Forwarded-User", "10.1.2.3/8", secret) else {
            panic!("it is complete");
        };
        assert_eq!(proxy.user_header, "x-forwarded-user");
        assert_eq!(proxy.from, ["10.0.0.0/8".parse::<IpNet>().unwrap()]);
        for (header, from, secret, part) in [
            ("", "::1", secret, "--proxy-user-header"),
            ("a b", "::1", secret, "--proxy-user-header"),
            ("Authorization", "::1", secret, "--proxy-user-header"),
            ("x-user", "localhost", secret, "--proxy-from \"localhost\""),
            ("x-user", "::1", "short", "The secret in"),
        ] {
            let sentence = read(header, from, secret).unwrap_err();
            assert!(sentence.contains(part), "{sentence}");
            assert!(!sentence.contains("random token"), "{sentence}");
        }
        let _ = std::fs::remove_dir_all(&folder);
    }
}
