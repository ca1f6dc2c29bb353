//! The bridge.

pub mod catalogue;
pub mod config;
pub mod policy;
pub mod upstream;
