//! What people may say about a bridge: as a flag, as a variable, or as a key of the configuration file.
//!
//! Owns the one declaration of each setting, and that a flag wins over a variable. Never judges what was said; that is
//! [`crate::config::startup`].

use std::path::PathBuf;

use clap::ArgAction;
use clap::Args;
use clap::FromArgMatches;
use clap::Parser;
use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use footbridge_shared::params::Secret;
use serde::Deserialize;
use serde::Deserializer;

use crate::config::ParamsInUrl;
use crate::sandbox::SandboxLevel;

/// What was said; `None` where nothing was.
///
/// The first line of a field's documentation is its help text. A key in the file is the field's name.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Read settings from this TOML file; flags and variables win over it.
    #[arg(
        long,
        env = "FOOTBRIDGE_CONFIG",
        hide_env_values = true,
        value_name = "FILE"
    )]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Listen here; anything but a loopback address also needs a token, --public-url and TLS (--tls-cert or --behind-tls-proxy). [default: 127.0.0.1:8000]
    #[arg(
        long,
        env = "FOOTBRIDGE_LISTEN",
        hide_env_values = true,
        value_name = "HOST:PORT"
    )]
    pub listen: Option<String>,

    /// Offer the servers of this JSON file, in the `mcpServers` format other MCP programs use. [default: only `demo`]
    #[arg(
        long,
        env = "FOOTBRIDGE_SERVERS",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub servers: Option<PathBuf>,

    /// Demand this token from everyone; other users of this machine see it in the process list, so prefer --token-file. [default: random]
    #[arg(long, env = "FOOTBRIDGE_TOKEN", hide_env_values = true, value_name = "TEXT", value_parser = secret)]
    #[serde(deserialize_with = "secret_in_file")]
    pub token: Option<Secret>,

    /// Demand the token in this file from everyone. [default: none]
    #[arg(
        long,
        env = "FOOTBRIDGE_TOKEN_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub token_file: Option<PathBuf>,

    /// Demand no token; only possible on a loopback address, and then every program of this machine may use the bridge. [default: false]
    #[arg(
        long,
        env = "FOOTBRIDGE_NO_AUTH",
        hide_env_values = true,
        value_name = "BOOL"
    )]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub no_auth: Option<bool>,

    /// Demand a JWT of this issuer from everyone, instead of a token; needs --jwt-audience and --jwt-jwks. [default: none]
    #[arg(long, env = "FOOTBRIDGE_JWT_ISSUER")]
    #[arg(value_name = "TEXT", hide_env_values = true)]
    pub jwt_issuer: Option<String>,

    /// Take only JWTs that are meant for this audience. [default: none]
    #[arg(long, env = "FOOTBRIDGE_JWT_AUDIENCE")]
    #[arg(value_name = "TEXT", hide_env_values = true)]
    pub jwt_audience: Option<String>,

    /// Check JWTs (RS256, ES256, EdDSA) with the keys of this JWKS file, or of this https:// URL. [default: none]
    #[arg(long, env = "FOOTBRIDGE_JWT_JWKS")]
    #[arg(value_name = "FILE|URL", hide_env_values = true)]
    pub jwt_jwks: Option<String>,

    /// Let a proxy in front say in this header who asks, instead of a token; needs --proxy-from and --proxy-secret-file. [default: none]
    #[arg(long, env = "FOOTBRIDGE_PROXY_USER_HEADER")]
    #[arg(value_name = "NAME", hide_env_values = true)]
    pub proxy_user_header: Option<String>,

    /// Believe that header only from this address or network; may be repeated, and a variable separates by commas. [default: none]
    #[arg(long, env = "FOOTBRIDGE_PROXY_FROM")]
    #[arg(value_name = "CIDR", hide_env_values = true)]
    #[arg(action = ArgAction::Append, value_delimiter = ',')]
    pub proxy_from: Vec<String>,

    /// Believe that header only beside the secret in this file, which the proxy sends as X-Footbridge-Proxy-Secret. [default: none]
    #[arg(long, env = "FOOTBRIDGE_PROXY_SECRET_FILE")]
    #[arg(value_name = "FILE", hide_env_values = true)]
    pub proxy_secret_file: Option<PathBuf>,

    /// With --no-auth, start any command a caller names and not only those of --servers. [default: false]
    #[arg(
        long,
        env = "FOOTBRIDGE_ALLOW_COMMANDS",
        hide_env_values = true,
        value_name = "BOOL"
    )]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub allow_commands: Option<bool>,

    /// Let pages of this origin (scheme, host and port) use the bridge; may be repeated, and a variable separates by commas. [default: none]
    #[arg(
        long,
        env = "FOOTBRIDGE_ALLOW_ORIGIN",
        hide_env_values = true,
        value_name = "ORIGIN"
    )]
    #[arg(action = ArgAction::Append, value_delimiter = ',')]
    pub allow_origin: Vec<String>,

    /// Say that people reach the bridge by this URL, when it is not the one it listens on. [default: none]
    #[arg(
        long,
        env = "FOOTBRIDGE_PUBLIC_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub public_url: Option<String>,

    /// Open the page in a browser once the bridge listens. [default: false]
    #[arg(
        long,
        env = "FOOTBRIDGE_OPEN",
        hide_env_values = true,
        value_name = "BOOL"
    )]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub open: Option<bool>,

    /// Say that a proxy in front of the bridge speaks TLS with the browsers. [default: false]
    #[arg(
        long,
        env = "FOOTBRIDGE_BEHIND_TLS_PROXY",
        hide_env_values = true,
        value_name = "BOOL"
    )]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub behind_tls_proxy: Option<bool>,

    /// Believe this proxy (an address or a network) when X-Forwarded-For says where a request came from; may be repeated, and a variable separates by commas. [default: none]
    #[arg(long, env = "FOOTBRIDGE_TRUST_FORWARDED_FOR")]
    #[arg(value_name = "CIDR", hide_env_values = true)]
    #[arg(action = ArgAction::Append, value_delimiter = ',')]
    pub trust_forwarded_for: Vec<String>,

    /// Write the URL and the token into $XDG_RUNTIME_DIR/footbridge/PORT.json while the bridge runs, for this user's programs alone. [default: false]
    #[arg(long, env = "FOOTBRIDGE_RUNTIME_FILE")]
    #[arg(value_name = "BOOL", hide_env_values = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub runtime_file: Option<bool>,

    /// Speak TLS with the certificate chain in this PEM file, its own certificate first; read again when it changes. [default: none]
    #[arg(long, env = "FOOTBRIDGE_TLS_CERT")]
    #[arg(value_name = "FILE", hide_env_values = true)]
    pub tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert, in a PEM file (PKCS#8, SEC1 or PKCS#1); read again when it changes. [default: none]
    #[arg(long, env = "FOOTBRIDGE_TLS_KEY")]
    #[arg(value_name = "FILE", hide_env_values = true)]
    pub tls_key: Option<PathBuf>,

    /// Let whoever brings the token in this file read /metrics, and nothing else. [default: none]
    #[arg(long, env = "FOOTBRIDGE_METRICS_TOKEN_FILE")]
    #[arg(value_name = "FILE", hide_env_values = true)]
    pub metrics_token_file: Option<PathBuf>,

    /// Let callers reach remote MCP servers at this host (also `*.example.com`, `host:port`) or network, which would be refused as private or without TLS; may be repeated, and a variable separates by commas. [default: none]
    #[arg(
        long,
        env = "FOOTBRIDGE_ALLOW_UPSTREAM",
        hide_env_values = true,
        value_name = "HOST|CIDR"
    )]
    #[arg(action = ArgAction::Append, value_delimiter = ',')]
    pub allow_upstream: Vec<String>,

    /// Let callers send this header to remote MCP servers, besides authorization, api keys and x-…; may be repeated, and a variable separates by commas. [default: none]
    #[arg(
        long,
        env = "FOOTBRIDGE_ALLOW_HEADER",
        hide_env_values = true,
        value_name = "NAME"
    )]
    #[arg(action = ArgAction::Append, value_delimiter = ',')]
    pub allow_header: Vec<String>,

    /// Reach remote MCP servers through this proxy, or through none with `none`. [default: HTTPS_PROXY and NO_PROXY of the environment]
    #[arg(
        long,
        env = "FOOTBRIDGE_UPSTREAM_PROXY",
        hide_env_values = true,
        value_name = "URL",
        value_parser = secret
    )]
    #[serde(deserialize_with = "secret_in_file")]
    pub upstream_proxy: Option<Secret>,

    /// Believe the certificate authorities in this PEM file, besides those of the system; may be repeated, and a variable separates by commas. [default: none]
    #[arg(
        long,
        env = "FOOTBRIDGE_UPSTREAM_CA",
        hide_env_values = true,
        value_name = "FILE"
    )]
    #[arg(action = ArgAction::Append, value_delimiter = ',')]
    pub upstream_ca: Vec<String>,

    /// Shut MCP servers in at this level: `none`, `basic`, `cgroup` or `bwrap`; the bridge does not start where the machine cannot give it. [default: basic]
    #[arg(
        long,
        env = "FOOTBRIDGE_SANDBOX",
        hide_env_values = true,
        value_name = "LEVEL"
    )]
    #[arg(value_enum, hide_possible_values = true)]
    pub sandbox: Option<SandboxLevel>,

    /// Let MCP servers at the level `bwrap` change this file or directory; may be repeated, and a variable separates by commas. [default: none]
    #[arg(
        long,
        env = "FOOTBRIDGE_SANDBOX_WRITE",
        hide_env_values = true,
        value_name = "PATH"
    )]
    #[arg(action = ArgAction::Append, value_delimiter = ',')]
    pub sandbox_write: Vec<String>,

    /// Let MCP servers at the level `bwrap` use the network. [default: true]
    #[arg(
        long,
        env = "FOOTBRIDGE_SANDBOX_NETWORK",
        hide_env_values = true,
        value_name = "BOOL"
    )]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub sandbox_network: Option<bool>,

    /// Let callers start programs only in this directory and below it; may be repeated, and a variable separates by commas. [default: any]
    #[arg(
        long,
        env = "FOOTBRIDGE_ROOT",
        hide_env_values = true,
        value_name = "PATH"
    )]
    #[arg(action = ArgAction::Append, value_delimiter = ',')]
    pub root: Vec<String>,

    /// Write server params into a socket's URL `signed` (readable, secrets left out) or `sealed` (nothing can be read). [default: signed]
    #[arg(
        long,
        env = "FOOTBRIDGE_PARAMS_IN_URL",
        hide_env_values = true,
        value_name = "FORM"
    )]
    #[arg(value_enum, hide_possible_values = true)]
    pub params_in_url: Option<ParamsInUrl>,

    /// Seal tickets with the last key in this file, and open those of every key in it; it is read again when it changes. [default: one random key per start]
    #[arg(
        long,
        env = "FOOTBRIDGE_TICKET_KEYS",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub ticket_keys: Option<PathBuf>,

    /// Say which bridges may open each other's tickets: those with the same name and keys. [default: footbridge]
    #[arg(
        long,
        env = "FOOTBRIDGE_DEPLOYMENT",
        hide_env_values = true,
        value_name = "NAME"
    )]
    pub deployment: Option<String>,

    /// Begin session ids with this number, from 0 to 65535, so that whatever is in front of several bridges can tell whose they are. [default: 0]
    #[arg(
        long,
        env = "FOOTBRIDGE_NODE",
        hide_env_values = true,
        value_name = "NUMBER"
    )]
    pub node: Option<u16>,

    /// Log what this filter lets through, such as `debug` or `info,footbridge::upstream=trace`. [default: info]
    #[arg(
        long,
        env = "FOOTBRIDGE_LOG",
        hide_env_values = true,
        value_name = "FILTER"
    )]
    pub log: Option<String>,

    /// Write who connected, what was started and what was refused to this file, as JSON lines; `-` is standard error. [default: none]
    #[arg(
        long,
        env = "FOOTBRIDGE_AUDIT_LOG",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub audit_log: Option<PathBuf>,

    /// Start no session while the audit log cannot be written. [default: false]
    #[arg(
        long,
        env = "FOOTBRIDGE_AUDIT_REQUIRED",
        hide_env_values = true,
        value_name = "BOOL"
    )]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub audit_required: Option<bool>,

    /// Wait for the disk after each record of the audit log, so that a power cut takes none that was written. [default: false]
    #[arg(
        long,
        env = "FOOTBRIDGE_AUDIT_SYNC",
        hide_env_values = true,
        value_name = "BOOL"
    )]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub audit_sync: Option<bool>,

    /// The table `[limits]` of the file.
    #[arg(skip)]
    pub limits: toml::Table,

    /// Whether the token was given as a flag, where `ps` shows it.
    #[arg(skip)]
    #[serde(skip)]
    pub token_in_arguments: bool,
}

