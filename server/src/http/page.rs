//! The playground's files, embedded in the binary, under a strict policy of what they may do.

use poem::Body;
use poem::Endpoint;
use poem::Request;
use poem::Response;
use poem::http::Method;
use poem::http::StatusCode;
use poem::http::header;
use rust_embed::RustEmbed;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;

use crate::http::refuse;

/// The build of `www`; empty when it has not been built.
#[derive(RustEmbed)]
#[folder = "../www/dist"]
struct Files;

/// `'wasm-unsafe-eval'` is what compiling the client's WebAssembly needs; `ws:` and `wss:` because older browsers
/// do not count the page's own socket as `'self'`.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self'; connect-src 'self' ws: wss:; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'";

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
        Ok(match Files::get(path) {
            Some(file) => serve(&request, path, &file),
            None if path == "index.html" => html(NOT_BUILT),
            None => refuse(&Fault::new(FaultCode::NotFound, "There is no such file.")),
        })
    }
}

fn serve(request: &Request, path: &str, file: &rust_embed::EmbeddedFile) -> Response {
    let etag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..16]));
    // Vite puts a hash into the name of everything but the page itself.
    let cache = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let builder = Response::builder()
        .header(header::ETAG, &etag)
        .header(header::CACHE_CONTROL, cache)
        .header(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
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

fn html(text: &'static str) -> Response {
    Response::builder()
        .content_type("text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)
        .header(header::CACHE_CONTROL, "no-cache")
        .body(text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
