//! The end-to-end tests: the real bridge, real MCP servers, real clients. A sentence on what belongs where.

/// The audit log: what is in it, and what becomes of it on a full disk and when it is rotated.
mod audit;
/// The servers that an operator offers: inputs, references, limits, and a file that changes.
mod catalogue;
/// What `POST connect` takes and gives, and what its ticket is good for.
mod connect;
/// The built-in server through the bridge: each of its tools, and everything else it offers.
mod demo;
/// The documents say what the code does.
mod docs;
/// Remote MCP servers that cannot be used.
mod failures;
/// Who may ask: what every request must pass, and each way to show who it is.
mod gate;
/// MCP servers over stdio that mean harm.
mod hostile;
/// MCP servers over HTTP that mean harm.
mod hostile_remote;
/// What happens at a limit.
mod limits;
/// Nasty payloads over every transport.
mod lossless;
/// What an operator can count, and who may.
mod metrics;
/// MCP servers as processes: how they are shut in and counted, and what becomes of those that are killed or stopped.
mod processes;
/// Programs of other people and other languages against the bridge: SDK clients, the quickstart, the README.
mod programs;
/// Messages through the bridge, to the byte.
mod relay;
/// Sockets that are lost, and browsers that come back.
mod resume;
/// Secrets, through everything that can happen to a session: seen nowhere.
mod secrets;
/// What an attacker gets: nothing.
mod security;
/// Real MCP servers of npm and PyPI, used for real.
mod servers;
/// Nothing is left running.
mod shutdown;
/// How a session is told to be.
mod status;
/// MCP servers as child processes, the ones that misbehave above all.
mod stdio;
/// AutoGen Studio's envelope, as it was recorded, and bare JSON-RPC beside it.
mod studio;
/// What comes from other people is what was chosen: crates, npm packages, Python packages.
mod supply;
/// What tickets are good for where there are several bridges, keys that change, and params that are long.
mod tickets;
/// The rules that a machine can check.
mod tidy;
/// The bridge's own TLS: sessions over it, certificates that are renewed, peers that do not speak it.
mod tls;
/// Every transport, revision and SDK, with real servers.
mod upstreams;
/// The WebSocket protocol, spoken wrongly in every way there is.
mod websocket;
