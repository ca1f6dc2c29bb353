//! What a caller gives for the inputs of a server: which values are taken, and where they go.
//!
//! Owns the one place where a caller's text becomes part of a command or a request. Never repeats a value.

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::Secret;
use footbridge_shared::params::Secrets;
use footbridge_shared::params::ServerParams;

use crate::catalogue::CatalogueEntry;
use crate::catalogue::Place;
use crate::catalogue::Slot;
use crate::egress::headers;

/// The params of an entry with a caller's values in their places, and the values. An optional input without one takes
/// its argument, variable or header away.
pub(super) fn fill(
    entry: &CatalogueEntry,
    given: &Secrets,
    token: Option<&Secret>,
) -> Result<(ServerParams, Secrets), Fault> {
    let values = values(entry, given, token)?;
    let mut params = entry.params.clone();
    let mut secrets = params.secrets().clone();
    let mut without = Vec::new();
    for Slot { input, place } in &entry.slots {
        match (place, values.get(input)) {
            (Place::Arg(index), None) => without.push(*index),
            (Place::Arg(index), Some(value)) => {
                check_argument(entry, input, value)?;
                if let ServerParams::Stdio(stdio) = &mut params
                    && let Some(arg) = stdio.args.get_mut(*index)
                {
                    value.expose().clone_into(arg);
                }
            }
            (Place::Secret(name), None) => {
                secrets.remove(name);
            }
            (Place::Secret(name), Some(value)) => {
                if !matches!(params, ServerParams::Stdio(_)) {
                    headers::check_value(value.expose())
                        .map_err(|problem| wrong(input, problem))?;
                }
                let before = secrets.get(name).map(Secret::expose).unwrap_or_default();
                let whole = Secret::new(format!("{before}{}", value.expose()));
                secrets.insert(name.clone(), whole);
            }
        }
    }
    if let ServerParams::Stdio(stdio) = &mut params {
        let mut index = 0;
        stdio.args.retain(|_| {
            index += 1;
            !without.contains(&(index - 1))
        });
    }
    Ok((params.with_secrets(secrets), values))
}

/// The value of each input that has one.
fn values(
    entry: &CatalogueEntry,
    given: &Secrets,
    token: Option<&Secret>,
) -> Result<Secrets, Fault> {
    if let Some(unknown) = given
        .keys()
        .find(|name| !entry.inputs.iter().any(|input| input.name == **name))
    {
        let names: Vec<&str> = entry.inputs.iter().map(|input| &*input.name).collect();
        let hint = if names.is_empty() {
            "It asks for nothing: leave `inputs` out.".to_owned()
        } else {
            format!("It asks for: {}.", names.join(", "))
        };
        return Err(wrong(unknown, "is not an input of this server").hint(hint));
    }
    let mut values = Secrets::new();
    for input in &entry.inputs {
        // A form sends an empty text for what was left empty.
        let own = given
            .get(&input.name)
            .filter(|own| !own.expose().is_empty());
        let Some(value) = own.or(input.default()) else {
            if input.required {
                return Err(wrong(&input.name, "is required"));
            }
            continue;
        };
        input
            .check(value)
            .map_err(|problem| wrong(&input.name, &problem))?;
        if token.is_some_and(|token| value.expose().contains(token.expose())) {
            return Err(wrong(
                &input.name,
                "holds the token of this bridge, which is given to nobody",
            ));
        }
        values.insert(input.name.clone(), value.clone());
    }
    Ok(values)
}

/// A caller's argument must not become an option of the program.
fn check_argument(entry: &CatalogueEntry, name: &str, value: &Secret) -> Result<(), Fault> {
    let is_free = entry
        .inputs
        .iter()
        .any(|input| input.name == name && (input.allow_dash || input.is_written(value)));
    if is_free || !value.expose().starts_with('-') {
        return Ok(());
    }
    Err(wrong(
        name,
        "must not begin with a hyphen: it is an argument of a program",
    ))
}

