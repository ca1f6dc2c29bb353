//! How the sessions of one server are kept: its own limits and its sandbox.
//!
//! Owns the form of these members. Never judges whether a limit or a level is possible.

use std::path::Path;
use std::path::PathBuf;

use footbridge_shared::params::ServerParams;
use serde_json::Map;
use serde_json::Value;

use super::CatalogueError;
use super::entry::text;
use super::wrong;
use crate::sandbox::SandboxLevel;
use crate::sandbox::SandboxOptions;
use crate::sandbox::UnknownLevel;

pub(super) fn limits(
    members: &Map<String, Value>,
    at: &str,
) -> Result<Vec<(String, f64)>, CatalogueError> {
    let at = format!("{at}.limits");
    let limits = match members.get("limits") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(value) => value
            .as_object()
            .ok_or_else(|| wrong(&at, "must be an object of numbers"))?,
    };
    let limit = |(name, value): (&String, &Value)| {
        let number = value
            .as_f64()
            .ok_or_else(|| wrong(&format!("{at}.{name}"), "must be a number"))?;
        Ok((name.clone(), number))
    };
    limits.iter().map(limit).collect()
}

pub(super) fn sandbox(
    members: &Map<String, Value>,
    params: &ServerParams,
    at: &str,
) -> Result<(Option<SandboxLevel>, SandboxOptions), CatalogueError> {
    let level_at = format!("{at}.sandbox");
    let level = text(members, "sandbox", at)?
        .map(|name| {
            name.parse()
                .map_err(|problem: UnknownLevel| wrong(&level_at, &problem.to_string()))
        })
        .transpose()?;
    let options = sandbox_options(members, &format!("{at}.sandbox_options"))?;
    let is_process = matches!(params, ServerParams::Stdio(_));
    if !is_process && (level.is_some() || options.is_some()) {
        return Err(wrong(
            &level_at,
            "is for servers with a command; this one has a url",
        ));
    }
    Ok((level, options.unwrap_or_default()))
}

fn sandbox_options(
    members: &Map<String, Value>,
    at: &str,
) -> Result<Option<SandboxOptions>, CatalogueError> {
    let given = match members.get("sandbox_options") {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value
            .as_object()
            .ok_or_else(|| wrong(at, "must be an object"))?,
    };
    let mut options = SandboxOptions::default();
    for (name, value) in given {
        let at = format!("{at}.{name}");
        match name.as_str() {
            "network" => {
                let allowed = value.as_bool();
                options.network = Some(allowed.ok_or_else(|| wrong(&at, "must be true or false"))?);
            }
            "writable" => {
                let paths = value
                    .as_array()
                    .ok_or_else(|| wrong(&at, "must be a list of absolute paths"))?;
                for (index, path) in paths.iter().enumerate() {
                    let absolute = path.as_str().filter(|path| Path::new(path).is_absolute());
                    options.writable.push(PathBuf::from(absolute.ok_or_else(|| {
                        wrong(&format!("{at}[{index}]"), "must be an absolute path")
                    })?));
                }
            }
            _ => {
                return Err(wrong(
                    &at,
                    "is no option of the sandbox; there are writable and network",
                ));
            }
        }
    }
    Ok(Some(options))
}
