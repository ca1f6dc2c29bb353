//! The inputs of a server: what a caller is asked for, and which answers are taken.
//!
//! Owns the form of their declarations, ours and VS Code's. Never repeats an answer.

use footbridge_shared::api::CatalogueInput;
use footbridge_shared::params::Secret;
use regex::Regex;
use regex::RegexBuilder;
use serde_json::Map;
use serde_json::Value;

use super::CatalogueError;
use super::wrong;

/// Characters the name of an input may have.
const NAME_BYTES: usize = 64;

/// Bytes a value may have that no pattern speaks of.
const PLAIN_BYTES: usize = 4 * 1024;

/// Bytes a value may have at all.
const VALUE_BYTES: usize = 8 * 1024;

/// Bytes a compiled pattern may have.
const PATTERN_BYTES: usize = 1024 * 1024;

/// The members of a declaration. Any other is a slip that could take a check away.
const MEMBERS: [&str; 13] = [
    "name",
    "id",
    "type",
    "title",
    "description",
    "pattern",
    "default",
    "required",
    "secret",
    "password",
    "options",
    "allow_dash",
    "$comment",
];

/// Something that a caller is asked for.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its name, in `${input:NAME}` and in `server_params.inputs`.
    pub name: String,
    /// Whether a session needs it.
    pub required: bool,
    /// Whether its value may begin an argument with a hyphen.
    pub allow_dash: bool,
    title: Option<String>,
    description: Option<String>,
    default: Option<Secret>,
    is_secret: bool,
    rule: Rule,
}

/// Which values are taken.
#[derive(Clone, Debug)]
enum Rule {
    /// No control characters, and not too long.
    Plain,
    /// What this matches as a whole.
    Pattern { text: String, whole: Regex },
    /// One of these.
    Options(Vec<String>),
}

impl Input {
    /// Reads `inputs` of an entry: a list, or an object by name.
    pub(super) fn list(value: &Value, at: &str) -> Result<Vec<Self>, CatalogueError> {
        let mut inputs: Vec<Self> = Vec::new();
        match value {
            Value::Null => {}
            Value::Array(list) => {
                for (index, item) in list.iter().enumerate() {
                    inputs.push(Self::parse(item, None, &format!("{at}[{index}]"))?);
                }
            }
            Value::Object(members) => {
                for (name, item) in members {
                    inputs.push(Self::parse(item, Some(name), &format!("{at}.{name}"))?);
                }
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(wrong(at, "must be a list or an object of inputs"));
            }
        }
        for (index, input) in inputs.iter().enumerate() {
            if inputs[..index].iter().any(|other| other.name == input.name) {
                return Err(wrong(at, &format!("has {:?} twice", input.name)));
            }
        }
        Ok(inputs)
    }

    /// The declaration of a name in a list beside the servers, as VS Code writes it. The others are not looked at:
    /// they may be of kinds that mean nothing here.
    pub(super) fn find(list: Option<&Value>, name: &str) -> Result<Option<Self>, CatalogueError> {
        let items = list.and_then(Value::as_array).map(Vec::as_slice);
        let is_named = |item: &Value| item["id"] == name || item["name"] == name;
        let found = items
            .unwrap_or_default()
            .iter()
            .enumerate()
            .find(|(_, item)| is_named(item));
        found
            .map(|(index, item)| Self::parse(item, None, &format!("inputs[{index}]")))
            .transpose()
    }

