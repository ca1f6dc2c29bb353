//! References in the texts of the file: `${input:NAME}`, `${env:NAME}`, `${file:PATH}`, and those of other programs.
//!
//! Owns what each means. Never repeats a value, and never looks for references in what one stood for.

use std::fmt;
use std::path::Path;

use footbridge_shared::params::Secret;

/// The way out of every reference that cannot be followed.
const LITERAL: &str = "write `$${` for the characters themselves";

/// What is only known inside an editor.
const OF_EDITORS: [&str; 9] = [
    "workspaceFolder",
    "workspaceFolderBasename",
    "workspaceRoot",
    "file",
    "fileDirname",
    "cwd",
    "config",
    "command",
    "selectedText",
];

/// What a file of servers may refer to.
pub struct Surroundings<'a> {
    /// This binary, which is the server `demo`.
    pub program: &'a Path,
    /// A variable of the bridge's environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a file; an error is the end of a sentence, such as `cannot be read`.
    pub file: &'a dyn Fn(&str) -> Result<String, String>,
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Surroundings")
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// A text whose references have been followed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    /// The text before the first input; all of it when there is none.
    pub(super) text: String,
    /// The first input.
    pub(super) input: Option<String>,
    /// Whether anything follows that input.
    pub(super) is_followed: bool,
}

/// Follows the references of one entry.
pub(super) struct References<'a> {
    around: &'a Surroundings<'a>,
    /// What was found out: never shown.
    pub(super) secrets: Vec<Secret>,
}

/// What a reference stands for.
enum Meaning {
    Shown(String),
    Secret(String),
    Input(String),
}

impl<'a> References<'a> {
    pub(super) fn new(around: &'a Surroundings<'a>) -> Self {
        Self {
            around,
            secrets: Vec::new(),
        }
    }

    /// Follows the references in a text; an error is the end of a sentence.
    pub(super) fn resolve(&mut self, text: &str) -> Result<Resolved, String> {
        let mut resolved = Resolved {
            text: String::new(),
            input: None,
            is_followed: false,
        };
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                resolved.push(before);
                resolved.push("${");
                rest = after;
                continue;
            }
            resolved.push(before);
            let (reference, after) = after
                .split_once('}')
                .ok_or_else(|| format!("has a `${{` without its `}}`; {LITERAL}"))?;
            match self.meaning(reference)? {
                Meaning::Shown(text) => resolved.push(&text),
                Meaning::Secret(text) => {
                    resolved.push(&text);
                    self.secrets.push(Secret::new(text));
                }
                Meaning::Input(_) if resolved.input.is_some() => resolved.is_followed = true,
                Meaning::Input(name) => resolved.input = Some(name),
            }
            rest = after;
        }
        resolved.push(rest);
        Ok(resolved)
    }

    fn meaning(&self, reference: &str) -> Result<Meaning, String> {
        if let Some(name) = reference.strip_prefix("input:") {
            return Ok(Meaning::Input(name.to_owned()));
        }
        if let Some(path) = reference.strip_prefix("file:") {
            return match (self.around.file)(path) {
                Ok(text) => Ok(Meaning::Secret(text)),
                Err(problem) => Err(format!("refers to the file {path}, which {problem}")),
            };
        }
        match reference {
            "userHome" => return self.of_variable("HOME", None),
            "pathSeparator" | "/" => {
                return Ok(Meaning::Shown(std::path::MAIN_SEPARATOR_STR.to_owned()));
            }
            _ => {}
        }
        // `${file}` is an editor's; `${file:PATH}` was ours.
        let kind = reference.split(':').next().unwrap_or_default();
        if OF_EDITORS.contains(&kind) {
            return Err(format!(
                "refers to `${{{kind}}}`, which only an editor knows; write the text itself, or ${{env:NAME}}"
            ));
        }
        let variable = reference.strip_prefix("env:").unwrap_or(reference);
        let (name, default) = match variable.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (variable, None),
        };
        if is_variable_name(name) {
            return self.of_variable(name, default);
        }
        Err(format!("has a `${{…}}` that means nothing here; {LITERAL}"))
    }

    /// As in a shell, an empty variable gives way to a default.
    fn of_variable(&self, name: &str, default: Option<&str>) -> Result<Meaning, String> {
        let value = (self.around.variable)(name);
        match (value, default) {
            (Some(value), Some(default)) if value.is_empty() => {
                Ok(Meaning::Shown(default.to_owned()))
            }
            // Every child knows it, and messages without it would be riddles.
            (Some(value), _) if name == "HOME" => Ok(Meaning::Shown(value)),
            (Some(value), _) => Ok(Meaning::Secret(value)),
            (None, Some(default)) => Ok(Meaning::Shown(default.to_owned())),
            (None, None) => Err(format!(
                "refers to the variable {name}, which the bridge's environment does not have; set it, give a default \
                 with ${{{name}:-…}}, or {LITERAL}"
            )),
        }
    }
}

