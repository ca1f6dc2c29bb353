//! Where an MCP server is and how to reach it: the server params of `POST connect`.
//!
//! Owns their fields, defaults and the sentences that say which one is wrong.
//! Never prints a secret: values of `env` and `headers` are [`Secret`].

use std::collections::BTreeMap;

use serde_json::Map;
use serde_json::Value;

pub use crate::secret::Secret;
pub use crate::secret::wipe;

/// Named secret values: environment variables or HTTP headers.
pub type Secrets = BTreeMap<String, Secret>;

/// What a browser asks to reach, as it came in.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerParams {
    /// A server of the bridge's catalogue.
    Named(NamedServer),
    /// A process that speaks MCP on its standard input and output.
    Stdio(StdioParams),
    /// A server of the HTTP+SSE transport (MCP 2024-11-05).
    Sse(SseParams),
    /// A server of the Streamable HTTP transport.
    Http(HttpParams),
}

/// A server of the bridge's catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedServer {
    /// Its name in the catalogue.
    pub server: String,
    /// Values for the inputs that the catalogue declares.
    pub inputs: Secrets,
}

/// What to do with bytes on standard output that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum EncodingErrors {
    /// The line is skipped and logged.
    #[default]
    Strict,
    /// The bytes are left out.
    Ignore,
    /// The bytes become U+FFFD.
    Replace,
}

/// A process that speaks MCP on its standard input and output.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct StdioParams {
    /// The program: a path, or a name looked up on the bridge's `PATH`.
    pub command: String,
    /// Its arguments, each passed whole; no shell sees them.
    pub args: Vec<String>,
    /// Environment variables in addition to the few that are inherited.
    pub env: Secrets,
    /// The working directory; absent: the bridge's.
    pub cwd: Option<String>,
    /// What to do with bytes that are not UTF-8.
    pub encoding_errors: EncodingErrors,
}

/// A server of the HTTP+SSE transport.
#[derive(Clone, Debug, PartialEq)]
pub struct SseParams {
    /// The URL of the event stream.
    pub url: String,
    /// Headers to send with every request.
    pub headers: Secrets,
    /// Seconds to connect and to post; default 5.
    pub timeout: f64,
    /// Seconds without any event until the stream counts as dead; default 300.
    pub sse_read_timeout: f64,
}

/// A server of the Streamable HTTP transport.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpParams {
    /// The MCP endpoint.
    pub url: String,
    /// Headers to send with every request.
    pub headers: Secrets,
    /// Seconds to connect and to post; default 30.
    pub timeout: f64,
    /// Seconds without any event until a stream counts as dead; default 300.
    pub sse_read_timeout: f64,
    /// Whether to end the upstream session with a `DELETE`; default true.
    pub terminate_on_close: bool,
}

/// Which field of the server params is wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct ParamsError {
    /// Path of the field, such as `server_params.args[1]`.
    pub field: String,
    /// What is wrong with it: the rest of a sentence that begins with the field.
    pub problem: String,
}

/// Whether [`ServerParams::to_json`] writes secret values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretValues {
    /// As they are: only for a sealed ticket.
    Exposed,
    /// As empty strings: names stay visible.
    Blanked,
}

impl ServerParams {
    /// Reads server params. Unknown fields are ignored; `null` counts as absent.
    ///
    /// # Errors
    /// [`ParamsError`] names the first field that is wrong, with `at` (such as `server_params`) as its path.
    pub fn from_json(value: &Value, at: &str) -> Result<Self, ParamsError> {
        let fields = Fields::of(value, at)?;
        match fields.required_text("type")?.as_str() {
            "named" => Ok(Self::Named(NamedServer { server: fields.required_text("server")?, inputs: fields.secrets("inputs")? })),
            "StdioServerParams" => Ok(Self::Stdio(StdioParams {
                command: fields.required_text("command")?,
                args: fields.texts("args")?,
                env: fields.secrets("env")?,
                cwd: fields.text("cwd")?.filter(|cwd| !cwd.is_empty()),
                encoding_errors: fields.encoding_errors()?,
            })),
            "SseServerParams" => Ok(Self::Sse(SseParams {
                url: fields.required_text("url")?,
                headers: fields.secrets("headers")?,
                timeout: fields.seconds("timeout", 5.0)?,
                sse_read_timeout: fields.seconds("sse_read_timeout", 300.0)?,
            })),
            "StreamableHttpServerParams" => Ok(Self::Http(HttpParams {
                url: fields.required_text("url")?,
                headers: fields.secrets("headers")?,
                timeout: fields.seconds("timeout", 30.0)?,
                sse_read_timeout: fields.seconds("sse_read_timeout", 300.0)?,
                terminate_on_close: fields.flag("terminate_on_close", true)?,
            })),
            _ => Err(fields.wrong(
                "type",
                "must be \"StdioServerParams\", \"SseServerParams\", \"StreamableHttpServerParams\" or \"named\"",
            )),
        }
    }

