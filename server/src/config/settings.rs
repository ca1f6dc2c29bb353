//! What people may say about a bridge: as a flag, as a variable, or as a key of the configuration file.
//!
//! Owns the one declaration of each setting, and which of the three places wins: flag, then variable, then file.
//! Never judges what was said; that is [`crate::config::startup`].

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

    /// Speak TLS with the certificate chain in this PEM file, its own certificate first; read again when it changes. [default: none]
    #[arg(
        long,
        env = "FOOTBRIDGE_TLS_CERT",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert, in a PEM file (PKCS#8, SEC1 or PKCS#1); read again when it changes. [default: none]
    #[arg(
        long,
        env = "FOOTBRIDGE_TLS_KEY",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub tls_key: Option<PathBuf>,

    /// Let whoever brings the token in this file read /metrics, and nothing else. [default: none]
    #[arg(
        long,
        env = "FOOTBRIDGE_METRICS_TOKEN_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
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

    /// These settings, and those of `file` where these say nothing.
    pub(super) fn over(self, file: Self) -> Self {
        Self {
            config: self.config,
            listen: self.listen.or(file.listen),
            servers: self.servers.or(file.servers),
            token: self.token.or(file.token),
            token_file: self.token_file.or(file.token_file),
            no_auth: self.no_auth.or(file.no_auth),
            allow_commands: self.allow_commands.or(file.allow_commands),
            allow_origin: one_of(self.allow_origin, file.allow_origin),
            allow_upstream: one_of(self.allow_upstream, file.allow_upstream),
            allow_header: one_of(self.allow_header, file.allow_header),
            upstream_proxy: self.upstream_proxy.or(file.upstream_proxy),
            upstream_ca: one_of(self.upstream_ca, file.upstream_ca),
            public_url: self.public_url.or(file.public_url),
            open: self.open.or(file.open),
            behind_tls_proxy: self.behind_tls_proxy.or(file.behind_tls_proxy),
            tls_cert: self.tls_cert.or(file.tls_cert),
            tls_key: self.tls_key.or(file.tls_key),
            metrics_token_file: self.metrics_token_file.or(file.metrics_token_file),
            sandbox: self.sandbox.or(file.sandbox),
            sandbox_write: one_of(self.sandbox_write, file.sandbox_write),
            sandbox_network: self.sandbox_network.or(file.sandbox_network),
            root: one_of(self.root, file.root),
            params_in_url: self.params_in_url.or(file.params_in_url),
            ticket_keys: self.ticket_keys.or(file.ticket_keys),
            deployment: self.deployment.or(file.deployment),
            node: self.node.or(file.node),
            log: self.log.or(file.log),
            audit_log: self.audit_log.or(file.audit_log),
            audit_required: self.audit_required.or(file.audit_required),
            audit_sync: self.audit_sync.or(file.audit_sync),
            limits: file.limits,
            token_in_arguments: self.token_in_arguments,
        }
    }
}

/// The first list that says anything.
fn one_of(list: Vec<String>, otherwise: Vec<String>) -> Vec<String> {
    if list.is_empty() { otherwise } else { list }
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
            allow_commands = true
            allow_origin = ["a", "b"]
            allow_upstream = ["a", "b"]
            allow_header = ["a"]
            upstream_proxy = "a"
            upstream_ca = ["a"]
            public_url = "a"
            open = true
            behind_tls_proxy = true
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
