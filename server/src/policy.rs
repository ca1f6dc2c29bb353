//! The rules that turn server params into approved ones.
//!
//! Owns the decision "may this caller reach this server?". Never starts anything.

pub mod process;
mod remote;

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::NamedServer;
use footbridge_shared::params::Secret;
use footbridge_shared::params::ServerParams;
use footbridge_shared::params::StdioParams;

use crate::catalogue::Catalogue;
use crate::catalogue::CatalogueEntry;
use crate::config::Commands;
use crate::config::sandbox::Sandbox;
use crate::egress::Egress;
use crate::egress::authority;

/// Params that policy has accepted. Only [`Policy`] can make one, and only this can become an upstream.
#[derive(Clone, Debug)]
pub struct Approved {
    params: ServerParams,
    label: String,
    egress: Arc<Egress>,
    sandbox: Arc<Sandbox>,
}

impl Approved {
    /// How far it is shut in, when it is a process.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// What HTTP connections to it may reach.
    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    /// The params, never `ServerParams::Named`.
    pub fn params(&self) -> &ServerParams {
        &self.params
    }

    /// The catalogue's name of the server, or the program's or host's: safe to log.
    pub fn label(&self) -> &str {
        &self.label
    }
}

/// What one bridge lets its callers reach.
#[derive(Clone, Debug)]
pub struct Policy {
    commands: Commands,
    catalogue: Catalogue,
    egress: Arc<Egress>,
    sandbox: Arc<Sandbox>,
    /// Directories that callers may start programs in; empty: any.
    roots: Vec<PathBuf>,
    /// Headers that callers may set beyond the usual ones.
    headers: Vec<String>,
    token: Option<Secret>,
}

impl Policy {
    /// The rules of a bridge.
    pub fn new(commands: Commands, catalogue: Catalogue, egress: Arc<Egress>) -> Self {
        Self {
            commands,
            catalogue,
            egress,
            sandbox: Arc::default(),
            roots: Vec::new(),
            headers: Vec::new(),
            token: None,
        }
    }

    /// Lets callers set further headers, and keeps the bridge's own token from being sent anywhere.
    #[must_use]
    pub fn with_headers(mut self, headers: Vec<String>, token: Option<Secret>) -> Self {
        (self.headers, self.token) = (headers, token);
        self
    }

    /// Shuts processes in, and holds those that callers name to these directories.
    #[must_use]
    pub fn with_sandbox(mut self, sandbox: Arc<Sandbox>, roots: Vec<PathBuf>) -> Self {
        (self.sandbox, self.roots) = (sandbox, roots);
        self
    }

    /// The servers that can be reached by name.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Which commands may be started.
    pub fn commands(&self) -> Commands {
        self.commands
    }

    /// Accepts server params, or says why not.
    ///
    /// # Errors
    /// `invalid_field` names what is wrong, `params_denied` the way out, `not_supported` what is not built.
    pub fn approve(&self, params: &ServerParams) -> Result<Approved, Fault> {
        match params {
            ServerParams::Named(named) => self.approve_named(named),
            ServerParams::Stdio(stdio) => match self.commands {
                Commands::Any => self.approve_any(stdio),
                Commands::CatalogueOnly => self.approve_listed(stdio),
            },
            ServerParams::Sse(sse) => self.approve_remote(params, &sse.url),
            ServerParams::Http(http) => self.approve_remote(params, &http.url),
        }
    }

    /// Accepts a URL that a caller wrote out, as far as the rules for outgoing connections go.
    fn approve_remote(&self, params: &ServerParams, url: &str) -> Result<Approved, Fault> {
        let url = remote::url(url)?;
        self.egress.check_url(&url)?;
        remote::check_url_for(&url, self.token.as_ref())?;
        let author = remote::Author::Caller {
            extra: &self.headers,
            token: self.token.as_ref(),
        };
        remote::check_headers(params.secrets(), author)?;
        Ok(Approved {
            params: params.clone(),
            label: authority(&url),
            egress: Arc::new(self.egress.at_port_of(&url)),
            sandbox: Arc::clone(&self.sandbox),
        })
    }

    fn approve_named(&self, named: &NamedServer) -> Result<Approved, Fault> {
        let Some(entry) = self.catalogue.get(&named.server) else {
            let names: Vec<&str> = self.catalogue.iter().map(|(name, _)| name).collect();
            return Err(
                wrong("server", "names no server of this bridge's catalogue")
                    .hint(format!("The catalogue has: {}.", names.join(", "))),
            );
        };
        if !named.inputs.is_empty() {
            return Err(wrong(
                "inputs",
                "must be left out: this server of the catalogue declares none",
            ));
        }
        self.approve_entry(&named.server, entry)
    }

