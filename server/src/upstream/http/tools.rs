//! Which arguments of a tool are to be repeated as headers: the annotation `x-mcp-header` of its input schema
//! (MCP 2026-07-28, basic/transports/streamable-http, custom headers from tool parameters).
//!
//! Owns the one edit that the specification demands of a result: tools with an invalid annotation are left out.

use std::collections::BTreeSet;
use std::collections::HashMap;

use footbridge_shared::rpc;
use reqwest::header::HeaderName;
use serde_json::Map;
use serde_json::Value;
use serde_json::value::RawValue;

use super::state::text_member;

const ANNOTATION: &str = "x-mcp-header";

/// Keywords whose values are data, not schemas.
const DATA: [&str; 5] = ["const", "default", "enum", "example", "examples"];

/// The annotated arguments of the tools that a server has listed.
#[derive(Debug, Default)]
pub(super) struct Tools(HashMap<String, Vec<Annotated>>);

/// An argument that is repeated as a header.
#[derive(Debug, PartialEq, Eq)]
struct Annotated {
    header: HeaderName,
    path: Vec<String>,
}

impl Tools {
    /// Learns from the result of `tools/list`; the result without the invalid tools, when it has any.
    pub(super) fn learn(&mut self, result: &str) -> Option<String> {
        if self.0.is_empty() && !result.contains(ANNOTATION) {
            return None;
        }
        let at = rpc::member(result, "tools")?;
        let tools: Vec<&RawValue> = serde_json::from_str(&result[at.clone()]).ok()?;
        let n_tools = tools.len();
        let kept: Vec<&str> = tools
            .into_iter()
            .map(RawValue::get)
            .filter(|tool| self.learn_tool(tool))
            .collect();
        (kept.len() < n_tools).then(|| {
            let mut edited = result.to_owned();
            edited.replace_range(at, &format!("[{}]", kept.join(",")));
            edited
        })
    }

    /// Whether the tool may be shown.
    fn learn_tool(&mut self, tool: &str) -> bool {
        let Some(name) = text_member(tool, "name") else {
            return true;
        };
        self.0.remove(&name);
        if !tool.contains(ANNOTATION) {
            return true;
        }
        let schema = rpc::member(tool, "inputSchema")
            .and_then(|at| serde_json::from_str::<Value>(&tool[at]).ok())
            .unwrap_or_default();
        match annotated(&schema) {
            Ok(annotated) => {
                if !annotated.is_empty() {
                    self.0.insert(name, annotated);
                }
                true
            }
            Err(problem) => {
                tracing::warn!(
                    tool = name,
                    problem,
                    "a tool is left out of tools/list: its x-mcp-header is invalid"
                );
                false
            }
        }
    }

    /// The headers of a call, by the params of its `tools/call`.
    pub(super) fn headers<'a>(
        &'a self,
        tool: &str,
        params: &'a str,
    ) -> impl Iterator<Item = (HeaderName, String)> + 'a {
        let arguments = rpc::member(params, "arguments").map_or("{}", |at| &params[at]);
        self.0
            .get(tool)
            .into_iter()
            .flatten()
            .filter_map(move |annotated| {
                let value = annotated.path.iter().try_fold(arguments, |object, name| {
                    Some(&object[rpc::member(object, name)?])
                })?;
                Some((annotated.header.clone(), spelled(value)?))
            })
    }
}

/// A JSON value as a header spells it; `None` for what no header carries.
fn spelled(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b't' | b'f' => Some(json.to_owned()),
        b'-' | b'0'..=b'9' => {
            let digits = json.strip_prefix('-').unwrap_or(json);
            if digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Some(json.to_owned());
            }
            let number: f64 = json.parse().ok()?;
            (number.fract() == 0.0).then(|| format!("{number:.0}"))
        }
        _ => None,
    }
}

/// The annotations of an input schema, or why they are invalid.
fn annotated(schema: &Value) -> Result<Vec<Annotated>, &'static str> {
    let mut found = Vec::new();
    if let Value::Object(root) = schema {
        if root.contains_key(ANNOTATION) {
            return Err("it stands at the root of the schema");
        }
        walk(root, &mut Vec::new(), &mut found)?;
    }
    let names: BTreeSet<&str> = found
        .iter()
        .map(|annotated| annotated.header.as_str())
        .collect();
    if names.len() < found.len() {
        return Err("two arguments have the same header");
    }
    Ok(found)
}