    fn parse(value: &Value, name: Option<&str>, at: &str) -> Result<Self, CatalogueError> {
        let members = value
            .as_object()
            .ok_or_else(|| wrong(at, "must be an object"))?;
        if let Some(unknown) = members.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
            let known = MEMBERS[..MEMBERS.len() - 1].join(", ");
            return Err(wrong(
                &format!("{at}.{unknown}"),
                &format!("is no member of an input; there are {known}"),
            ));
        }
        let name = match name {
            Some(name) => name.to_owned(),
            None => match text(members, "name", at)? {
                Some(name) => name,
                None => text(members, "id", at)?.ok_or_else(|| wrong(at, "needs a name"))?,
            },
        };
        if !is_name(&name) {
            return Err(wrong(
                at,
                &format!(
                    "must have a name of 1 to {NAME_BYTES} letters, digits, dots, underscores or hyphens"
                ),
            ));
        }
        let rule = Rule::parse(members, at)?;
        let default = text(members, "default", at)?;
        let secret = flag(members, "secret", at)?;
        let input = Self {
            name,
            // Whoever gives nothing has the default.
            required: flag(members, "required", at)?.unwrap_or(default.is_none())
                && default.as_deref().unwrap_or_default().is_empty(),
            allow_dash: flag(members, "allow_dash", at)?.unwrap_or(false),
            title: text(members, "title", at)?,
            description: text(members, "description", at)?,
            default: default.filter(|text| !text.is_empty()).map(Secret::new),
            is_secret: secret.or(flag(members, "password", at)?).unwrap_or(false),
            rule,
        };
        if let Some(problem) = input
            .default
            .as_ref()
            .and_then(|default| input.check(default).err())
        {
            return Err(wrong(&format!("{at}.default"), &problem));
        }
        Ok(input)
    }

    /// The value of a caller that gave none.
    pub fn default(&self) -> Option<&Secret> {
        self.default.as_ref()
    }

    /// Whether a value was the operator's own idea.
    pub fn is_written(&self, value: &Secret) -> bool {
        self.default.as_ref() == Some(value) || matches!(self.rule, Rule::Options(_))
    }

    /// Whether a value is taken.
    ///
    /// # Errors
    /// What is expected: the end of a sentence that does not repeat the value.
    pub fn check(&self, value: &Secret) -> Result<(), String> {
        let value = value.expose();
        if value.contains('\0') {
            return Err("must not contain a NUL character".to_owned());
        }
        match &self.rule {
            Rule::Plain if value.len() > PLAIN_BYTES || value.contains(char::is_control) => Err(
                format!("must have at most {PLAIN_BYTES} bytes and no control characters"),
            ),
            Rule::Pattern { .. } if value.len() > VALUE_BYTES => {
                Err(format!("must have at most {VALUE_BYTES} bytes"))
            }
            Rule::Pattern { text, whole } if !whole.is_match(value) => {
                Err(format!("must match the pattern {text}"))
            }
            Rule::Options(options) if !options.iter().any(|option| option == value) => {
                Err(format!("must be one of: {}", options.join(", ")))
            }
            Rule::Plain | Rule::Pattern { .. } | Rule::Options(_) => Ok(()),
        }
    }

    /// The input as far as a browser may know it.
    pub(super) fn listing(&self) -> CatalogueInput {
        let (pattern, options) = match &self.rule {
            Rule::Plain => (None, Vec::new()),
            Rule::Pattern { text, .. } => (Some(text.clone()), Vec::new()),
            Rule::Options(options) => (None, options.clone()),
        };
        let shown = self.default.as_ref().filter(|_| !self.is_secret);
        CatalogueInput {
            name: self.name.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            required: self.required,
            secret: self.is_secret,
            pattern,
            options,
            default: shown.map(|default| default.expose().to_owned()),
        }
    }
}