    /// Writes the params as [`Self::from_json`] reads them.
    pub fn to_json(&self, values: SecretValues) -> Value {
        let secrets = |secrets: &Secrets| -> Value {
            let text = |secret: &Secret| match values {
                SecretValues::Exposed => secret.expose().to_owned(),
                SecretValues::Blanked => String::new(),
            };
            secrets
                .iter()
                .map(|(name, secret)| (name.clone(), Value::from(text(secret))))
                .collect::<Map<_, _>>()
                .into()
        };
        match self {
            Self::Named(named) => serde_json::json!({
                "type": "named", "server": named.server, "inputs": secrets(&named.inputs),
            }),
            Self::Stdio(stdio) => serde_json::json!({
                "type": "StdioServerParams", "command": stdio.command, "args": stdio.args,
                "env": secrets(&stdio.env), "cwd": stdio.cwd,
                "encoding_error_handler": match stdio.encoding_errors {
                    EncodingErrors::Strict => "strict",
                    EncodingErrors::Ignore => "ignore",
                    EncodingErrors::Replace => "replace",
                },
            }),
            Self::Sse(sse) => serde_json::json!({
                "type": "SseServerParams", "url": sse.url, "headers": secrets(&sse.headers),
                "timeout": sse.timeout, "sse_read_timeout": sse.sse_read_timeout,
            }),
            Self::Http(http) => serde_json::json!({
                "type": "StreamableHttpServerParams", "url": http.url, "headers": secrets(&http.headers),
                "timeout": http.timeout, "sse_read_timeout": http.sse_read_timeout,
                "terminate_on_close": http.terminate_on_close,
            }),
        }
    }

    /// The secret values: `env`, `headers` or `inputs`.
    pub fn secrets(&self) -> &Secrets {
        match self {
            Self::Named(named) => &named.inputs,
            Self::Stdio(stdio) => &stdio.env,
            Self::Sse(sse) => &sse.headers,
            Self::Http(http) => &http.headers,
        }
    }

    /// The same params with other secret values.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Secrets) -> Self {
        match &mut self {
            Self::Named(named) => named.inputs = secrets,
            Self::Stdio(stdio) => stdio.env = secrets,
            Self::Sse(sse) => sse.headers = secrets,
            Self::Http(http) => http.headers = secrets,
        }
        self
    }
}

/// A JSON object whose fields are read by name and type.
struct Fields<'a> {
    object: &'a Map<String, Value>,
    at: &'a str,
}

