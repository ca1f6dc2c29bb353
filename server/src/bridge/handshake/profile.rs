//! What is declared to a server, and what it says when it does not like that.

use footbridge_shared::rpc;
use serde_json::value::RawValue;

use super::MODERN;

/// What is declared to the MCP server on the browser's behalf.
#[derive(Clone, Debug)]
pub struct Profile {
    /// MCP client capabilities: a JSON object.
    pub capabilities: Box<RawValue>,
    /// The client's name and version: a JSON object.
    pub client_info: Box<RawValue>,
}

impl Profile {
    /// What a browser declares in the params of its own `initialize`.
    pub(in crate::bridge) fn of_initialize(params: &str) -> Option<Self> {
        let raw = |name| RawValue::from_string(params[rpc::member(params, name)?].to_owned()).ok();
        Some(Self {
            capabilities: raw("capabilities")?,
            client_info: raw("clientInfo")?,
        })
    }

    /// The members of `_meta` that make a request stand alone (MCP 2026-07-28, basic, `_meta`).
    pub(in crate::bridge) fn meta(&self) -> [(&'static str, String); 3] {
        [
            (
                "io.modelcontextprotocol/protocolVersion",
                format!("\"{MODERN}\""),
            ),
            (
                "io.modelcontextprotocol/clientCapabilities",
                self.capabilities.get().to_owned(),
            ),
            (
                "io.modelcontextprotocol/clientInfo",
                self.client_info.get().to_owned(),
            ),
        ]
    }
}

/// The code of a JSON-RPC error.
pub(super) fn code(error: &str) -> Option<i64> {
    error[rpc::member(error, "code")?].parse().ok()
}

/// Whether a server that does not support the version asked for supports it after all, or one we know besides.
pub(super) fn offers_modern(error: &str) -> bool {
    let supported = || {
        let data = &error[rpc::member(error, "data")?];
        serde_json::from_str::<Vec<String>>(&data[rpc::member(data, "supported")?]).ok()
    };
    supported().is_some_and(|versions| versions.iter().any(|version| version == MODERN))
}
