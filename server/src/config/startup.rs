//! The rules that turn settings into a configuration.
//!
//! Owns which settings may stand together, and what the person who starts the bridge must be warned of.
//! Never binds a port, and starts nothing but a trial of the sandbox.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;

use crate::catalogue::Catalogue;
use crate::config::AuditLog;
use crate::config::Auth;
use crate::config::Commands;
use crate::config::Config;
use crate::config::Limits;
use crate::config::address;
use crate::config::auth;
use crate::config::error::ConfigError;
use crate::config::sandbox;
use crate::config::sandbox::Sandbox;
use crate::config::servers::ServersFile;
use crate::config::settings::Settings;
use crate::config::ticket_keys::TicketKeyFile;
use crate::config::transport;
use crate::config::upstreams;

/// Where the bridge listens unless told otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8000";

/// What is logged unless told otherwise.
pub const DEFAULT_LOG: &str = "info";

/// The deployment of a bridge that is told none.
pub const DEFAULT_DEPLOYMENT: &str = "footbridge";

/// The most characters the name of a deployment may have.
const LONGEST_DEPLOYMENT: usize = 100;

/// Everything that is known before the bridge starts.
#[derive(Clone, Debug)]
pub struct Startup {
    /// What the bridge runs under.
    pub config: Config,
    /// Whether to open the page in a browser.
    pub open: bool,
    /// Below which folder programs of this user find the URL and the token in a file, when they shall.
    pub runtime_folder: Option<PathBuf>,
    /// Which log records to write: a filter of `tracing`, already checked.
    pub log: String,
    /// What the person who starts the bridge should know, one sentence each.
    pub warnings: Vec<String>,
}

