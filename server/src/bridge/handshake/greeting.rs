//! What a server says of itself, in the words of either era.

use footbridge_shared::api::Era;
use footbridge_shared::rpc;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::LEGACY;
use super::MODERN;
use crate::dialect::Greeting;

/// Reads an `InitializeResult` one level deep.
pub(in crate::bridge) fn of_initialize(result: &str) -> Result<Greeting, serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct InitializeResult {
        protocol_version: String,
        capabilities: Box<RawValue>,
        server_info: Option<Box<RawValue>>,
        instructions: Option<Box<RawValue>>,
    }
    let said: InitializeResult = serde_json::from_str(result)?;
    Ok(Greeting {
        capabilities: said.capabilities,
        server_info: said.server_info,
        instructions: said.instructions,
        protocol_version: said.protocol_version,
        era: Era::Legacy,
        result: RawValue::from_string(result.to_owned())?,
    })
}

/// Reads a `DiscoverResult` one level deep; `None` when it is none or does not offer the stateless revision.
/// `label` names a server that does not name itself.
pub(in crate::bridge) fn of_discover(result: &str, label: &str) -> Option<Greeting> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct DiscoverResult {
        supported_versions: Vec<String>,
        capabilities: Box<RawValue>,
        instructions: Option<Box<RawValue>>,
        #[serde(rename = "_meta")]
        meta: Option<Box<RawValue>>,
    }
    let said: DiscoverResult = serde_json::from_str(result).ok()?;
    if !said
        .supported_versions
        .iter()
        .any(|version| version == MODERN)
    {
        return None;
    }
    let server_info = said.meta.as_deref().and_then(|meta| {
        let info = &meta.get()[rpc::member(meta.get(), "io.modelcontextprotocol/serverInfo")?];
        RawValue::from_string(info.to_owned()).ok()
    });
    let name = server_info.as_deref().map_or_else(
        || format!(r#"{{"name":{},"version":""}}"#, rpc::quoted(label)),
        |info| info.get().to_owned(),
    );
    let instructions = said
        .instructions
        .as_deref()
        .map_or_else(String::new, |text| format!(r#","instructions":{text}"#));
    let result = format!(
        r#"{{"protocolVersion":"{}","capabilities":{},"serverInfo":{name}{instructions}}}"#,
        LEGACY[0], said.capabilities,
    );
    Some(Greeting {
        capabilities: said.capabilities,
        server_info,
        instructions: said.instructions,
        protocol_version: MODERN.to_owned(),
        era: Era::Modern,
        result: RawValue::from_string(result).ok()?,
    })
}
