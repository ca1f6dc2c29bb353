//! JSON that stays text: the members of an object, each unopened, and objects written from such texts.
//! Owns every use of a parser here. One reader and one writer for all shapes, because each shape
//! with a parser of its own would add kilobytes to what a page downloads.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object, in order. The values are JSON text and borrow from the whole.
#[derive(Debug)]
pub(crate) struct Members<'a>(Vec<(String, &'a str)>);

impl<'a> Members<'a> {
    /// Reads an object; `None` when `text` is not one.
    pub(crate) fn decode(text: &'a str) -> Option<Self> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(String, &'de str)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((name, value.get()));
                }
                Ok(members)
            }
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let members = reader.deserialize_map(Object).ok()?;
        reader.end().ok()?;
        Some(Self(members))
    }

    /// A member's JSON text. The last of a repeated name counts, as in `JSON.parse`.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.0.iter().rfind(|(member, _)| member == name);
        found.map(|(_, value)| *value)
    }

    /// A member that is there and not null.
    pub(crate) fn some(&self, name: &str) -> Option<&'a str> {
        self.get(name).filter(|value| *value != "null")
    }

    /// A member that is a string.
    pub(crate) fn string(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?).ok()
    }
}

/// An object that is being written.
#[derive(Debug)]
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Self(String::from("{"))
    }

    /// The start of every JSON-RPC message.
    pub(crate) fn message() -> Self {
        Self::new().raw("jsonrpc", "\"2.0\"")
    }

    /// Adds a member whose value is JSON already.
    pub(crate) fn raw(mut self, name: &str, value: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&quoted(name));
        self.0.push(':');
        self.0.push_str(value);
        self
    }

    /// Adds a string.
    pub(crate) fn string(self, name: &str, value: &str) -> Self {
        self.raw(name, &quoted(value))
    }

    /// Adds a member whose value is JSON already, when there is one.
    pub(crate) fn maybe_raw(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.raw(name, value),
            None => self,
        }
    }

    /// Adds a string, when there is one.
    pub(crate) fn maybe_string(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.string(name, value),
            None => self,
        }
    }

    /// The object's text.
    pub(crate) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Whether `text` is JSON, of whatever kind.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

fn quoted(text: &str) -> String {
    // A string can always be written as JSON.
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_the_text_they_came_in() {
        let members = Members::decode(r#" {"a": 1.50 ,"b\n":{"c": [ ]},"a":"x\u00e9"} "#).unwrap();
        assert_eq!(members.get("b\n"), Some(r#"{"c": [ ]}"#));
        assert_eq!(members.string("a").as_deref(), Some("xé"));
        assert_eq!(members.get("c"), None);
    }

    #[test]
    fn only_an_object_has_members() {
        for text in [
            "",
            "[]",
            "1",
            "null",
            "{",
            "{} {}",
            r#"{"a":}"#,
            r#"{"a":1,}"#,
        ] {
            assert!(Members::decode(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let text = Object::message()
            .raw("id", "7")
            .string("quote\"d", "line\nbreak")
            .maybe_string("absent", None)
            .finish();
        assert_eq!(text, r#"{"jsonrpc":"2.0","id":7,"quote\"d":"line\nbreak"}"#);
    }
}
