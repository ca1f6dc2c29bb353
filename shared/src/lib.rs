//! The words both sides of Footbridge's wire use.
//!
//! No IO, no runtime; builds for the host and for wasm32.
//! In reading order: [`rpc`] (JSON-RPC messages), [`params`] (where an MCP server is), [`api`] (HTTP bodies),
//! [`control`] (what the bridge itself says on the `native` dialect), [`fault`] (errors).

pub mod api;
pub mod control;
pub mod fault;
pub mod params;
pub mod rpc;
pub mod secret;
