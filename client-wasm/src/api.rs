//! The bridge's HTTP routes, over `fetch`.
//! Owns how a route is called and how its refusal is read; never retries.

use js_sys::{JsString, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, Request, RequestInit, Response};

use crate::address::{Address, segment};
use crate::fault::{Fault, Side};
use crate::json;
use crate::opening;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_name = fetch)]
    fn fetch(request: &Request) -> Result<Promise, JsValue>;
}

/// A bridge, and the right to talk to it.
#[derive(Debug)]
pub(crate) struct Bridge {
    pub(crate) address: Address,
    pub(crate) token: Option<String>,
}

impl Bridge {
    /// Asks for a new session, and gives the URL of its socket.
    pub(crate) async fn connect(&self, body: &str, signal: &AbortSignal) -> Result<String, Fault> {
        let url = self.address.route("/ws/connect");
        let answer = self.call("POST", &url, Some(body), Some(signal)).await?;
        self.address.socket(&opening::socket_path(&answer)?)
    }

    /// Asks how the session is, or without one for the catalogue; the answer is JSON. With `end`
    /// the session is ended instead.
    pub(crate) async fn read(
        &self,
        session_id: Option<&str>,
        signal: Option<&AbortSignal>,
        end: bool,
    ) -> Result<String, Fault> {
        let (method, path) = match session_id {
            Some(id) if end => ("DELETE", format!("/ws/{}", segment(id))),
            Some(id) => ("GET", format!("/ws/status/{}", segment(id))),
            None => ("GET", "/servers".to_owned()),
        };
        self.call(method, &self.address.route(&path), None, signal)
            .await
    }

    async fn call(
        &self,
        method: &str,
        url: &str,
        body: Option<&str>,
        signal: Option<&AbortSignal>,
    ) -> Result<String, Fault> {
        let lost = |_| {
            if signal.is_some_and(AbortSignal::aborted) {
                return Fault::new(
                    "aborted",
                    Side::Browser,
                    "the call to the bridge was aborted",
                );
            }
            Fault::new(
                "unreachable",
                Side::Bridge,
                format!("the bridge cannot be reached at {url}"),
            )
            .with_hint("is it running there, and does it allow this page's origin?")
        };
        let request = self.request(method, url, body, signal)?;
        let response = JsFuture::from(fetch(&request).map_err(lost)?)
            .await
            .map_err(lost)?;
        let response: Response = response.unchecked_into();
        let text = JsFuture::from(response.text().map_err(lost)?)
            .await
            .map_err(lost)?;
        let text = String::from(text.unchecked_ref::<JsString>());
        if !response.ok() {
            return Err(Fault::from_http(response.status(), &text));
        }
        // A file server or a proxy's page answers 200 as well.
        if !json::is_json(&text) {
            return Err(Fault::not_a_bridge(
                "answered with something that is not JSON",
            ));
        }
        Ok(text)
    }

    fn request(
        &self,
        method: &str,
        url: &str,
        body: Option<&str>,
        signal: Option<&AbortSignal>,
    ) -> Result<Request, Fault> {
        let headers = Headers::new().map_err(unusable)?;
        headers
            .set("accept", "application/json")
            .map_err(unusable)?;
        if let Some(token) = &self.token {
            headers
                .set("authorization", &format!("Bearer {token}"))
                .map_err(|_| {
                    Fault::misuse("`token` holds characters that a header cannot carry")
                })?;
        }
        let init = RequestInit::new();
        init.set_method(method);
        if let Some(body) = body {
            headers
                .set("content-type", "application/json")
                .map_err(unusable)?;
            init.set_body(&JsValue::from_str(body));
        }
        init.set_headers(&headers);
        init.set_signal(signal);
        Request::new_with_str_and_init(url, &init)
            .map_err(|_| Fault::misuse(format!("{url} is not a URL that can be fetched")))
    }
}

fn unusable(_: JsValue) -> Fault {
    Fault::new(
        "internal",
        Side::Browser,
        "this environment has no usable fetch",
    )
}