impl Startup {
    /// Applies the rules. `program` is this binary.
    ///
    /// # Errors
    /// One sentence about the first setting that is wrong or contradicts another.
    pub fn check(settings: Settings, program: PathBuf) -> Result<Self, ConfigError> {
        let settings = settings.with_file()?;
        let mut warnings = Vec::new();

        let listen = address::listen(settings.listen.as_deref().unwrap_or(DEFAULT_LISTEN))?;
        let loopback = address::is_loopback(listen.ip());
        let public_url = settings.public_url.as_deref().map(address::public_url);
        let public_url = public_url.transpose()?;
        let allow_commands = settings.allow_commands.unwrap_or(false);
        let behind_tls_proxy = settings.behind_tls_proxy.unwrap_or(false);
        if !loopback {
            check_exposed(&settings, listen, public_url.is_some())?;
        }
        let tls = transport::tls(&settings)?;
        transport::check_public_url(public_url.as_deref(), behind_tls_proxy, tls.is_some())?;

        let origins = settings
            .allow_origin
            .iter()
            .map(|text| address::origin(text));
        let allow_origins = origins.collect::<Result<Vec<_>, _>>()?;
        let log = settings
            .log
            .clone()
            .unwrap_or_else(|| DEFAULT_LOG.to_owned());
        EnvFilter::try_new(&log).map_err(|error| {
            ConfigError::new(format!("--log {log:?} is not a log filter: {error}."))
        })?;
        let limits = Limits::parse(&settings.limits)?;
        let sandbox = Arc::new(Sandbox::check(&settings, &program, &mut warnings)?);
        let (catalogue, servers_file) = match &settings.servers {
            None => {
                let demo = Catalogue::with_demo(&program)
                    .map_err(|error| ConfigError::new(error.to_string()))?;
                (demo, None)
            }
            Some(path) => {
                let (file, catalogue) =
                    ServersFile::open(path, &program, (&limits, &sandbox), variable)?;
                (catalogue, Some(file))
            }
        };

        let auth = auth::auth(&settings, &mut warnings)?;
        let metrics_token = transport::metrics_token(&settings, &auth, &mut warnings)?;
        let commands = match auth {
            Auth::Token(_) if loopback => Commands::Any,
            Auth::None if loopback && allow_commands => Commands::Any,
            Auth::Token(_) | Auth::None | Auth::Jwt(_) | Auth::Proxy(_) => Commands::CatalogueOnly,
        };
        let forwarders = auth::networks("--trust-forwarded-for", &settings.trust_forwarded_for)?;
        if behind_tls_proxy && forwarders.is_empty() {
            warnings.push(
                "Every request comes from the address of the proxy, so the wrong tokens of one caller make all others \
                 wait; name the proxy with --trust-forwarded-for."
                    .to_owned(),
            );
        }
        if auth == Auth::None {
            warnings.push(no_auth_warning(listen, commands));
        } else if commands == Commands::Any && (public_url.is_some() || behind_tls_proxy) {
            warnings.push(
                "The public URL reaches a bridge that starts any command: whoever has the token can run programs on \
                 this machine."
                    .to_owned(),
            );
        }

        let runtime_folder = settings
            .runtime_file
            .unwrap_or(false)
            .then(|| runtime_folder(variable))
            .transpose()?;
        let (egress, of_egress) = upstreams::egress(&settings, loopback, variable)?;
        warnings.extend(of_egress);
        let config = Config {
            listen,
            public_url,
            allow_origins,
            auth,
            forwarders,
            tls,
            behind_tls_proxy,
            metrics_token,
            commands,
            catalogue,
            servers_file,
            egress: Arc::new(egress),
            allow_headers: upstreams::allow_headers(&settings)?,
            sandbox,
            roots: sandbox::roots(&settings)?,
            params_in_url: settings.params_in_url.unwrap_or_default(),
            audit: audit(&settings)?,
            ticket_keys: ticket_keys(&settings, &mut warnings)?,
            deployment: deployment(&settings)?,
            node: settings.node.unwrap_or_default(),
            program,
            limits,
        };
        Ok(Self {
            config,
            open: settings.open.unwrap_or(false),
            runtime_folder,
            log,
            warnings,
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "configuration is read here")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn runtime_folder(variable: impl Fn(&str) -> Option<String>) -> Result<PathBuf, ConfigError> {
    let folder = variable("XDG_RUNTIME_DIR").filter(|folder| folder.starts_with('/'));
    folder.map(PathBuf::from).ok_or_else(|| {
        ConfigError::new(
            "--runtime-file needs the variable XDG_RUNTIME_DIR, which names a folder of this user alone.",
        )
    })
}

/// What a bridge needs that other machines can reach.
fn check_exposed(
    settings: &Settings,
    listen: SocketAddr,
    has_public_url: bool,
) -> Result<(), ConfigError> {
    if settings.allow_commands.unwrap_or(false) {
        return Err(ConfigError::new(format!(
            "--allow-commands is only possible on a loopback address: other machines reach {listen}, and could run \
             any program on this one."
        )));
    }
    if settings.no_auth.unwrap_or(false) {
        return Err(ConfigError::new(format!(
            "--no-auth is only possible on a loopback address: other machines reach {listen}."
        )));
    }
    let missing: Vec<&str> = [
        (has_public_url, "--public-url"),
        (
            settings.behind_tls_proxy.unwrap_or(false) || settings.tls_cert.is_some(),
            "TLS (a token must not travel without): --tls-cert and --tls-key, or --behind-tls-proxy",
        ),
    ]
    .into_iter()
    .filter_map(|(given, name)| (!given).then_some(name))
    .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(ConfigError::new(format!(
        "Other machines reach {listen}; to listen there the bridge also needs {}.",
        missing.join(" and ")
    )))
}

fn audit(settings: &Settings) -> Result<Option<AuditLog>, ConfigError> {
    let required = settings.audit_required.unwrap_or(false);
    let sync = settings.audit_sync.unwrap_or(false);
    match &settings.audit_log {
        Some(path) if path.as_os_str().is_empty() => Err(ConfigError::new(
            "--audit-log is empty; leave it out to keep no audit log.",
        )),
        Some(path) => Ok(Some(AuditLog {
            path: path.clone(),
            required,
            sync,
        })),
        None if required || sync => Err(ConfigError::new(
            "--audit-required and --audit-sync are about a log that is not kept; give its file with --audit-log.",
        )),
        None => Ok(None),
    }
}

fn ticket_keys(
    settings: &Settings,
    warnings: &mut Vec<String>,
) -> Result<Option<TicketKeyFile>, ConfigError> {
    let Some(path) = &settings.ticket_keys else {
        return Ok(None);
    };
    let (file, warning) = TicketKeyFile::open(path)?;
    warnings.extend(warning);
    Ok(Some(file))
}

fn deployment(settings: &Settings) -> Result<String, ConfigError> {
    let name = settings.deployment.as_deref().unwrap_or(DEFAULT_DEPLOYMENT);
    if name.trim().is_empty() || name.chars().count() > LONGEST_DEPLOYMENT {
        return Err(ConfigError::new(format!(
            "--deployment must have from 1 to {LONGEST_DEPLOYMENT} characters."
        )));
    }
    Ok(name.to_owned())
}

fn no_auth_warning(listen: SocketAddr, commands: Commands) -> String {
    match commands {
        Commands::Any => format!(
            "--no-auth with --allow-commands: any program on this machine, whoever runs it, and every page of an \
             allowed origin can make this bridge run ANY COMMAND as you, without a token, by calling {listen}."
        ),
        Commands::CatalogueOnly => format!(
            "--no-auth: any program on this machine, whoever runs it, and every page of an allowed origin can use \
             every server of this bridge without a token, by calling {listen}."
        ),
    }
}

#[cfg(test)]
mod tests {
    use footbridge_shared::params::Secret;

    use super::*;

    fn check(text: &str) -> Result<Startup, String> {
        let settings = Settings::parse(text, std::path::Path::new("test.toml")).unwrap();
        Startup::check(settings, PathBuf::from("/bin/footbridge"))
            .map_err(|error| error.to_string())
    }

    const EXPOSED: &str = r#"
        listen = "0.0.0.0:0"
        public_url = "https://tools.example.com"
        behind_tls_proxy = true
    "#;

    #[test]
    fn without_any_setting_the_bridge_is_local_and_has_a_random_token() {
        let startup = check("").unwrap();
        assert_eq!(startup.config.listen.to_string(), DEFAULT_LISTEN);
        assert!(matches!(startup.config.auth, Auth::Token(_)));
        assert_eq!(startup.config.commands, Commands::Any);
        assert_eq!(startup.config.limits, Limits::default());
        assert_eq!(startup.log, DEFAULT_LOG);
        assert!(startup.config.catalogue.get("demo").is_some());
        assert!(!startup.open);
        assert_eq!(startup.warnings, [""; 0]);
    }

    #[test]
    fn commands_follow_from_where_the_bridge_listens_and_who_may_use_it() {
        for (text, commands, n_warnings) in [
            ("", Commands::Any, 0),
            ("listen = \"localhost:0\"", Commands::Any, 0),
            ("no_auth = true", Commands::CatalogueOnly, 1),
            ("no_auth = true\nallow_commands = true", Commands::Any, 1),
            ("allow_commands = true", Commands::Any, 0),
            ("public_url = \"https://a.example\"", Commands::Any, 1),
            (EXPOSED, Commands::CatalogueOnly, 1),
        ] {
            let startup = check(text).unwrap();
            assert_eq!(startup.config.commands, commands, "{text}");
            assert_eq!(startup.warnings.len(), n_warnings, "{:?}", startup.warnings);
        }
        let warnings = check("no_auth = true\nallow_commands = true")
            .unwrap()
            .warnings;
        assert!(warnings[0].contains("ANY COMMAND"));
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        for (text, sentence) in [
            (
                "listen = \"0.0.0.0:80\"",
                "Other machines reach 0.0.0.0:80; to listen there the bridge also needs --public-url and TLS (a token \
                 must not travel without): --tls-cert and --tls-key, or --behind-tls-proxy.",
            ),
            (
                "listen = \"0:80\"\nbehind_tls_proxy = true",
                "Other machines reach 0.0.0.0:80; to listen there the bridge also needs --public-url.",
            ),
            (
                "listen = \"[::]:80\"\npublic_url = \"https://a.example\"",
                "Other machines reach [::]:80; to listen there the bridge also needs TLS (a token must not travel \
                 without): --tls-cert and --tls-key, or --behind-tls-proxy.",
            ),
            (
                "listen = \"0.0.0.0:80\"\nno_auth = true",
                "--no-auth is only possible on a loopback address: other machines reach 0.0.0.0:80.",
            ),
            (
                "listen = \"0.0.0.0:80\"\nallow_commands = true",
                "--allow-commands is only possible on a loopback address: other machines reach 0.0.0.0:80, and could \
                 run any program on this one.",
            ),
            (
                "public_url = \"http://a.example\"\nbehind_tls_proxy = true",
                "--public-url must begin with https:// when --behind-tls-proxy is given: it is the proxy's URL.",
            ),
            (
                "no_auth = true\ntoken = \"0123456789abcdef\"",
                "--no-auth and --token contradict each other.",
            ),
            (
                "token = \"0123456789abcdef\"\ntoken_file = \"x\"",
                "--token and --token-file are both given (as flags, variables or keys); keep one.",
            ),
            (
                "audit_required = true",
                "--audit-required and --audit-sync are about a log that is not kept; give its file with --audit-log.",
            ),
            (
                "audit_log = \"\"",
                "--audit-log is empty; leave it out to keep no audit log.",
            ),
            (
                "token = \"\"",
                "The token is empty; leave it out to get a random token.",
            ),
        ] {
            assert_eq!(check(text).unwrap_err(), sentence, "{text}");
        }
        for text in [
            "log = \"info,=\"",
            "allow_origin = [\"*\"]",
            "servers = \"/nowhere/x.json\"",
            "ticket_keys = \"/nowhere/keys\"",
            "deployment = \" \"",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_chosen_token_is_used_and_warned_of_only_as_a_flag() {
        let token = Secret::new("0123456789abcdef");
        let settings = Settings {
            token: Some(token.clone()),
            ..Settings::default()
        };
        let flag = Settings {
            token_in_arguments: true,
            ..settings.clone()
        };
        for (settings, n_warnings) in [(settings, 0), (flag, 1)] {
            let startup = Startup::check(settings, PathBuf::from("/bin/footbridge")).unwrap();
            assert_eq!(startup.config.auth, Auth::Token(token.clone()));
            assert_eq!(startup.warnings.len(), n_warnings);
            assert!(!format!("{startup:?}").contains("0123456789abcdef"));
        }
    }
}