/// The flags alone, to read their declaration.
#[derive(Parser)]
pub(super) struct Flags {
    #[command(flatten)]
    _settings: Settings,
}

impl Settings {
    /// What the command line and the environment say.
    ///
    /// # Errors
    /// clap's own, when `matches` are of other flags.
    pub fn from_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let mut settings = Self::from_arg_matches(matches)?;
        settings.token_in_arguments =
            matches.value_source("token") == Some(ValueSource::CommandLine);
        Ok(settings)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a clap value parser")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

fn secret_in_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    String::deserialize(deserializer).map(|text| Some(Secret::new(text)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::CommandFactory;

    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(text, Path::new("footbridge.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn every_flag_is_a_key_and_wins_over_it() {
        let file = parse(
            r#"
            listen = "a"
            servers = "a"
            token = "a"
            token_file = "a"
            no_auth = true
            jwt_issuer = "a"
            jwt_audience = "a"
            jwt_jwks = "a"
            proxy_user_header = "a"
            proxy_from = ["a", "b"]
            proxy_secret_file = "a"
            allow_commands = true
            allow_origin = ["a", "b"]
            allow_upstream = ["a", "b"]
            allow_header = ["a"]
            upstream_proxy = "a"
            upstream_ca = ["a"]
            public_url = "a"
            open = true
            behind_tls_proxy = true
            trust_forwarded_for = ["a"]
            runtime_file = true
            tls_cert = "a"
            tls_key = "a"
            metrics_token_file = "a"
            sandbox = "none"
            sandbox_write = ["a"]
            sandbox_network = true
            root = ["a"]
            params_in_url = "signed"
            ticket_keys = "a"
            deployment = "a"
            node = 1
            log = "a"
            audit_log = "a"
            audit_required = true
            audit_sync = true
            "#,
        )
        .unwrap();
        let alone = Settings::default().over(file.clone());
        assert_eq!(format!("{alone:?}"), format!("{file:?}"));

        let flags = [
            "footbridge",
            "--listen=b",
            "--servers=b",
            "--token=b",
            "--token-file=b",
            "--no-auth=no",
            "--jwt-issuer=b",
            "--jwt-audience=b",
            "--jwt-jwks=b",
            "--proxy-user-header=b",
            "--proxy-from=c",
            "--proxy-secret-file=b",
            "--allow-commands=0",
            "--allow-origin=c",
            "--allow-origin=d",
            "--allow-upstream=c",
            "--allow-header=c,d",
            "--upstream-proxy=b",
            "--upstream-ca=c",
            "--public-url=b",
            "--open=false",
            "--behind-tls-proxy=n",
            "--trust-forwarded-for=c,d",
            "--runtime-file=no",
            "--tls-cert=b",
            "--tls-key=b",
            "--metrics-token-file=b",
            "--sandbox=bwrap",
            "--sandbox-write=c,d",
            "--sandbox-network=false",
            "--root=c",
            "--params-in-url=sealed",
            "--ticket-keys=b",
            "--deployment=b",
            "--node=2",
            "--log=b",
            "--audit-log=b",
            "--audit-required=false",
            "--audit-sync=no",
        ];
        let matches = Flags::command().get_matches_from(flags);
        let flags = Settings::from_matches(&matches).unwrap();
        assert!(flags.token_in_arguments);
        let both = flags.clone().over(file);
        assert_eq!(format!("{both:?}"), format!("{flags:?}"));
    }

    #[test]
    fn a_switch_needs_no_value() {
        let matches = Flags::command().get_matches_from(["footbridge", "--no-auth", "--open=0"]);
        let settings = Settings::from_matches(&matches).unwrap();
        assert_eq!((settings.no_auth, settings.open), (Some(true), Some(false)));
        assert_eq!(settings.allow_commands, None);
    }
}
