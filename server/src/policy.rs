//! The rules that turn server params into approved ones.
//!
//! Owns the decision "may this caller reach this server?". Never starts anything.

use footbridge_shared::params::ServerParams;

/// Params that policy has accepted. Only [`Policy`] can make one, and only this can become an upstream.
#[derive(Clone, Debug)]
pub struct Approved {
    params: ServerParams,
    label: String,
}

impl Approved {
    /// The params, never `ServerParams::Named`.
    pub fn params(&self) -> &ServerParams {
        &self.params
    }

    /// The catalogue's name of the server, or the program's or host's: safe to log.
    pub fn label(&self) -> &str {
        &self.label
    }
}
