//! The playground's files, embedded in the binary, under a strict policy of what they may do.
//!
//! Owns that policy. Never puts anything of a request into a file: what it serves is the same for everyone.

use std::sync::Arc;

use poem::Body;
use poem::Endpoint;
use poem::Request;
use poem::Response;
use poem::http::HeaderValue;
use poem::http::Method;
use poem::http::StatusCode;
use poem::http::header;
use rust_embed::RustEmbed;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;

use crate::http::App;
use crate::http::refuse;

/// The build of `www`; empty when it has not been built.
#[derive(RustEmbed)]
#[folder = "../www/dist"]
struct Files;

/// Everything but what the page may connect to.
/// `'wasm-unsafe-eval'` is what compiling the client's WebAssembly needs. Markup never becomes part of the page through
/// a string (`require-trusted-types-for`), and no script may make itself an exception (`trusted-types 'none'`).
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    img-src 'self' data:; media-src data:; worker-src 'none'; frame-src 'none'; form-action 'none'; base-uri 'none'; \
    frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>Footbridge</title>\
    <p>The bridge is running. The playground is not part of this build: <code>cargo xtask serve</code> builds it.";

/// Serves the playground.
pub(super) struct Page;

impl Endpoint for Page {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return Ok(refuse(&Fault::new(
                FaultCode::MethodNotAllowed,
                "Files can only be read.",
            )));
        }
        let path = match request.uri().path().trim_start_matches('/') {
            "" => "index.html",
            path => path,
        };
        let mut response = match Files::get(path) {
            Some(file) => serve(&request, path, &file),
            None if path == "index.html" => Response::builder()
                .content_type("text/html; charset=utf-8")
                .body(NOT_BUILT),
            None => {
                return Ok(refuse(&Fault::new(
                    FaultCode::NotFound,
                    "There is no such file.",
                )));
            }
        };
        let public_url = request
            .data::<Arc<App>>()
            .and_then(|app| app.config.public_url.as_deref());
        let host = request
            .headers()
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let policy = policy(host, public_url);
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            response
                .headers_mut()
                .insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        Ok(response)
    }
}

/// The whole policy. The page talks to its own bridge alone; browsers that do not count its socket as `'self'` are
/// told its origin, and so are those behind a proxy that rewrites `Host`.
fn policy(host: Option<&str>, public_url: Option<&str>) -> String {
    let public_host = public_url
        .and_then(|url| url.split_once("://"))
        .and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    let mut policy = format!("{CONTENT_SECURITY_POLICY}; connect-src 'self'");
    let mut named = Vec::new();
    for host in [host, public_host].into_iter().flatten() {
        // An IPv6 address cannot be written in a policy; `'self'` covers it.
        let is_source = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
        if !host.is_empty() && host.bytes().all(is_source) && !named.contains(&host) {
            policy.push_str(&format!(" ws://{host} wss://{host}"));
            named.push(host);
        }
    }
    policy
}

fn serve(request: &Request, path: &str, file: &rust_embed::EmbeddedFile) -> Response {
    let etag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..16]));
    // Vite puts a hash into the name of everything in this folder.
    let cache = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else if path == "index.html" {
        "no-store"
    } else {
        "no-cache"
    };
    let builder = Response::builder()
        .header(header::ETAG, &etag)
        .header(header::CACHE_CONTROL, cache);
    if request
        .headers()
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == etag.as_bytes())
    {
        return builder.status(StatusCode::NOT_MODIFIED).finish();
    }
    let body = Body::from(file.data.to_vec());
    builder.content_type(file.metadata.mimetype()).body(body)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::policy;

    fn connect_src(host: Option<&str>, public_url: Option<&str>) -> String {
        let policy = policy(host, public_url);
        let (_, sources) = policy.split_once("; connect-src ").unwrap();
        sources.to_owned()
    }

    #[test]
    fn the_page_may_connect_to_its_own_host_and_no_other() {
        assert_eq!(
            connect_src(Some("127.0.0.1:8000"), None),
            "'self' ws://127.0.0.1:8000 wss://127.0.0.1:8000"
        );
        assert_eq!(
            connect_src(Some("127.0.0.1:8000"), Some("https://mcp.example/tools/")),
            "'self' ws://127.0.0.1:8000 wss://127.0.0.1:8000 ws://mcp.example wss://mcp.example"
        );
        assert_eq!(
            connect_src(Some("mcp.example"), Some("https://mcp.example")),
            "'self' ws://mcp.example wss://mcp.example"
        );
    }

    #[test]
    fn a_host_that_a_policy_cannot_spell_adds_nothing_to_it() {
        for host in [
            None,
            Some(""),
            Some("[::1]:8000"),
            Some("a; script-src *"),
            Some("a,b"),
            Some("*"),
        ] {
            assert_eq!(connect_src(host, None), "'self'", "{host:?}");
        }
    }

    #[test]
    fn no_rule_for_the_page_lets_text_become_code() {
        let policy = policy(Some("localhost"), None);
        for part in ["'unsafe-inline'", "'unsafe-eval'", "*", "blob:", "http:"] {
            assert!(!policy.contains(part), "{part} in {policy}");
        }
        assert!(policy.contains("require-trusted-types-for 'script'"));
    }
}
