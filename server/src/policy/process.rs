//! What a caller may say of a process: arguments, variables, the directory it starts in.
//!
//! Owns the bounds on their number and size, the names of variables a caller may set, and the directories a caller
//! is held to. Never starts anything; of the disk it reads only where a path leads.

use std::path::Path;
use std::path::PathBuf;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::Secrets;
use footbridge_shared::params::StdioParams;

use super::wrong;
use crate::variables::OWN;

/// Arguments a caller may give; far more than a command line has that a person wrote.
const ARGS: usize = 256;

/// Bytes a caller's argument or variable may have.
const TEXT_BYTES: usize = 8 * 1024;

/// Bytes all arguments, or all variables with their names, may have together.
const TOTAL_BYTES: usize = 64 * 1024;

/// Characters the name of a caller's variable may have.
const NAME_BYTES: usize = 128;

/// Accepts the command of a caller who may start any.
pub(super) fn check(stdio: &StdioParams) -> Result<(), Fault> {
    if stdio.args.len() > ARGS {
        return Err(wrong("args", &format!("must have at most {ARGS} items")));
    }
    let mut total = stdio.command.len();
    for (index, arg) in stdio.args.iter().enumerate() {
        check_length(&format!("args[{index}]"), arg)?;
        total += arg.len();
    }
    check_total("args", total)?;
    check_variables(&stdio.env)?;
    check_length("command", &stdio.command)?;
    check_length("cwd", stdio.cwd.as_deref().unwrap_or_default())
}

fn check_variables(env: &Secrets) -> Result<(), Fault> {
    let mut total = 0;
    for (name, value) in env {
        if !is_variable_name(name) {
            return Err(wrong(
                "env",
                &format!(
                    "has the name {name:?}; a name has 1 to {NAME_BYTES} letters, digits or underscores and does not \
                     begin with a digit"
                ),
            ));
        }
        if name.to_ascii_uppercase().starts_with(OWN) {
            return Err(wrong(
                &format!("env.{name}"),
                &format!("must be left out: variables that begin with {OWN} are the bridge's own"),
            ));
        }
        check_length(&format!("env.{name}"), value.expose())?;
        total += name.len() + value.expose().len();
    }
    check_total("env", total)
}

/// Where a caller's command starts: what it asked for, with every link resolved, when that is in one of the `roots`.
/// Without roots it is as it was asked for; with them it is the first root when nothing was.
pub(super) fn directory(cwd: Option<&str>, roots: &[PathBuf]) -> Result<Option<String>, Fault> {
    let Some(first) = roots.first() else {
        return Ok(cwd.map(str::to_owned));
    };
    let directory = match cwd {
        None => Some(first.clone()),
        // Whether there is such a directory elsewhere is none of the caller's business.
        Some(cwd) => Path::new(cwd)
            .canonicalize()
            .ok()
            .filter(|directory| roots.iter().any(|root| directory.starts_with(root))),
    };
    let directory = directory.and_then(|directory| directory.into_os_string().into_string().ok());
    directory.map(Some).ok_or_else(|| {
        Fault::new(
            FaultCode::ParamsDenied,
            "server_params.cwd is not in a directory that this bridge starts programs in.",
        )
        .field("server_params.cwd")
        .hint("Leave it out, or name a directory in one of those that --root gives.")
    })
}

