//! Footbridge: the bridge that lets a browser app talk to any MCP server.
//!
//! ```text
//!                     ┌─────────────── session ───────────────┐
//!                     │      one task; waits; owns both ends   │
//!           text      │                Message                 │    queues               bytes
//! browser ◀─────────▶ │  dialect ◀─────────────────▶ bridge    │ ◀─────────▶ upstream ◀─────────▶ MCP server
//!                     │  translates                  decides   │             carries
//!                     └────────────────────────────────────────┘
//! ```
//!
//! Dialects translate, the bridge decides, the session waits, upstreams carry.

#[cfg(all(feature = "echo", not(debug_assertions)))]
compile_error!(
    "the feature `echo` is for tests; a release has no socket that answers whoever asks"
);

pub mod accept;
pub mod audit;
pub mod bridge;
pub mod catalogue;
pub mod config;
pub mod demo;
pub mod dialect;
pub mod egress;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod gate;
pub mod http;
pub mod jwks;
pub mod logs;
pub mod meters;
pub mod open;
pub mod policy;
pub mod principal;
pub mod runtime_file;
pub mod sandbox;
pub mod serve;
pub mod session;
pub mod sessions;
#[cfg(unix)]
pub mod supervise;
pub mod tickets;
pub mod tls;
pub mod upstream;
pub mod variables;