    /// Accepts a command that is written out but is one of the catalogue's; the catalogue's own params are used.
    fn approve_listed(&self, stdio: &StdioParams) -> Result<Approved, Fault> {
        let listed = self
            .catalogue
            .iter()
            .find(|(_, entry)| match &entry.params {
                ServerParams::Stdio(known) => {
                    known.command == stdio.command
                        && known.args == stdio.args
                        && (stdio.cwd.is_none() || stdio.cwd == known.cwd)
                        && (stdio.env.is_empty() || stdio.env == known.env)
                }
                ServerParams::Sse(_) | ServerParams::Http(_) | ServerParams::Named(_) => false,
            });
        match listed {
            Some((name, entry)) => self.approve_entry(name, entry),
            None => Err(Fault::new(
                FaultCode::ParamsDenied,
                "This bridge starts only the commands of its catalogue, and this is none of them: add it to the \
                 --servers file.",
            )
            .hint(
                "A bridge that listens on a loopback address with a token, or with --no-auth and --allow-commands, \
                 starts any command.",
            )),
        }
    }

    /// Accepts what the operator has written down; the host of its URL is allowed by that.
    fn approve_entry(&self, name: &str, entry: &CatalogueEntry) -> Result<Approved, Fault> {
        let url = match &entry.params {
            ServerParams::Sse(sse) => Some(&sse.url),
            ServerParams::Http(http) => Some(&http.url),
            ServerParams::Stdio(_) | ServerParams::Named(_) => None,
        };
        let mut egress = Arc::clone(&self.egress);
        if let Some(url) = url {
            remote::check_headers(entry.params.secrets(), remote::Author::Operator)?;
            egress = Arc::new(self.egress.with_host_of(&remote::url(url)?));
        }
        Ok(Approved {
            params: entry.params.clone(),
            label: name.to_owned(),
            egress,
            sandbox: Arc::clone(&self.sandbox),
        })
    }

    fn approve_any(&self, stdio: &StdioParams) -> Result<Approved, Fault> {
        process::check(stdio)?;
        let cwd = process::directory(stdio.cwd.as_deref(), &self.roots)?;
        let program = Path::new(&stdio.command).file_name();
        let label = program.map_or_else(
            || stdio.command.clone(),
            |name| name.to_string_lossy().into_owned(),
        );
        Ok(Approved {
            params: ServerParams::Stdio(StdioParams {
                cwd,
                ..stdio.clone()
            }),
            label,
            egress: Arc::clone(&self.egress),
            sandbox: Arc::clone(&self.sandbox),
        })
    }
}

fn wrong(field: &str, problem: &str) -> Fault {
    let field = format!("server_params.{field}");
    Fault::new(FaultCode::InvalidField, format!("{field} {problem}.")).field(field)
}