impl Resolved {
    fn push(&mut self, text: &str) {
        if self.input.is_none() {
            self.text.push_str(text);
        } else if !text.is_empty() {
            self.is_followed = true;
        }
    }
}

fn is_variable_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    name.bytes().next().is_some_and(is_letter)
        && name
            .bytes()
            .all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<(Resolved, usize), String> {
        let around = Surroundings {
            program: Path::new("/bin/footbridge"),
            variable: &|name| match name {
                "HOME" => Some("/home/me".to_owned()),
                "TOKEN" => Some("${env:HOME}".to_owned()),
                "EMPTY" => Some(String::new()),
                _ => None,
            },
            file: &|path| match path {
                "key.txt" => Ok("s3cret".to_owned()),
                _ => Err("cannot be read: not found".to_owned()),
            },
        };
        let mut references = References::new(&around);
        let resolved = references.resolve(text)?;
        Ok((resolved, references.secrets.len()))
    }

    #[test]
    fn each_reference_means_what_it_does_in_the_programs_that_know_it() {
        for (text, expected, n_secrets) in [
            ("", "", 0),
            ("plain $HOME $ {x} $", "plain $HOME $ {x} $", 0),
            ("${userHome}${/}x", "/home/me/x", 0),
            ("${HOME}/a:${env:HOME}", "/home/me/a:/home/me", 0),
            // What a reference stands for is not read again.
            ("<${env:TOKEN}>", "<${env:HOME}>", 1),
            ("${TOKEN}", "${env:HOME}", 1),
            ("${file:key.txt} ${file:key.txt}", "s3cret s3cret", 2),
            ("${NONE:-a b}${env:NONE:-}|", "a b|", 0),
            ("${EMPTY:-full}", "full", 0),
            ("${EMPTY}", "", 1),
            ("$${HOME} $${", "${HOME} ${", 0),
            ("$$HOME", "$$HOME", 0),
        ] {
            let (resolved, n) = resolve(text).unwrap();
            assert_eq!((resolved.text.as_str(), n), (expected, n_secrets), "{text}");
            assert_eq!(resolved.input, None, "{text}");
        }
    }

    #[test]
    fn an_input_is_told_with_what_stands_around_it() {
        for (text, before, input, is_followed) in [
            ("${input:a-b.c}", "", "a-b.c", false),
            ("Bearer ${input:a}", "Bearer ", "a", false),
            ("${HOME}${input:a}", "/home/me", "a", false),
            ("${input:a}/x", "", "a", true),
            ("${input:a}${input:b}", "", "a", true),
            ("${input:a}${env:EMPTY}", "", "a", false),
        ] {
            let (resolved, _) = resolve(text).unwrap();
            let expected = Resolved {
                text: before.to_owned(),
                input: Some(input.to_owned()),
                is_followed,
            };
            assert_eq!(resolved, expected, "{text}");
        }
    }

    #[test]
    fn a_reference_that_cannot_be_followed_is_told_with_the_way_out() {
        for (text, part) in [
            ("${NONE}", "the variable NONE"),
            ("${env:NONE}", "the variable NONE"),
            ("${file:other}", "the file other, which cannot be read"),
            ("${workspaceFolder}/x", "only an editor knows"),
            ("${workspaceFolder:a}", "only an editor knows"),
            ("${config:a.b}", "only an editor knows"),
            ("${file}", "only an editor knows"),
            ("${s3cret", "without its `}`"),
            ("${s3cret%x}", "means nothing here"),
            ("${}", "means nothing here"),
            ("${1}", "means nothing here"),
            ("${user_config.s3cret}", "means nothing here"),
        ] {
            let problem = resolve(text).unwrap_err();
            assert!(problem.contains(part), "{text}: {problem}");
            assert!(!problem.contains("s3cret"), "{problem}");
            let has_way_out = problem.contains("write") || problem.contains("cannot be read");
            assert!(has_way_out, "{problem}");
        }
    }
}
