//! The browser client of Footbridge: one MCP session over one WebSocket.
//! Owns the surface that the package's own JavaScript wraps into classes.
//! Never decides anything: `client` does.

// Pure, and tested on any machine.
#[cfg(any(test, target_arch = "wasm32"))]
mod address;
#[cfg(any(test, target_arch = "wasm32"))]
mod client;
#[cfg(any(test, target_arch = "wasm32"))]
mod effect;
#[cfg(any(test, target_arch = "wasm32"))]
mod fault;
#[cfg(any(test, target_arch = "wasm32"))]
mod frame;
#[cfg(any(test, target_arch = "wasm32"))]
mod json;
#[cfg(any(test, target_arch = "wasm32"))]
mod opening;

// Only where there is JavaScript.
#[cfg(target_arch = "wasm32")]
mod api;
#[cfg(target_arch = "wasm32")]
pub mod page;
#[cfg(target_arch = "wasm32")]
mod socket;
#[cfg(target_arch = "wasm32")]
pub mod surface;
#[cfg(target_arch = "wasm32")]
mod task;
