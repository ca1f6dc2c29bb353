//! The bridge.

pub mod catalogue;
pub mod config;
pub mod policy;
#[cfg(unix)]
pub mod supervise;
pub mod upstream;
