//! The Footbridge server, as a library its binary and its tests share.

pub mod demo;
