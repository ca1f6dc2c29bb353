//! The end-to-end tests: the real bridge, real MCP servers, real clients. A sentence on what belongs where.

/// The documents say what the code does.
mod docs;
/// Programs of other people and other languages against the bridge: SDK clients, the quickstart, the README.
mod programs;
/// Real MCP servers of npm and PyPI, and the built-in one, used for real.
mod servers;
/// The rules that a machine can check.
mod tidy;
