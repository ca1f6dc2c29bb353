//! JSON that stays text: the members of an object, each unopened, and objects written from such texts.
//! Owns every use of a parser here. Values are only ever cut out and passed on: reading numbers,
//! or every shape with a parser of its own, would add a fifth to what a page downloads.

use serde::de::IgnoredAny;

/// The members of an object, in order. The values are JSON text and borrow from the whole.
#[derive(Debug)]
pub(crate) struct Members<'a>(Vec<(String, &'a str)>);

impl<'a> Members<'a> {
    /// Reads an object; `None` when `text` is not one.
    pub(crate) fn decode(text: &'a str) -> Option<Self> {
        let mut members = Vec::new();
        let mut rest = text.trim_ascii().strip_prefix('{')?.trim_ascii_start();
        if rest == "}" {
            return Some(Self(members));
        }
        loop {
            let (name, after) = value(rest)?;
            let (value, after) = value(after.trim_ascii_start().strip_prefix(':')?)?;
            members.push((unquoted(name)?, value));
            rest = after.trim_ascii_start();
            if rest == "}" {
                return Some(Self(members));
            }
            rest = rest.strip_prefix(',')?;
        }
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
        unquoted(self.get(name)?)
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
    value(text).is_some_and(|(_, rest)| rest.trim_ascii().is_empty())
}

/// The first value of `text`, and what follows it.
fn value(text: &str) -> Option<(&str, &str)> {
    // Skipped, not read: that checks the value and stops at its end.
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    let (value, rest) = text.split_at_checked(values.byte_offset())?;
    Some((value.trim_ascii_start(), rest))
}

/// The string that `text`, a JSON value, stands for.
fn unquoted(text: &str) -> Option<String> {
    let text = text.strip_prefix('"')?.strip_suffix('"')?;
    if !text.contains('\\') {
        return Some(text.to_owned());
    }
    // UTF-16, as that is what `\u` escapes are written in.
    let mut units = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        let char = match char {
            '\\' => match chars.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let (digits, rest) = chars.as_str().split_at_checked(4)?;
                    units.push(u16::from_str_radix(digits, 16).ok()?);
                    chars = rest.chars();
                    continue;
                }
                escaped => escaped,
            },
            char => char,
        };
        units.extend_from_slice(char.encode_utf16(&mut [0; 2]));
    }
    Some(String::from_utf16_lossy(&units))
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
    fn every_escape_is_understood() {
        for (text, expected) in [
            (r#""plain é☕""#, "plain é☕"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""\u0041\u00e9\ud83d\ude00\u2615""#, "Aé😀☕"),
            (r#""half \ud83d alone""#, "half \u{fffd} alone"),
        ] {
            let members = format!("{{\"it\":{text}}}");
            let members = Members::decode(&members).unwrap();
            assert_eq!(members.string("it").as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn json_is_told_from_what_is_not() {
        assert!(is_json(" [1, {}] ") && !is_json("<html>") && !is_json(""));
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