fn walk(
    schema: &Map<String, Value>,
    path: &mut Vec<String>,
    found: &mut Vec<Annotated>,
) -> Result<(), &'static str> {
    for (keyword, value) in schema {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                for (name, property) in properties {
                    let Value::Object(property) = property else {
                        continue;
                    };
                    path.push(name.clone());
                    if let Some(header) = property.get(ANNOTATION) {
                        found.push(Annotated {
                            header: header_of(header, property)?,
                            path: path.clone(),
                        });
                    }
                    walk(property, path, found)?;
                    path.pop();
                }
            }
            (ANNOTATION, _) => {}
            (keyword, _) if DATA.contains(&keyword) => {}
            (_, value) if has_annotation(value) => {
                return Err("it stands where an argument cannot be found by its path");
            }
            _ => {}
        }
    }
    Ok(())
}

fn has_annotation(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| {
            name == ANNOTATION || (!DATA.contains(&name.as_str()) && has_annotation(value))
        }),
        Value::Array(items) => items.iter().any(has_annotation),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn header_of(name: &Value, property: &Map<String, Value>) -> Result<HeaderName, &'static str> {
    let name = name.as_str().ok_or("it is not a string")?;
    if name.is_empty() {
        return Err("it is empty");
    }
    let kind = property
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !matches!(kind, "string" | "integer" | "boolean") {
        return Err("the argument is not a string, an integer or a boolean");
    }
    HeaderName::try_from(format!("mcp-param-{name}")).map_err(|_| "it is not a valid header name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(schemas: &[&str]) -> String {
        let tools: Vec<String> = schemas
            .iter()
            .enumerate()
            .map(|(index, schema)| format!(r#"{{ "name":"t{index}","inputSchema":{schema}}}"#))
            .collect();
        format!(r#"{{"ttlMs": 1.0,"tools":[{}],"x":1E5}}"#, tools.join(","))
    }

    #[test]
    fn arguments_are_found_by_their_path_and_spelled() {
        let mut tools = Tools::default();
        let result = list(&[
            r#"{"properties":{"region":{"type":"string","x-mcp-header":"Region"},"n":{"type":"integer","x-mcp-header":"N"},"deep":{"type":"object","properties":{"on":{"type":"boolean","x-mcp-header":"on"}}},"no":{"type":"string","x-mcp-header":"No"}}}"#,
        ]);
        assert_eq!(tools.learn(&result), None);
        let params = r#"{"name":"t0","arguments":{"region":"eu\u002dwest","n":123456789012345678901,"deep":{"on":true},"no":null}}"#;
        let mut headers: Vec<(String, String)> = tools
            .headers("t0", params)
            .map(|(name, value)| (name.to_string(), value))
            .collect();
        headers.sort();
        let expected = [
            ("mcp-param-n", "123456789012345678901"),
            ("mcp-param-on", "true"),
            ("mcp-param-region", "eu-west"),
        ];
        let expected: Vec<(String, String)> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(headers, expected);
        assert_eq!(tools.headers("other", params).count(), 0);
        assert_eq!(tools.headers("t0", "{}").count(), 0);
        assert_eq!(spelled("5.0").as_deref(), Some("5"));
        assert_eq!(spelled("5.5"), None);
    }

    #[test]
    fn a_tool_with_an_invalid_annotation_is_left_out_and_every_other_byte_stays() {
        for invalid in [
            r#"{"properties":{"a":{"type":"string","x-mcp-header":""}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":"a b"}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":7}}}"#,
            r#"{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}"#,
            r#"{"properties":{"a":{"type":"object","x-mcp-header":"A"}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}"#,
            r#"{"properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}}"#,
            r#"{"oneOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}"#,
            r#"{"$defs":{"d":{"type":"string","x-mcp-header":"A"}}}"#,
            r#"{"x-mcp-header":"A"}"#,
        ] {
            let valid = r#"{"properties":{"a":{"type":"string","x-mcp-header":"Ok"}}}"#;
            let mut tools = Tools::default();
            let result = list(&[valid, invalid]);
            assert_eq!(tools.learn(&result), Some(list(&[valid])), "{invalid}");
        }
    }

    #[test]
    fn what_only_looks_like_an_annotation_is_left_alone() {
        for schema in [
            r#"{"properties":{"x-mcp-header":{"type":"object"}}}"#,
            r#"{"properties":{"a":{"type":"object","default":{"x-mcp-header":1}}}}"#,
            r#"{"description":"x-mcp-header"}"#,
        ] {
            assert_eq!(Tools::default().learn(&list(&[schema])), None, "{schema}");
        }
    }
}
