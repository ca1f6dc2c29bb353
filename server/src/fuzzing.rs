//! The private parsers that read foreign bytes, for the crate `fuzz` alone.
//!
//! Owns no logic. Never part of the product: it needs the cargo feature `fuzzing`.

pub use crate::http::fuzzing::*;
pub use crate::session::fuzzing::*;
#[cfg(unix)]
pub use crate::upstream::fuzzing::*;