fn wrong(input: &str, problem: &str) -> Fault {
    let field = format!("server_params.inputs.{input}");
    Fault::new(FaultCode::InvalidField, format!("{field} {problem}.")).field(field)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::catalogue::Catalogue;

    fn entry(members: &str) -> CatalogueEntry {
        let text = format!(r#"{{"mcpServers": {{"x": {{{members}}}}}}}"#);
        let catalogue = Catalogue::parse(&text, Path::new("/bin/footbridge")).unwrap();
        catalogue.get("x").unwrap().clone()
    }

    fn given(values: &[(&str, &str)]) -> Secrets {
        values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)))
            .collect()
    }

    fn fill_args(members: &str, values: &[(&str, &str)]) -> Result<Vec<String>, Fault> {
        let (ServerParams::Stdio(stdio), _) = fill(&entry(members), &given(values), None)? else {
            panic!("a command");
        };
        Ok(stdio.args)
    }

    const ROOT: &str =
        r#""command": "fs", "args": ["--root", "${input:root}", "-v"], "inputs": {"root": {}}"#;

    #[test]
    fn whatever_a_value_holds_it_is_one_argument() {
        for value in [
            "/srv",
            "a b",
            "; rm -rf /",
            "$(id)",
            "`id`",
            "${input:root}",
            "${HOME}",
            "'\"",
            "a -x",
            "é",
        ] {
            let args = fill_args(ROOT, &[("root", value)]).unwrap();
            assert_eq!(args, ["--root", value, "-v"]);
        }
    }

    #[test]
    fn a_value_that_is_not_taken_is_named_by_its_input_and_not_repeated() {
        let strict = r#""command": "fs", "args": ["${input:root}"], "inputs": {"root": {"pattern": "/srv/[a-z]+"}}"#;
        for (members, name, value, part) in [
            (ROOT, "root", "--s3cret", "must not begin with a hyphen"),
            (ROOT, "root", "-", "must not begin with a hyphen"),
            (ROOT, "root", "s3cret\n", "no control characters"),
            (ROOT, "root", "", "is required"),
            (ROOT, "toor", "s3cret", "is not an input of this server"),
            (
                strict,
                "root",
                "/srv/s3cret",
                "must match the pattern /srv/[a-z]+",
            ),
            (strict, "root", "/srv/a/../s3cret", "must match the pattern"),
        ] {
            let fault = fill_args(members, &[(name, value)]).unwrap_err();
            assert_eq!(fault.code, FaultCode::InvalidField);
            assert_eq!(fault.field, Some(format!("server_params.inputs.{name}")));
            assert!(fault.message.contains(part), "{}", fault.message);
            assert!(!format!("{fault:?}").contains("s3cret"), "{fault:?}");
        }
        let hint = fill_args(ROOT, &[("toor", "x")]).unwrap_err().hint;
        assert_eq!(hint.as_deref(), Some("It asks for: root."));
    }

    #[test]
    fn a_hyphen_is_for_those_whom_the_operator_lets_have_it() {
        let members = |input: &str| {
            format!(
                r#""command": "fs", "args": ["${{input:mode}}"], "inputs": {{"mode": {{{input}}}}}"#
            )
        };
        for (input, values, expected) in [
            (r#""allow_dash": true"#, vec![("mode", "-x")], "-x"),
            (r#""options": ["-r", "-w"]"#, vec![("mode", "-w")], "-w"),
            (r#""default": "--all""#, vec![], "--all"),
            (r#""default": "--all""#, vec![("mode", "--all")], "--all"),
        ] {
            assert_eq!(
                fill_args(&members(input), &values).unwrap(),
                [expected],
                "{input}"
            );
        }
        assert!(fill_args(&members(r#""default": "--all""#), &[("mode", "--none")]).is_err());
    }

    #[test]
    fn a_default_is_as_secret_as_what_a_caller_gives() {
        let members = r#""command": "fs", "args": ["${input:key}"], "inputs": {"key": {"default": "k3y", "secret": true}}"#;
        let (_, used) = fill(&entry(members), &Secrets::new(), None).unwrap();
        assert_eq!(used["key"].expose(), "k3y");
    }

    #[test]
    fn what_is_optional_and_not_given_leaves_nothing_behind() {
        let members = r#""command": "fs", "args": ["a", "${input:x}", "b", "${input:x}"],
            "env": {"X": "${input:x}", "Y": "y"}, "inputs": {"x": {"required": false}}"#;
        for values in [&[] as &[(&str, &str)], &[("x", "")]] {
            let (params, used) = fill(&entry(members), &given(values), None).unwrap();
            assert!(used.is_empty());
            let ServerParams::Stdio(stdio) = params else {
                panic!("a command");
            };
            assert_eq!(stdio.args, ["a", "b"]);
            assert_eq!(stdio.env.keys().collect::<Vec<_>>(), ["Y"]);
        }
        let args = fill_args(members, &[("x", "1")]).unwrap();
        assert_eq!(args, ["a", "1", "b", "1"]);
    }

    #[test]
    fn headers_and_variables_have_the_value_after_what_stands_before_it() {
        let far = r#""url": "https://a.example/mcp", "headers": {"Authorization": "Bearer ${input:key}"},
            "inputs": {"key": {"pattern": "(?s).+"}}"#;
        let (params, _) = fill(&entry(far), &given(&[("key", "k3y")]), None).unwrap();
        assert_eq!(params.secrets()["Authorization"].expose(), "Bearer k3y");
        for value in ["a\r\nHost: b", "a\nb", "é"] {
            let fault = fill(&entry(far), &given(&[("key", value)]), None).unwrap_err();
            assert_eq!(fault.field.as_deref(), Some("server_params.inputs.key"));
        }
        let token = Secret::new("0123456789abcdef");
        let own = given(&[("key", "x0123456789abcdef")]);
        let fault = fill(&entry(far), &own, Some(&token)).unwrap_err();
        assert!(fault.message.contains("holds the token"));
        assert!(!format!("{fault:?}").contains("0123456789abcdef"));

        let near = r#""command": "a", "env": {"LINES": "${input:key}"}, "inputs": {"key": {"pattern": "(?s).+"}}"#;
        let (params, _) = fill(&entry(near), &given(&[("key", "a\nb")]), None).unwrap();
        assert_eq!(params.secrets()["LINES"].expose(), "a\nb");
    }
}