impl Rule {
    fn parse(members: &Map<String, Value>, at: &str) -> Result<Self, CatalogueError> {
        let pattern = text(members, "pattern", at)?;
        let options = options(members, at)?;
        let kind = text(members, "type", at)?;
        match (kind.as_deref(), pattern, options) {
            (_, Some(_), Some(_)) => Err(wrong(at, "has both options and a pattern; keep one")),
            (Some("pickString"), _, None) => Err(wrong(at, "is a pickString and needs options")),
            (None | Some("promptString" | "pickString"), None, Some(options)) => {
                Ok(Self::Options(options))
            }
            (None | Some("promptString"), None, None) => Ok(Self::Plain),
            (None | Some("promptString"), Some(text), None) => {
                let at = format!("{at}.pattern");
                // By itself first: inside the anchors, `a)|(b` would be a pattern too.
                Regex::new(&text)
                    .map_err(|_| wrong(&at, "is no regular expression that can be read"))?;
                let whole = RegexBuilder::new(&format!(r"\A(?:{text})\z"))
                    .size_limit(PATTERN_BYTES)
                    .build()
                    .map_err(|_| wrong(&at, "is too large, or cannot be matched as a whole"))?;
                Ok(Self::Pattern { text, whole })
            }
            (Some(_), _, _) => Err(wrong(
                &format!("{at}.type"),
                "must be \"promptString\" or \"pickString\": the bridge runs no commands of an editor",
            )),
        }
    }
}

/// `options`: texts, or objects with a `value` as VS Code also has them.
fn options(members: &Map<String, Value>, at: &str) -> Result<Option<Vec<String>>, CatalogueError> {
    let at = format!("{at}.options");
    let items = match members.get("options") {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value
            .as_array()
            .filter(|items| !items.is_empty())
            .ok_or_else(|| wrong(&at, "must be a list of strings with at least one"))?,
    };
    let option = |(index, item): (usize, &Value)| {
        let text = item.as_str().or_else(|| item["value"].as_str());
        text.filter(|text| !text.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| {
                wrong(
                    &format!("{at}[{index}]"),
                    "must be a string that is not empty",
                )
            })
    };
    items
        .iter()
        .enumerate()
        .map(option)
        .collect::<Result<_, _>>()
        .map(Some)
}

fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn text(
    members: &Map<String, Value>,
    name: &str,
    at: &str,
) -> Result<Option<String>, CatalogueError> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(wrong(&format!("{at}.{name}"), "must be a string"))
        }
    }
}

