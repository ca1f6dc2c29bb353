//! The named servers an operator offers: the `mcpServers` file that other MCP programs use too.
//!
//! Owns the reading of that file and the built-in entry `demo`. Never decides who may reach a server, and never looks
//! at the environment or at another file but through what it is given.

mod entry;
mod input;
mod kept;
mod ordered;
mod references;
#[cfg(test)]
mod tests;

use std::path::Path;

use footbridge_shared::api::CatalogueServer;
use footbridge_shared::params::ServerParams;
use footbridge_shared::params::StdioParams;
use serde_json::Value;

use self::entry::File;
use self::ordered::Entries;

pub use self::entry::CatalogueEntry;
pub use self::entry::Place;
pub use self::entry::Slot;
pub use self::input::Input;
pub use self::references::Surroundings;

/// The named servers an operator offers, in the order of their file.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    servers: Vec<(String, CatalogueEntry)>,
}

/// One sentence that names what is wrong by its path inside the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CatalogueError(String);

impl CatalogueError {
    fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl Catalogue {
    /// The built-in server alone; `program` is this binary.
    ///
    /// # Errors
    /// A sentence when the path of the binary is not Unicode.
    pub fn with_demo(program: &Path) -> Result<Self, CatalogueError> {
        let command = program.to_str().ok_or_else(|| {
            CatalogueError::new(format!(
                "The path of this program is not Unicode: {}.",
                program.display()
            ))
        })?;
        let params = ServerParams::Stdio(StdioParams {
            command: command.to_owned(),
            args: vec!["demo".to_owned()],
            ..StdioParams::default()
        });
        let demo = CatalogueEntry::plain(
            params,
            "Demo",
            "A server that shows every feature of MCP and needs nothing else installed.",
        );
        Ok(Self {
            servers: vec![("demo".to_owned(), demo)],
        })
    }

    /// Reads the text of a `--servers` file that refers to nothing outside of it.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, program: &Path) -> Result<Self, CatalogueError> {
        Self::read(
            text,
            &Surroundings {
                program,
                variable: &|_| None,
                file: &|_| Err("cannot be read here".to_owned()),
            },
        )
    }

    /// Reads the text of a `--servers` file and puts `demo` before it, unless the file has an entry of that name.
    ///
    /// # Errors
    /// A sentence that names the path inside the file, such as `mcpServers.fs.args[1] must be a string.`
    pub fn read(text: &str, around: &Surroundings<'_>) -> Result<Self, CatalogueError> {
        let not_json = |error| CatalogueError::new(format!("this is not JSON: {error}."));
        let file: Value = serde_json::from_str(text).map_err(not_json)?;
        let member = ["mcpServers", "servers"]
            .into_iter()
            .find(|name| file.get(name).is_some())
            .ok_or_else(|| {
                CatalogueError::new(
                    "this must be a JSON object with a member \"mcpServers\" (or \"servers\").",
                )
            })?;
        if !file.get(member).is_some_and(Value::is_object) {
            return Err(wrong(member, "must be an object"));
        }
        // Read a second time for the order, which `Value` forgets.
        let Entries(top) = serde_json::from_str(text).map_err(not_json)?;
        let Some((_, entries)) = top.into_iter().rfind(|(name, _)| name == member) else {
            return Err(wrong(member, "must be an object"));
        };
        let Entries(entries) = serde_json::from_str(entries.get()).map_err(not_json)?;

        let mut catalogue = Self::with_demo(around.program)?;
        if entries.iter().any(|(name, _)| name == "demo") {
            catalogue.servers.clear();
        }
        let shared = File {
            around,
            inputs: file.get("inputs"),
        };
        for (index, (name, entry)) in entries.iter().enumerate() {
            check_name(member, name)?;
            let at = format!("{member}.{name}");
            if entries[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(wrong(&at, "is there twice"));
            }
            let entry: Value = serde_json::from_str(entry.get()).map_err(not_json)?;
            if let Some(entry) = CatalogueEntry::parse(&entry, &at, &shared)? {
                catalogue.servers.push((name.clone(), entry));
            }
        }
        Ok(catalogue)
    }

    /// The server of a name.
    pub fn get(&self, name: &str) -> Option<&CatalogueEntry> {
        self.iter()
            .find_map(|(known, entry)| (known == name).then_some(entry))
    }

    /// Every server with its name, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &CatalogueEntry)> {
        self.servers
            .iter()
            .map(|(name, entry)| (name.as_str(), entry))
    }

    /// The servers as far as a browser may know them: never commands or secrets.
    pub fn listing(&self) -> Vec<CatalogueServer> {
        self.iter()
            .map(|(name, entry)| entry.listing(name))
            .collect()
    }
}

fn wrong(at: &str, problem: &str) -> CatalogueError {
    CatalogueError::new(format!("{at} {problem}."))
}

fn check_name(member: &str, name: &str) -> Result<(), CatalogueError> {
    let proper = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b" ._-".contains(&byte));
    if proper {
        return Ok(());
    }
    Err(wrong(
        &format!("{member}: the name {name:?}"),
        "must have 1 to 64 letters, digits, spaces, dots, underscores or hyphens",
    ))
}
