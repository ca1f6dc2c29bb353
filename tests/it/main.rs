//! The end-to-end tests.

/// What `POST connect` takes and gives, and what its ticket is good for.
mod connect;
/// What happens at a limit.
mod limits;
/// Messages through the bridge, to the byte.
mod relay;
/// What an attacker gets: nothing.
mod security;
/// Nothing is left running.
mod shutdown;
/// How a session is told to be.
mod status;
/// MCP servers as child processes, the ones that misbehave above all.
mod stdio;
/// AutoGen Studio's envelope, as it was recorded, and bare JSON-RPC beside it.
mod studio;
