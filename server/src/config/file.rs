//! The configuration file: TOML whose keys are the names of the settings.
//!
//! Owns the reading of that file and the sentences that say which key is wrong. Never repeats a value: it may be a
//! secret.

use std::any::TypeId;
use std::path::Path;

use clap::ArgAction;
use clap::CommandFactory;

use crate::config::Limits;
use crate::config::error::ConfigError;
use crate::config::error::suggestion;
use crate::config::settings::Flags;
use crate::config::settings::Settings;

impl Settings {
    /// What the file named by `--config` says, with these settings over it.
    ///
    /// # Errors
    /// A sentence when the file cannot be read, is not TOML, or holds a key that is unknown or of the wrong type.
    pub fn with_file(self) -> Result<Self, ConfigError> {
        let Some(path) = self.config.as_deref() else {
            return Ok(self);
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::unreadable("--config", path, &error))?;
        let file = Self::parse(&text, path)?;
        Ok(self.over(file))
    }

    /// Reads the text of a configuration file; `path` is for the sentences.
    ///
    /// # Errors
    /// A sentence when it is not TOML, or holds a key that is unknown or of the wrong type.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let wrong = |problem: String| ConfigError::new(format!("{}: {problem}.", path.display()));
        // The error's own text repeats the line, which may hold the token.
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            wrong(format!(
                "line {line} is not TOML: {}",
                one_line(error.message())
            ))
        })?;
        let flags = Flags::command();
        let keys = || {
            flags
                .get_arguments()
                .filter(|flag| flag.get_id() != "config")
        };
        for (key, value) in &table {
            if key == "limits" {
                let limits = value
                    .as_table()
                    .ok_or_else(|| wrong("`limits` must be a table".to_owned()))?;
                Limits::parse(limits)
                    .map_err(|error| ConfigError::new(format!("{}: {error}", path.display())))?;
                continue;
            }
            let Some(flag) = keys().find(|flag| flag.get_id() == key) else {
                let names = keys().map(|flag| flag.get_id().as_str());
                let near = suggestion(key, names.chain(["limits"]));
                return Err(wrong(format!("`{key}` is not a setting{near}")));
            };
            let alone = toml::Table::from_iter([(key.clone(), value.clone())]);
            if alone.try_into::<Self>().is_err() {
                return Err(wrong(format!("`{key}` must be {}", expected(flag))));
            }
        }
        table
            .try_into()
            .map_err(|error: toml::de::Error| wrong(one_line(error.message())))
    }
}

/// What the file must hold for a flag.
fn expected(flag: &clap::Arg) -> String {
    let words = flag.get_possible_values();
    if matches!(flag.get_action(), ArgAction::Append) {
        "a list of strings".to_owned()
    } else if flag
        .get_num_args()
        .is_some_and(|number| number.min_values() == 0)
    {
        "true or false".to_owned()
    } else if flag.get_value_parser().type_id() == TypeId::of::<u16>() {
        "a whole number from 0 to 65535".to_owned()
    } else if words.is_empty() {
        "a string".to_owned()
    } else {
        let names: Vec<String> = words
            .iter()
            .map(|word| format!("{:?}", word.get_name()))
            .collect();
        names.join(" or ")
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(text, Path::new("footbridge.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_wrong_key_is_named_and_its_value_is_not_repeated() {
        for (text, sentence) in [
            (
                "listne = \"127.0.0.1:1\"",
                "footbridge.toml: `listne` is not a setting (did you mean \"listen\"?).",
            ),
            ("colour = 1", "footbridge.toml: `colour` is not a setting."),
            (
                "config = \"other.toml\"",
                "footbridge.toml: `config` is not a setting.",
            ),
            (
                "token = 1234567890123456",
                "footbridge.toml: `token` must be a string.",
            ),
            (
                "no_auth = \"yes\"",
                "footbridge.toml: `no_auth` must be true or false.",
            ),
            (
                "allow_origin = \"http://localhost\"",
                "footbridge.toml: `allow_origin` must be a list of strings.",
            ),
            (
                "params_in_url = \"plain\"",
                "footbridge.toml: `params_in_url` must be \"signed\" or \"sealed\".",
            ),
            (
                "[limits]\nsessions = 0",
                "footbridge.toml: limits.sessions must be a whole number from 1 to 100000.",
            ),
            ("limits = 1", "footbridge.toml: `limits` must be a table."),
        ] {
            assert_eq!(parse(text).unwrap_err(), sentence, "{text}");
        }
    }

    #[test]
    fn a_line_that_is_not_toml_is_counted_and_not_repeated() {
        let sentence = parse("open = true\ntoken = s3cret-s3cret-s3cret\n").unwrap_err();
        assert!(
            sentence.starts_with("footbridge.toml: line 2 is not TOML: "),
            "{sentence}"
        );
        assert!(!sentence.contains("s3cret"), "{sentence}");
        assert_eq!(sentence.lines().count(), 1);
    }
}