impl<'a> Fields<'a> {
    fn of(value: &'a Value, at: &'a str) -> Result<Self, ParamsError> {
        match value {
            Value::Object(object) => Ok(Self { object, at }),
            Value::Null => Err(ParamsError {
                field: at.to_owned(),
                problem: "is required".to_owned(),
            }),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(ParamsError {
                    field: at.to_owned(),
                    problem: "must be an object".to_owned(),
                })
            }
        }
    }

    fn wrong(&self, name: &str, problem: &str) -> ParamsError {
        ParamsError {
            field: format!("{}.{name}", self.at),
            problem: problem.to_owned(),
        }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Result<Option<String>, ParamsError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let text = value
            .as_str()
            .ok_or_else(|| self.wrong(name, "must be a string"))?;
        self.without_nul(name, text).map(Some)
    }

    fn required_text(&self, name: &str) -> Result<String, ParamsError> {
        match self.text(name)? {
            None => Err(self.wrong(name, "is required")),
            Some(text) if text.trim().is_empty() => Err(self.wrong(name, "must not be empty")),
            Some(text) => Ok(text),
        }
    }

    fn without_nul(&self, name: &str, text: &str) -> Result<String, ParamsError> {
        if text.contains('\0') {
            Err(self.wrong(name, "must not contain a NUL character"))
        } else {
            Ok(text.to_owned())
        }
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, ParamsError> {
        let Some(value) = self.get(name) else {
            return Ok(Vec::new());
        };
        let items = value
            .as_array()
            .ok_or_else(|| self.wrong(name, "must be a list of strings"))?;
        let text = |(index, item): (usize, &Value)| {
            let name = format!("{name}[{index}]");
            let text = item
                .as_str()
                .ok_or_else(|| self.wrong(&name, "must be a string"))?;
            self.without_nul(&name, text)
        };
        items.iter().enumerate().map(text).collect()
    }

    fn secrets(&self, name: &str) -> Result<Secrets, ParamsError> {
        let Some(value) = self.get(name) else {
            return Ok(Secrets::new());
        };
        let members = value
            .as_object()
            .ok_or_else(|| self.wrong(name, "must be an object of strings"))?;
        let secret = |(key, value): (&String, &Value)| {
            let name = format!("{name}.{key}");
            let text = value
                .as_str()
                .ok_or_else(|| self.wrong(&name, "must be a string"))?;
            Ok((key.clone(), Secret::new(self.without_nul(&name, text)?)))
        };
        members.iter().map(secret).collect()
    }

    fn seconds(&self, name: &str, default: f64) -> Result<f64, ParamsError> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        match value.as_f64() {
            Some(seconds) if seconds > 0.0 && seconds <= 86_400.0 => Ok(seconds),
            _ => Err(self.wrong(
                name,
                "must be a number of seconds above 0 and at most 86400",
            )),
        }
    }

    fn flag(&self, name: &str, default: bool) -> Result<bool, ParamsError> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        value
            .as_bool()
            .ok_or_else(|| self.wrong(name, "must be true or false"))
    }

    fn encoding_errors(&self) -> Result<EncodingErrors, ParamsError> {
        if let Some(encoding) = self.text("encoding")?
            && !matches!(encoding.to_ascii_lowercase().as_str(), "utf-8" | "utf8")
        {
            return Err(self.wrong("encoding", "must be \"utf-8\": MCP allows no other"));
        }
        if self
            .get("read_timeout_seconds")
            .is_some_and(|value| !value.is_number())
        {
            return Err(self.wrong("read_timeout_seconds", "must be a number"));
        }
        match self.text("encoding_error_handler")?.as_deref() {
            None | Some("strict") => Ok(EncodingErrors::Strict),
            Some("ignore") => Ok(EncodingErrors::Ignore),
            Some("replace") => Ok(EncodingErrors::Replace),
            Some(_) => Err(self.wrong(
                "encoding_error_handler",
                "must be \"strict\", \"ignore\" or \"replace\"",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<ServerParams, String> {
        ServerParams::from_json(&serde_json::from_str(json).unwrap(), "server_params")
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (json, sentence) in [
            ("null", "server_params is required"),
            ("[]", "server_params must be an object"),
            ("{}", "server_params.type is required"),
            (
                r#"{"type":"Stdio"}"#,
                r#"server_params.type must be "StdioServerParams", "SseServerParams", "StreamableHttpServerParams" or "named""#,
            ),
            (
                r#"{"type":"StdioServerParams"}"#,
                "server_params.command is required",
            ),
            (
                r#"{"type":"StdioServerParams","command":" "}"#,
                "server_params.command must not be empty",
            ),
            (
                r#"{"type":"StdioServerParams","command":"a\u0000"}"#,
                "server_params.command must not contain a NUL character",
            ),
            (
                r#"{"type":"StdioServerParams","command":"a","args":"-x"}"#,
                "server_params.args must be a list of strings",
            ),
            (
                r#"{"type":"StdioServerParams","command":"a","args":["x",1]}"#,
                "server_params.args[1] must be a string",
            ),
            (
                r#"{"type":"StdioServerParams","command":"a","env":{"K":1}}"#,
                "server_params.env.K must be a string",
            ),
            (
                r#"{"type":"StdioServerParams","command":"a","encoding":"latin-1"}"#,
                "server_params.encoding must be \"utf-8\": MCP allows no other",
            ),
            (
                r#"{"type":"SseServerParams","url":7}"#,
                "server_params.url must be a string",
            ),
            (
                r#"{"type":"SseServerParams","url":"u","timeout":-1}"#,
                "server_params.timeout must be a number of seconds above 0 and at most 86400",
            ),
        ] {
            assert_eq!(read(json).unwrap_err(), sentence, "{json}");
        }
    }

    #[test]
    fn what_autogen_studio_sends_is_understood() {
        let params = read(
            r#"{"type":"StdioServerParams","command":"npx","args":["-y","x"],"env":null,"cwd":null,
                "encoding":"utf-8","encoding_error_handler":"strict","read_timeout_seconds":5,"more":[1]}"#,
        );
        let expected = StdioParams {
            command: "npx".to_owned(),
            args: vec!["-y".to_owned(), "x".to_owned()],
            ..StdioParams::default()
        };
        assert_eq!(params, Ok(ServerParams::Stdio(expected)));
    }

    #[test]
    fn params_survive_a_round_trip_and_blanked_ones_lose_only_their_secrets() {
        for json in [
            r#"{"type":"named","server":"fs","inputs":{"key":"s3cret"}}"#,
            r#"{"type":"StdioServerParams","command":"a","args":["b"],"env":{"K":"s3cret"},"cwd":"/x","encoding_error_handler":"replace"}"#,
            r#"{"type":"SseServerParams","url":"http://a/","headers":{"K":"s3cret"},"timeout":1.5,"sse_read_timeout":2}"#,
            r#"{"type":"StreamableHttpServerParams","url":"http://a/","headers":{"K":"s3cret"},"terminate_on_close":false}"#,
        ] {
            let params = read(json).unwrap();
            assert_eq!(
                ServerParams::from_json(&params.to_json(SecretValues::Exposed), "p").as_ref(),
                Ok(&params)
            );
            let blanked = params.to_json(SecretValues::Blanked);
            assert!(!blanked.to_string().contains("s3cret"));
            let restored = ServerParams::from_json(&blanked, "p")
                .unwrap()
                .with_secrets(params.secrets().clone());
            assert_eq!(restored, params);
            assert!(!format!("{params:?}").contains("s3cret"));
        }
    }
}