fn flag(
    members: &Map<String, Value>,
    name: &str,
    at: &str,
) -> Result<Option<bool>, CatalogueError> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
            Err(wrong(&format!("{at}.{name}"), "must be true or false"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(declaration: &str) -> Result<Input, String> {
        let value = serde_json::from_str(declaration).unwrap();
        Input::parse(&value, Some("x"), "inputs.x").map_err(|error| error.to_string())
    }

    fn check(declaration: &str, value: &str) -> Result<(), String> {
        read(declaration).unwrap().check(&Secret::new(value))
    }

    #[test]
    fn a_value_is_matched_as_a_whole_and_never_repeated() {
        for (declaration, value, allowed) in [
            ("{}", "anything; rm -rf / $(id) 'x' é", true),
            ("{}", "two\nlines", false),
            ("{}", "\u{7f}", false),
            (r#"{"pattern": "[a-z]+"}"#, "abc", true),
            (r#"{"pattern": "[a-z]+"}"#, "abc\n", false),
            (r#"{"pattern": "[a-z]+"}"#, "abc;", false),
            (r#"{"pattern": "a|ab"}"#, "ab", true),
            (r#"{"pattern": "a|ab"}"#, "b", false),
            (r#"{"pattern": "^a$"}"#, "a", true),
            (r#"{"pattern": "(?m)^a$"}"#, "b\na", false),
            (r#"{"pattern": "(?s).*"}"#, "two\nlines", true),
            (r#"{"pattern": "(?s).*"}"#, "nul\0", false),
            (
                r#"{"options": ["a", {"value": "b", "label": "B"}]}"#,
                "b",
                true,
            ),
            (r#"{"options": ["a", "b"]}"#, "A", false),
        ] {
            let result = check(declaration, value);
            assert_eq!(result.is_ok(), allowed, "{declaration} {value:?}");
            if let Err(problem) = result {
                assert!(value.len() < 3 || !problem.contains(value), "{problem}");
            }
        }
        assert!(check("{}", &"x".repeat(PLAIN_BYTES)).is_ok());
        assert!(check("{}", &"x".repeat(PLAIN_BYTES + 1)).is_err());
        let all = r#"{"pattern": "(?s).*"}"#;
        assert!(check(all, &"x".repeat(VALUE_BYTES)).is_ok());
        assert!(check(all, &"x".repeat(VALUE_BYTES + 1)).is_err());
    }

    #[test]
    fn a_pattern_that_backtracking_would_choke_on_takes_no_time() {
        let value = format!("{}!", "a".repeat(PLAIN_BYTES));
        assert!(check(r#"{"pattern": "(a+)+(a|aa)+$"}"#, &value).is_err());
    }

    #[test]
    fn what_is_wrong_with_a_declaration_is_named() {
        for (declaration, sentence) in [
            ("[]", "inputs.x must be an object."),
            (r#"{"title": 1}"#, "inputs.x.title must be a string."),
            (
                r#"{"required": "no"}"#,
                "inputs.x.required must be true or false.",
            ),
            (
                r#"{"options": []}"#,
                "inputs.x.options must be a list of strings with at least one.",
            ),
            (
                r#"{"options": [1]}"#,
                "inputs.x.options[0] must be a string that is not empty.",
            ),
            (
                r#"{"pattern": "("}"#,
                "inputs.x.pattern is no regular expression that can be read.",
            ),
            (
                r#"{"pattern": "a)|(b"}"#,
                "inputs.x.pattern is no regular expression that can be read.",
            ),
            (
                r#"{"pattern": "(?x)a # b"}"#,
                "inputs.x.pattern is too large, or cannot be matched as a whole.",
            ),
            (
                r#"{"pattern": "(\\pL{1000}){100}"}"#,
                "inputs.x.pattern is no regular expression that can be read.",
            ),
            (
                r#"{"pattern": "a", "options": ["a"]}"#,
                "inputs.x has both options and a pattern; keep one.",
            ),
            (
                r#"{"type": "pickString"}"#,
                "inputs.x is a pickString and needs options.",
            ),
            (
                r#"{"type": "command"}"#,
                "inputs.x.type must be \"promptString\" or \"pickString\": the bridge runs no commands of an editor.",
            ),
            (
                r#"{"pattern": "a", "default": "s3cret"}"#,
                "inputs.x.default must match the pattern a.",
            ),
        ] {
            assert_eq!(read(declaration).unwrap_err(), sentence, "{declaration}");
        }
        let slip = read(r#"{"patern": "a"}"#).unwrap_err();
        assert!(
            slip.starts_with("inputs.x.patern is no member of an input"),
            "{slip}"
        );
        let value = serde_json::json!([{ "name": "a" }, { "id": "a" }]);
        let twice = Input::list(&value, "inputs").unwrap_err().to_string();
        assert_eq!(twice, "inputs has \"a\" twice.");
        for name in ["", "a b", "a}", "ä", &"x".repeat(NAME_BYTES + 1)] {
            let value = serde_json::json!({ name: {} });
            assert!(Input::list(&value, "inputs").is_err(), "{name}");
        }
    }

    #[test]
    fn a_secret_default_is_used_and_not_listed() {
        let shown = read(r#"{"default": "s3cret"}"#).unwrap();
        assert_eq!(shown.listing().default.as_deref(), Some("s3cret"));
        assert!(!shown.required);
        for word in ["secret", "password"] {
            let hidden = read(&format!(r#"{{"default": "s3cret", "{word}": true}}"#)).unwrap();
            assert!(hidden.listing().secret && hidden.listing().default.is_none());
            assert_eq!(hidden.default().map(Secret::expose), Some("s3cret"));
            assert!(!format!("{hidden:?}").contains("s3cret"));
        }
        assert!(read("{}").unwrap().required);
        assert!(!read(r#"{"required": false}"#).unwrap().required);
        let both = r#"{"required": true, "default": "a", "secret": true}"#;
        assert!(!read(both).unwrap().required, "a default is enough");
        let empty = r#"{"required": true, "default": ""}"#;
        assert!(read(empty).unwrap().required, "an empty one is none");
    }
}
