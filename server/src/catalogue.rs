//! The named servers an operator offers: the `mcpServers` file that other MCP programs use too.
//!
//! Owns the reading of that file and the built-in entry `demo`. Never decides who may reach a server.

use std::fmt;
use std::path::Path;

use footbridge_shared::api::CatalogueServer;
use footbridge_shared::api::Transport;
use footbridge_shared::params::ServerParams;
use footbridge_shared::params::StdioParams;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::Map;
use serde_json::Value;

/// The named servers an operator offers, in the order of their file.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    servers: Vec<(String, CatalogueEntry)>,
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
        let demo = CatalogueEntry {
            title: Some("Demo".to_owned()),
            description: Some(
                "A server that shows every feature of MCP and needs nothing else installed."
                    .to_owned(),
            ),
            params: ServerParams::Stdio(StdioParams {
                command: command.to_owned(),
                args: vec!["demo".to_owned()],
                ..StdioParams::default()
            }),
        };
        Ok(Self {
            servers: vec![("demo".to_owned(), demo)],
        })
    }

    /// Reads the text of a `--servers` file and puts `demo` before it, unless the file has an entry of that name.
    ///
    /// # Errors
    /// A sentence that names the path inside the file, such as `mcpServers.fs.args[1] must be a string.`
    pub fn parse(text: &str, program: &Path) -> Result<Self, CatalogueError> {
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

        let mut catalogue = Self::with_demo(program)?;
        if entries.iter().any(|(name, _)| name == "demo") {
            catalogue.servers.clear();
        }
        for (index, (name, entry)) in entries.iter().enumerate() {
            check_name(member, name)?;
            let at = format!("{member}.{name}");
            if entries[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(wrong(&at, "is there twice"));
            }
            let entry: Value = serde_json::from_str(entry.get()).map_err(not_json)?;
            if let Some(entry) = CatalogueEntry::parse(&entry, &at)? {
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
            .map(|(name, entry)| CatalogueServer {
                name: name.to_owned(),
                title: entry.title.clone(),
                description: entry.description.clone(),
                transport: entry.transport(),
            })
            .collect()
    }
}

impl CatalogueEntry {
    /// How the server is reached.
    pub fn transport(&self) -> Transport {
        match self.params {
            ServerParams::Stdio(_) | ServerParams::Named(_) => Transport::Stdio,
            ServerParams::Sse(_) => Transport::Sse,
            ServerParams::Http(_) => Transport::Http,
        }
    }

    /// Reads one entry; `None` when it is disabled.
    fn parse(entry: &Value, at: &str) -> Result<Option<Self>, CatalogueError> {
        let members = entry
            .as_object()
            .ok_or_else(|| wrong(at, "must be an object"))?;
        let text = |name: &str| match members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value
                .as_str()
                .map(Some)
                .ok_or_else(|| wrong(&format!("{at}.{name}"), "must be a string")),
        };
        match members.get("disabled") {
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(Value::Bool(true)) => return Ok(None),
            Some(Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
                return Err(wrong(&format!("{at}.disabled"), "must be true or false"));
            }
        }
        let has = |name| members.get(name).is_some_and(|value| !value.is_null());
        let (kind, known): (_, &[&str]) = match (text("type")?, has("command"), has("url")) {
            (_, true, true) => return Err(wrong(at, "has both a command and a url; keep one")),
            (Some("stdio"), _, false) | (None, true, false) => {
                ("StdioServerParams", &["command", "args", "env", "cwd"])
            }
            (Some("sse"), false, _) => ("SseServerParams", &["url", "headers"]),
            (Some("http" | "streamable-http" | "streamableHttp"), false, _)
            | (None, false, true) => ("StreamableHttpServerParams", &["url", "headers"]),
            (None, false, false) => return Err(wrong(at, "needs a command or a url")),
            (Some("stdio"), false, true) => {
                return Err(wrong(at, "is of type \"stdio\" and needs a command"));
            }
            (Some(_), _, _) => {
                return Err(wrong(
                    &format!("{at}.type"),
                    "must be \"stdio\" with a command, or \"sse\" or \"http\" with a url",
                ));
            }
        };
        let mut params: Map<String, Value> = members.clone();
        params.retain(|name, _| known.contains(&name.as_str()));
        params.insert("type".to_owned(), kind.into());
        let params = ServerParams::from_json(&params.into(), at)
            .map_err(|error| CatalogueError::new(format!("{error}.")))?;
        check(&params, at)?;
        Ok(Some(Self {
            title: text("title")?.map(str::to_owned),
            description: text("description")?.map(str::to_owned),
            params,
        }))
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

/// What no system can start or reach.
fn check(params: &ServerParams, at: &str) -> Result<(), CatalogueError> {
    let url = match params {
        ServerParams::Stdio(stdio) => {
            let impossible = |name: &&String| name.is_empty() || name.contains(['=', '\0']);
            return match stdio.env.keys().find(impossible) {
                Some(name) => Err(wrong(
                    at,
                    &format!("has the impossible variable name {name:?}"),
                )),
                None => Ok(()),
            };
        }
        ServerParams::Sse(sse) => &sse.url,
        ServerParams::Http(http) => &http.url,
        ServerParams::Named(_) => return Ok(()),
    };
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(());
    }
    Err(wrong(
        &format!("{at}.url"),
        "must begin with http:// or https://",
    ))
}

/// The members of a JSON object in the order of the text, repeated ones included.
struct Entries(Vec<(String, Box<serde_json::value::RawValue>)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Catalogue, String> {
        Catalogue::parse(text, Path::new("/bin/footbridge")).map_err(|error| error.to_string())
    }

    fn names(catalogue: &Catalogue) -> Vec<&str> {
        catalogue.iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn files_of_other_programs_are_understood() {
        let catalogue = parse(
            r#"{
                "globalShortcut": "Ctrl+Space",
                "mcpServers": {
                    "zoo": {"command": "npx", "args": ["-y", "zoo"], "env": {"KEY": "s3cret"}, "cwd": "/srv",
                            "autoApprove": ["a"], "timeout": "never"},
                    "off": {"command": "npx", "disabled": true},
                    "events": {"type": "sse", "url": "https://a.example/sse", "headers": {"X-Key": "s3cret"}},
                    "ape": {"url": "http://a.example/mcp", "title": "Ape", "description": "Apes."},
                    "bee": {"type": "streamableHttp", "url": "http://a.example/mcp"}
                }
            }"#,
        )
        .unwrap();
        assert_eq!(names(&catalogue), ["demo", "zoo", "events", "ape", "bee"]);
        let expected = StdioParams {
            command: "npx".to_owned(),
            args: vec!["-y".to_owned(), "zoo".to_owned()],
            env: [(
                "KEY".to_owned(),
                footbridge_shared::params::Secret::new("s3cret"),
            )]
            .into(),
            cwd: Some("/srv".to_owned()),
            ..StdioParams::default()
        };
        assert_eq!(
            catalogue.get("zoo").unwrap().params,
            ServerParams::Stdio(expected)
        );
        assert!(catalogue.get("off").is_none());
        let listing = catalogue.listing();
        let transports: Vec<&str> = listing
            .iter()
            .map(|server| server.transport.name())
            .collect();
        assert_eq!(transports, ["stdio", "stdio", "sse", "http", "http"]);
        assert_eq!(listing[3].title.as_deref(), Some("Ape"));
        let json = serde_json::to_string(&listing).unwrap();
        for hidden in ["npx", "s3cret", "a.example", "/srv"] {
            assert!(!json.contains(hidden), "{json}");
        }

        let code =
            parse(r#"{"inputs": [], "servers": {"fs": {"type": "stdio", "command": "fs"}}}"#);
        assert_eq!(names(&code.unwrap()), ["demo", "fs"]);
    }

    #[test]
    fn demo_is_ours_unless_the_file_has_its_own() {
        let ours = parse(r#"{"mcpServers": {}}"#).unwrap();
        let expected = StdioParams {
            command: "/bin/footbridge".to_owned(),
            args: vec!["demo".to_owned()],
            ..StdioParams::default()
        };
        let demo = ours.get("demo").unwrap();
        assert_eq!(demo.params, ServerParams::Stdio(expected));
        assert_eq!(demo.title.as_deref(), Some("Demo"));

        let theirs = r#"{"mcpServers": {"fs": {"command": "fs"}, "demo": {"command": "own"}}}"#;
        let theirs = parse(theirs).unwrap();
        assert_eq!(names(&theirs), ["fs", "demo"]);
        assert!(theirs.get("demo").unwrap().title.is_none());
        let none = parse(r#"{"mcpServers": {"demo": {"disabled": true}}}"#).unwrap();
        assert_eq!(names(&none), [""; 0]);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        let needs_member =
            "this must be a JSON object with a member \"mcpServers\" (or \"servers\").";
        for (text, sentence) in [
            ("[]", needs_member),
            ("{}", needs_member),
            (r#"{"mcpServers": []}"#, "mcpServers must be an object."),
            (
                r#"{"mcpServers": {"fs": "npx"}}"#,
                "mcpServers.fs must be an object.",
            ),
            (
                r#"{"mcpServers": {"fs": {}}}"#,
                "mcpServers.fs needs a command or a url.",
            ),
            (
                r#"{"mcpServers": {"fs": {"command": "a", "url": "b"}}}"#,
                "mcpServers.fs has both a command and a url; keep one.",
            ),
            (
                r#"{"mcpServers": {"fs": {"command": "a", "args": ["x", 1]}}}"#,
                "mcpServers.fs.args[1] must be a string.",
            ),
            (
                r#"{"servers": {"fs": {"command": 1}}}"#,
                "servers.fs.command must be a string.",
            ),
            (
                r#"{"mcpServers": {"fs": {"type": "stdio"}}}"#,
                "mcpServers.fs.command is required.",
            ),
            (
                r#"{"mcpServers": {"fs": {"type": "stdio", "url": "http://a"}}}"#,
                "mcpServers.fs is of type \"stdio\" and needs a command.",
            ),
            (
                r#"{"mcpServers": {"fs": {"type": "ws", "url": "ws://a"}}}"#,
                "mcpServers.fs.type must be \"stdio\" with a command, or \"sse\" or \"http\" with a url.",
            ),
            (
                r#"{"mcpServers": {"fs": {"url": "file:///etc"}}}"#,
                "mcpServers.fs.url must begin with http:// or https://.",
            ),
            (
                r#"{"mcpServers": {"fs": {"command": "a", "env": {"A=B": ""}}}}"#,
                "mcpServers.fs has the impossible variable name \"A=B\".",
            ),
            (
                r#"{"mcpServers": {"fs": {"command": "a", "title": 1}}}"#,
                "mcpServers.fs.title must be a string.",
            ),
            (
                r#"{"mcpServers": {"fs": {"command": "a", "disabled": "no"}}}"#,
                "mcpServers.fs.disabled must be true or false.",
            ),
            (
                r#"{"mcpServers": {"fs": {"command": "a"}, "fs": {"command": "b"}}}"#,
                "mcpServers.fs is there twice.",
            ),
            (
                r#"{"mcpServers": {"a/b": {"command": "a"}}}"#,
                "mcpServers: the name \"a/b\" must have 1 to 64 letters, digits, spaces, dots, underscores or hyphens.",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), sentence, "{text}");
        }
        assert!(parse("{").unwrap_err().starts_with("this is not JSON: "));
    }
}