/// Approved params without a policy, for the tests of what comes after it.
#[cfg(test)]
pub(crate) fn approved_for_tests(params: ServerParams, label: &str) -> Approved {
    Approved {
        params,
        label: label.to_owned(),
        egress: Arc::default(),
        sandbox: Arc::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"mcpServers": {
        "fs": {"command": "npx", "args": ["-y", "fs"], "env": {"KEY": "s3cret"}, "cwd": "/srv"},
        "far": {"url": "https://a.example/mcp"}
    }}"#;

    fn approve(commands: Commands, params: &str) -> Result<Approved, Fault> {
        let catalogue = Catalogue::parse(FILE, Path::new("/bin/footbridge")).unwrap();
        let params = serde_json::from_str(params).unwrap();
        let params = ServerParams::from_json(&params, "server_params").unwrap();
        Policy::new(commands, catalogue, Arc::default()).approve(&params)
    }

    fn stdio(fields: &str) -> String {
        format!(r#"{{"type":"StdioServerParams",{fields}}}"#)
    }

    #[test]
    fn a_name_gives_the_catalogues_own_params_whatever_the_commands() {
        for commands in [Commands::Any, Commands::CatalogueOnly] {
            let approved = approve(commands, r#"{"type":"named","server":"fs"}"#).unwrap();
            assert_eq!(approved.label(), "fs");
            assert_eq!(approved.params().secrets()["KEY"].expose(), "s3cret");
        }
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones() {
        let fault = approve(Commands::Any, r#"{"type":"named","server":"sf"}"#).unwrap_err();
        assert_eq!(fault.code, FaultCode::InvalidField);
        assert_eq!(fault.field.as_deref(), Some("server_params.server"));
        assert_eq!(
            fault.hint.as_deref(),
            Some("The catalogue has: demo, fs, far.")
        );
        let inputs = r#"{"type":"named","server":"fs","inputs":{"KEY":"x"}}"#;
        let fault = approve(Commands::Any, inputs).unwrap_err();
        assert_eq!(fault.field.as_deref(), Some("server_params.inputs"));
    }

    #[test]
    fn a_written_out_command_must_be_the_catalogues_to_the_letter() {
        for (fields, allowed) in [
            (r#""command":"npx","args":["-y","fs"]"#, true),
            (
                r#""command":"npx","args":["-y","fs"],"env":{},"cwd":"/srv""#,
                true,
            ),
            (
                r#""command":"npx","args":["-y","fs"],"env":{"KEY":"s3cret"}"#,
                true,
            ),
            (r#""command":"/bin/footbridge","args":["demo"]"#, true),
            (
                r#""command":"npx","args":["-y","fs"],"env":{"KEY":"other"}"#,
                false,
            ),
            (
                r#""command":"npx","args":["-y","fs"],"env":{"LD_PRELOAD":"x"}"#,
                false,
            ),
            (r#""command":"npx","args":["-y","fs"],"cwd":"/etc""#, false),
            (r#""command":"npx","args":["-y","fs","/etc"]"#, false),
            (r#""command":"npx","args":["-y fs"]"#, false),
            (r#""command":"/bin/npx","args":["-y","fs"]"#, false),
            (r#""command":"sh","args":["-c","id"]"#, false),
            (r#""command":"npx""#, false),
        ] {
            let approved = approve(Commands::CatalogueOnly, &stdio(fields));
            match approved {
                Ok(approved) => {
                    assert!(allowed, "{fields}");
                    let catalogues = matches!(approved.label(), "fs" | "demo");
                    assert!(catalogues, "{fields}");
                }
                Err(fault) => {
                    assert!(!allowed, "{fields}");
                    assert_eq!(fault.code, FaultCode::ParamsDenied);
                    assert!(fault.message.contains("--servers"));
                }
            }
        }
        let params = stdio(r#""command":"npx","args":["-y","fs"]"#);
        let approved = approve(Commands::CatalogueOnly, &params).unwrap();
        assert_eq!(approved.params().secrets()["KEY"].expose(), "s3cret");
    }

    #[test]
    fn any_command_is_the_callers_own() {
        let params = stdio(r#""command":"/usr/bin/env","args":["-i"],"env":{"_A1":"x"},"cwd":"/""#);
        let approved = approve(Commands::Any, &params).unwrap();
        assert_eq!(approved.label(), "env");
        assert_eq!(approved.params().secrets()["_A1"].expose(), "x");
    }

    #[test]
    fn a_remote_server_is_reached_as_far_as_the_rules_go() {
        let http = |url: &str| format!(r#"{{"type":"StreamableHttpServerParams","url":"{url}"}}"#);
        for commands in [Commands::Any, Commands::CatalogueOnly] {
            let approved =
                approve(commands, &http("https://a.example:8443/mcp?key=s3cret")).unwrap();
            assert_eq!(approved.label(), "a.example:8443");
            let sse = r#"{"type":"SseServerParams","url":"https://a.example/sse","headers":{"Authorization":"k"}}"#;
            assert_eq!(approve(commands, sse).unwrap().label(), "a.example");
            for (params, code) in [
                (http("http://a.example/"), FaultCode::ParamsDenied),
                (http("https://10.0.0.1/"), FaultCode::ParamsDenied),
                (http("file:///etc/passwd"), FaultCode::InvalidField),
                (http("not a url"), FaultCode::InvalidField),
                (
                    r#"{"type":"SseServerParams","url":"https://a.example/","headers":{"Host":"b"}}"#.to_owned(),
                    FaultCode::InvalidField,
                ),
            ] {
                let fault = approve(commands, &params).unwrap_err();
                assert_eq!(fault.code, code, "{params}");
                assert!(fault.field.unwrap().starts_with("server_params."));
            }
        }
        let approved = approve(Commands::Any, r#"{"type":"named","server":"far"}"#).unwrap();
        assert_eq!(approved.label(), "far");
    }
}
