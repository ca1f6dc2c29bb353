//! One server of the catalogue: how it is reached, what it asks for, how it is kept.
//!
//! Owns the form of an entry. Never decides who may reach it, and never substitutes a caller's value.

use footbridge_shared::api::CatalogueServer;
use footbridge_shared::api::Transport;
use footbridge_shared::params::Secret;
use footbridge_shared::params::SecretValues;
use footbridge_shared::params::ServerParams;
use serde_json::Map;
use serde_json::Value;
use sha2::Digest;
use sha2::Sha256;

use super::CatalogueError;
use super::input::Input;
use super::kept::limits;
use super::kept::sandbox;
use super::references::References;
use super::references::Resolved;
use super::references::Surroundings;
use super::wrong;
use crate::sandbox::SandboxLevel;
use crate::sandbox::SandboxOptions;

/// A server that an operator offers.
#[derive(Clone, Debug)]
pub struct CatalogueEntry {
    /// A name for people.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// How it is reached; never `ServerParams::Named`. Where an input's value goes, it has what stands before it.
    pub params: ServerParams,
    /// What a caller is asked for.
    pub inputs: Vec<Input>,
    /// Where the values go.
    pub slots: Vec<Slot>,
    /// Bounds for its sessions, by their keys of `[limits]`; what they may be is not judged here.
    pub limits: Vec<(String, f64)>,
    /// How closely its process is kept; absent: as the bridge keeps all.
    pub sandbox: Option<SandboxLevel>,
    /// What its process may do beyond the rules of that level.
    pub sandbox_options: SandboxOptions,
    /// What its references stood for: to be blanked wherever the server speaks.
    pub secrets: Vec<Secret>,
    revision: String,
}

/// A place for the value of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The input.
    pub input: String,
    /// Where its value goes.
    pub place: Place,
}

/// Where the value of an input goes. What it becomes is one whole argument, variable or header, whatever is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The argument of this index, as a whole.
    Arg(usize),
    /// The variable or header of this name, after what stands there.
    Secret(String),
}

/// What the entries of one file have in common.
pub(super) struct File<'a> {
    pub(super) around: &'a Surroundings<'a>,
    /// The inputs beside the servers.
    pub(super) inputs: Option<&'a Value>,
}

/// The members that may hold references, by how an entry is reached.
struct Kind {
    name: &'static str,
    known: &'static [&'static str],
}

const STDIO: Kind = Kind {
    name: "StdioServerParams",
    known: &["command", "args", "env", "cwd"],
};
const SSE: Kind = Kind {
    name: "SseServerParams",
    known: &["url", "headers"],
};
const HTTP: Kind = Kind {
    name: "StreamableHttpServerParams",
    known: &["url", "headers"],
};

impl CatalogueEntry {
    /// An entry without anything but its params.
    pub(super) fn plain(params: ServerParams, title: &str, description: &str) -> Self {
        let mut entry = Self {
            title: Some(title.to_owned()),
            description: Some(description.to_owned()),
            params,
            inputs: Vec::new(),
            slots: Vec::new(),
            limits: Vec::new(),
            sandbox: None,
            sandbox_options: SandboxOptions::default(),
            secrets: Vec::new(),
            revision: String::new(),
        };
        entry.revision = entry.digest(&Value::Null);
        entry
    }

    /// Reads one entry; `None` when it is disabled.
    pub(super) fn parse(
        entry: &Value,
        at: &str,
        file: &File<'_>,
    ) -> Result<Option<Self>, CatalogueError> {
        let members = entry
            .as_object()
            .ok_or_else(|| wrong(at, "must be an object"))?;
        match members.get("disabled") {
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(Value::Bool(true)) => return Ok(None),
            Some(Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
                return Err(wrong(&format!("{at}.disabled"), "must be true or false"));
            }
        }
        let kind = kind(members, at)?;
        let mut filling = Filling {
            references: References::new(file.around),
            slots: Vec::new(),
        };
        let mut params = filling.params(members, kind.known, at)?;
        params.insert("type".to_owned(), kind.name.into());
        let params = ServerParams::from_json(&params.into(), at)
            .map_err(|error| CatalogueError::new(format!("{error}.")))?;
        check(&params, at)?;
        let (sandbox, sandbox_options) = sandbox(members, &params, at)?;
        let mut read = Self {
            title: text(members, "title", at)?,
            description: text(members, "description", at)?,
            inputs: inputs(members, &filling.slots, file, at)?,
            params,
            slots: filling.slots.into_iter().map(|(slot, _)| slot).collect(),
            limits: limits(members, at)?,
            sandbox,
            sandbox_options,
            secrets: filling.references.secrets,
            revision: String::new(),
        };
        read.revision = read.digest(entry);
        Ok(Some(read))
    }

    /// How the server is reached.
    pub fn transport(&self) -> Transport {
        match self.params {
            ServerParams::Stdio(_) | ServerParams::Named(_) => Transport::Stdio,
            ServerParams::Sse(_) => Transport::Sse,
            ServerParams::Http(_) => Transport::Http,
        }
    }

    /// Changes whenever anything of the entry does. A digest over secrets too: for a sealed ticket and nowhere else.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// The entry as far as a browser may know it.
    pub(super) fn listing(&self, name: &str) -> CatalogueServer {
        CatalogueServer {
            name: name.to_owned(),
            title: self.title.clone(),
            description: self.description.clone(),
            transport: self.transport(),
            inputs: self.inputs.iter().map(Input::listing).collect(),
        }
    }