fn is_variable_name(name: &str) -> bool {
    (1..=NAME_BYTES).contains(&name.len())
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn check_length(field: &str, text: &str) -> Result<(), Fault> {
    if text.len() <= TEXT_BYTES {
        return Ok(());
    }
    Err(wrong(
        field,
        &format!("must have at most {TEXT_BYTES} bytes"),
    ))
}

fn check_total(field: &str, bytes: usize) -> Result<(), Fault> {
    if bytes <= TOTAL_BYTES {
        return Ok(());
    }
    Err(wrong(
        field,
        &format!("must have at most {TOTAL_BYTES} bytes in all"),
    ))
}

#[cfg(test)]
mod tests {
    use footbridge_shared::params::ServerParams;

    use super::*;

    fn check_text(fields: &str) -> Result<(), Fault> {
        let text = format!(r#"{{"type":"StdioServerParams",{fields}}}"#);
        let params = serde_json::from_str(&text).unwrap();
        match ServerParams::from_json(&params, "server_params").unwrap() {
            ServerParams::Stdio(stdio) => check(&stdio),
            params @ (ServerParams::Named(_) | ServerParams::Sse(_) | ServerParams::Http(_)) => {
                panic!("{params:?}")
            }
        }
    }

    #[test]
    fn what_no_command_line_needs_is_refused_and_named() {
        let long = "x".repeat(TEXT_BYTES + 1);
        let full = "x".repeat(TEXT_BYTES);
        let many = |n: usize, item: &str| vec![format!("{item:?}"); n].join(",");
        let variables: Vec<String> = (0..9).map(|n| format!("\"V{n}\":{full:?}")).collect();
        let long_name = "N".repeat(NAME_BYTES + 1);
        for (fields, field) in [
            (r#""command":"a","env":{"":"x"}"#.to_owned(), "env"),
            (r#""command":"a","env":{"1A":"x"}"#.to_owned(), "env"),
            (r#""command":"a","env":{"A=B":"x"}"#.to_owned(), "env"),
            (r#""command":"a","env":{"Ä":"x"}"#.to_owned(), "env"),
            (
                format!(r#""command":"a","env":{{"{long_name}":""}}"#),
                "env",
            ),
            (format!(r#""command":"a","env":{{"A":"{long}"}}"#), "env.A"),
            (
                format!(r#""command":"a","env":{{{}}}"#, variables.join(",")),
                "env",
            ),
            (format!(r#""command":"a","args":["b","{long}"]"#), "args[1]"),
            (
                format!(r#""command":"a","args":[{}]"#, many(ARGS + 1, "b")),
                "args",
            ),
            (
                format!(r#""command":"a","args":[{}]"#, many(9, &full)),
                "args",
            ),
            (format!(r#""command":"{long}""#), "command"),
            (format!(r#""command":"a","cwd":"{long}""#), "cwd"),
        ] {
            let fault = check_text(&fields).unwrap_err();
            assert_eq!(fault.code, FaultCode::InvalidField);
            assert_eq!(fault.field, Some(format!("server_params.{field}")));
        }
        let most = format!(
            r#""command":"a","env":{{"{}":"{full}"}}"#,
            "N".repeat(NAME_BYTES)
        );
        assert!(check_text(&most).is_ok());
    }

    #[test]
    fn the_bridges_own_variables_cannot_be_set_and_those_of_programs_can() {
        for name in ["FOOTBRIDGE_MARK", "FOOTBRIDGE_TOKEN", "footbridge_x"] {
            let fields = format!(r#""command":"a","env":{{"{name}":"x"}}"#);
            let fault = check_text(&fields).unwrap_err();
            assert_eq!(fault.field, Some(format!("server_params.env.{name}")));
        }
        let fields =
            r#""command":"a","env":{"PATH":"/x","NODE_OPTIONS":"--inspect","MY_FOOTBRIDGE_X":"x"}"#;
        assert!(check_text(fields).is_ok());
    }

    #[test]
    fn a_directory_outside_the_roots_is_refused_whichever_way_it_is_named() {
        let folder = std::env::temp_dir().join(format!("footbridge-roots-{}", std::process::id()));
        let (inside, outside) = (folder.join("in/deep"), folder.join("in-not"));
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::create_dir_all(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, folder.join("in/link")).unwrap();
        std::os::unix::fs::symlink(&inside, folder.join("back")).unwrap();
        let root = folder.join("in").canonicalize().unwrap();
        let roots = [root.clone()];
        let ask = |below: &str| directory(folder.join(below).to_str(), &roots);
        let deep = root.join("deep").to_str().map(str::to_owned);
        for below in ["in/deep", "in/../in/deep/.", "back"] {
            assert_eq!(ask(below).unwrap(), deep, "{below}");
        }
        for below in ["in-not", "in/link", "in/../in-not", "in/no-such", "no-such"] {
            let fault = ask(below).unwrap_err();
            assert_eq!(fault.code, FaultCode::ParamsDenied, "{below}");
            assert_eq!(fault.field.as_deref(), Some("server_params.cwd"));
            assert!(!fault.message.contains("footbridge-roots"));
        }
        let first = directory(None, &roots).unwrap();
        assert_eq!(first.as_deref(), root.to_str());
        assert_eq!(
            directory(Some("/no/such"), &[]).unwrap().as_deref(),
            Some("/no/such")
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
