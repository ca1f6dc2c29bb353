//! The named servers an operator offers.

use std::collections::BTreeMap;

use footbridge_shared::params::ServerParams;

/// The named servers an operator offers.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// By name.
    pub servers: BTreeMap<String, CatalogueEntry>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct CatalogueEntry {
    /// A name for people.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// How it is reached; never `ServerParams::Named`.
    pub params: ServerParams,
}
