//! Server params, as JSON of `POST connect` and as base64 in a socket's URL; and the policy that judges them.

use std::path::Path;
use std::sync::Arc;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use footbridge::catalogue::Catalogue;
use footbridge::config::Commands;
use footbridge::egress::Egress;
use footbridge::fuzzing;
use footbridge::policy::Policy;
use footbridge_shared::params::SecretValues;
use footbridge_shared::params::ServerParams;
use serde_json::Value;

/// Of a bridge that starts nothing but what its catalogue names.
static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let text = r#"{"mcpServers":{"fs":{"command":"fs","args":["/srv"]},"web":{"url":"https://mcp.example.com/mcp"}}}"#;
    let catalogue = Catalogue::parse(text, Path::new("/bin/footbridge")).expect("a catalogue");
    Policy::new(
        Commands::CatalogueOnly,
        catalogue,
        Arc::new(Egress::default()),
    )
});

/// What is read survives being written; secrets are never printed; only the catalogue's commands are approved.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // As a query: whatever comes, it is answered.
    let _ = fuzzing::socket_params(&text);
    assert!(!fuzzing::is_session_id(&text) || text.len() <= 128 && text.is_ascii());
    let Ok(value) = serde_json::from_str::<Value>(&text) else {
        return;
    };
    let read = ServerParams::from_json(&value, "server_params");
    let in_url = fuzzing::socket_params(&STANDARD.encode(value.to_string()));
    let params = match read {
        Ok(params) => params,
        Err(error) => {
            assert!(error.field.starts_with("server_params"));
            assert!(in_url.is_err());
            return;
        }
    };
    assert_eq!(in_url.ok().as_ref(), Some(&params));
    let again = ServerParams::from_json(&params.to_json(SecretValues::Exposed), "p");
    assert_eq!(again.as_ref(), Ok(&params));
    let blanked = ServerParams::from_json(&params.to_json(SecretValues::Blanked), "p");
    let blanked = blanked.expect("blanked params can be read");
    assert!(
        blanked
            .secrets()
            .values()
            .all(|secret| secret.expose().is_empty())
    );
    assert_eq!(blanked.with_secrets(params.secrets().clone()), params);
    for secret in params.secrets().values() {
        assert_eq!(format!("{secret:?}"), "***");
    }
    if let Ok(approved) = POLICY.approve(&params) {
        assert!(!matches!(approved.params(), ServerParams::Named(_)));
        if let ServerParams::Stdio(_) = approved.params() {
            let catalogue = POLICY.catalogue();
            let mut listed = catalogue.iter().map(|(_, entry)| &entry.params);
            assert!(listed.any(|listed| listed == approved.params()));
        }
    }
}