    fn digest(&self, entry: &Value) -> String {
        let params = self.params.to_json(SecretValues::Exposed);
        let inputs: Vec<_> = self.inputs.iter().map(Input::listing).collect();
        // Inputs beside the servers may change while the entry's text does not.
        let all = serde_json::json!([entry, params, inputs]).to_string();
        let digest = Sha256::digest(all.as_bytes());
        digest
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Follows the references of an entry and notes where inputs go.
struct Filling<'a> {
    references: References<'a>,
    /// With the path of each, for what is said of it later.
    slots: Vec<(Slot, String)>,
}

impl Filling<'_> {
    /// The members of the params, each text without its references. What is no text is left to be refused by its type.
    fn params(
        &mut self,
        members: &Map<String, Value>,
        known: &[&str],
        at: &str,
    ) -> Result<Map<String, Value>, CatalogueError> {
        let mut params = members.clone();
        params.retain(|name, _| known.contains(&name.as_str()));
        for (member, value) in &mut params {
            let at = format!("{at}.{member}");
            match value {
                Value::String(text) => {
                    let resolved = self.resolve(text, &at)?;
                    if resolved.input.is_some() {
                        return Err(wrong(
                            &at,
                            "must not have an input: callers may give arguments, variables and headers",
                        ));
                    }
                    *text = resolved.text;
                }
                Value::Array(items) => {
                    for (index, item) in items.iter_mut().enumerate() {
                        if let Value::String(text) = item {
                            *text = self.argument(index, text, &format!("{at}[{index}]"))?;
                        }
                    }
                }
                Value::Object(values) => {
                    for (name, value) in values {
                        if let Value::String(text) = value {
                            *text = self.value(name, text, format!("{at}.{name}"))?;
                        }
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        Ok(params)
    }

    fn resolve(&mut self, text: &str, at: &str) -> Result<Resolved, CatalogueError> {
        self.references
            .resolve(text)
            .map_err(|problem| wrong(at, &problem))
    }

    fn argument(&mut self, index: usize, text: &str, at: &str) -> Result<String, CatalogueError> {
        let resolved = self.resolve(text, at)?;
        let Some(input) = resolved.input else {
            return Ok(resolved.text);
        };
        if !resolved.text.is_empty() || resolved.is_followed {
            return Err(wrong(
                at,
                "has an input inside a longer text; an input is a whole argument or none, so make it one of its own",
            ));
        }
        let place = Place::Arg(index);
        self.slots.push((Slot { input, place }, at.to_owned()));
        Ok(String::new())
    }

    fn value(&mut self, name: &str, text: &str, at: String) -> Result<String, CatalogueError> {
        let resolved = self.resolve(text, &at)?;
        if let Some(input) = resolved.input {
            if resolved.is_followed {
                return Err(wrong(
                    &at,
                    "has an input and more after it; only a text before it is possible, such as \"Bearer ${input:…}\"",
                ));
            }
            let place = Place::Secret(name.to_owned());
            self.slots.push((Slot { input, place }, at));
        }
        Ok(resolved.text)
    }
}

fn kind(members: &Map<String, Value>, at: &str) -> Result<Kind, CatalogueError> {
    let has = |name| members.get(name).is_some_and(|value| !value.is_null());
    match (
        text(members, "type", at)?.as_deref(),
        has("command"),
        has("url"),
    ) {
        (_, true, true) => Err(wrong(at, "has both a command and a url; keep one")),
        (Some("stdio"), _, false) | (None, true, false) => Ok(STDIO),
        (Some("sse"), false, _) => Ok(SSE),
        (Some("http" | "streamable-http" | "streamableHttp"), false, _) | (None, false, true) => {
            Ok(HTTP)
        }
        (None, false, false) => Err(wrong(at, "needs a command or a url")),
        (Some("stdio"), false, true) => Err(wrong(at, "is of type \"stdio\" and needs a command")),
        (Some(_), _, _) => Err(wrong(
            &format!("{at}.type"),
            "must be \"stdio\" with a command, or \"sse\" or \"http\" with a url",
        )),
    }
}

/// The inputs an entry declares, and those beside the servers that it refers to.
fn inputs(
    members: &Map<String, Value>,
    slots: &[(Slot, String)],
    file: &File<'_>,
    at: &str,
) -> Result<Vec<Input>, CatalogueError> {
    let at = format!("{at}.inputs");
    let mut inputs = Input::list(members.get("inputs").unwrap_or(&Value::Null), &at)?;
    for input in &inputs {
        if !slots.iter().any(|(slot, _)| slot.input == input.name) {
            let reference = format!("${{input:{}}}", input.name);
            return Err(wrong(
                &format!("{at}.{}", input.name),
                &format!("is used nowhere; write {reference} where its value belongs"),
            ));
        }
    }
    for (slot, place) in slots {
        if inputs.iter().any(|input| input.name == slot.input) {
            continue;
        }
        let shared = Input::find(file.inputs, &slot.input)?;
        inputs.push(shared.ok_or_else(|| {
            let problem =
                "has an input that is declared nowhere; declare it in \"inputs\" of this server";
            wrong(place, problem)
        })?);
    }
    Ok(inputs)
}

pub(super) fn text(
    members: &Map<String, Value>,
    name: &str,
    at: &str,
) -> Result<Option<String>, CatalogueError> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_str()
            .map(|text| Some(text.to_owned()))
            .ok_or_else(|| wrong(&format!("{at}.{name}"), "must be a string")),
    }
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
