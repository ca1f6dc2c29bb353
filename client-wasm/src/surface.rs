//! What JavaScript calls. Values cross as JSON text: the browser's own parser is the fastest.
//! Owns the names of these calls, and what a program may leave out; never decides anything.

use std::rc::Rc;
use std::time::Duration;

use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::address::Address;
use crate::api::Bridge;
use crate::client::Client;
use crate::effect::Request;
use crate::fault::Fault;
use crate::json::Members;
use crate::page::{Caller, Page};
use crate::task::{Return, Task};

/// How long the MCP server may take to be ready, unless the program says otherwise.
const READY: Duration = Duration::from_secs(90);

/// One session.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Connection(Rc<Task>);

#[wasm_bindgen]
impl Connection {
    /// A session that tells `page` everything, once it is opened.
    #[wasm_bindgen(constructor)]
    pub fn new(page: Page) -> Self {
        Self(Task::new(page))
    }

    /// Begins to open the session. `place` (`url`, `token`, `page`) and `options` are JSON,
    /// `timeout` is in milliseconds. `resumable` says whether the session is to outlive its
    /// socket; `earlier` (`url`, `token`), JSON too, is the way back to that of an earlier page.
    pub fn open(
        &self,
        place: &str,
        options: &str,
        timeout: Option<f64>,
        resumable: bool,
        earlier: Option<String>,
    ) {
        let bridge = bridge(place);
        let earlier = bridge
            .as_ref()
            .ok()
            .and_then(|bridge| way_back(bridge, &earlier?));
        let timeout = duration(timeout).unwrap_or(READY);
        self.0.open(bridge, options, timeout, resumable, earlier);
    }

    /// Says whether this machine has a network.
    pub fn network(&self, online: bool) {
        self.0.with(|client| client.network(online));
    }

    /// Says that the page is seen again, or that the machine slept.
    pub fn woke(&self) {
        self.0.with(Client::woke);
    }

    /// Sends a request; `params` is JSON, `timeout` is in milliseconds.
    /// Gives the id by which it can be cancelled.
    pub fn request(
        &self,
        method: String,
        params: Option<String>,
        timeout: Option<f64>,
        progress: bool,
        caller: Caller,
    ) -> f64 {
        let timeout = duration(timeout);
        self.0.request(
            Request {
                method,
                params,
                timeout,
                progress,
            },
            caller,
        ) as f64
    }

    /// Gives up a request.
    pub fn cancel(&self, call: f64) {
        self.0.with(|client| client.cancel(call as u64));
    }

    /// Sends a notification; `params` is JSON.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an optional text crosses only when owned"
    )]
    pub fn notify(&self, method: &str, params: Option<String>) -> Result<(), JsValue> {
        self.0.notify(method, params.as_deref()).map_err(thrown)
    }

    /// Answers a request of the MCP server; `result` is JSON.
    pub fn answer(&self, ask: f64, result: &str) {
        self.0.with(|client| client.answer(ask as u64, Ok(result)));
    }

    /// Refuses a request of the MCP server with a JSON-RPC error.
    pub fn refuse(&self, ask: f64, code: f64, message: &str) {
        self.0
            .with(|client| client.answer(ask as u64, Err((code as i64, message))));
    }

    /// Says whether the page answers a method.
    #[wasm_bindgen(js_name = answerMethod)]
    pub fn answer_method(&self, method: &str, answers: bool) {
        self.0.with(|client| client.answer_method(method, answers));
    }

    /// Says whether the page wants the server's standard error.
    #[wasm_bindgen(js_name = wantStderr)]
    pub fn want_stderr(&self, wanted: bool) {
        self.0.with(|client| client.want_stderr(wanted));
    }

    /// Says whether the page wants to see every frame.
    #[wasm_bindgen(js_name = wantFrames)]
    pub fn want_frames(&self, wanted: bool) {
        self.0.watch(wanted);
    }

    /// Ends the session, or gives it up while it is being opened.
    pub fn close(&self) {
        self.0.with(Client::close);
    }
}

/// How a session is, or without one the bridge's catalogue; `place` and the answer are JSON.
/// With `end` the session is ended instead.
/// One function, because each asynchronous one costs a page as much as several others.
#[wasm_bindgen]
pub async fn read(
    place: String,
    session_id: Option<String>,
    signal: Option<AbortSignal>,
    end: bool,
) -> Result<String, JsValue> {
    let bridge = bridge(&place).map_err(thrown)?;
    bridge
        .read(session_id.as_deref(), signal.as_ref(), end)
        .await
        .map_err(thrown)
}

/// The bridge at `place`: its `url`, the `token` for it, and the address of the `page`, as JSON.
fn bridge(place: &str) -> Result<Bridge, Fault> {
    let place = Members::decode(place);
    let member = |name| place.as_ref().and_then(|place| place.string(name));
    let address = Address::parse(member("url").as_deref(), member("page").as_deref())?;
    Ok(Bridge {
        address,
        token: member("token"),
    })
}

/// The way back to the session of an earlier page, unless that was at another bridge: what opens
/// it is for the eyes of the one that gave it.
fn way_back(bridge: &Bridge, earlier: &str) -> Option<Return> {
    let members = Members::decode(earlier)?;
    let url = members.string("url")?;
    let here = bridge.address.socket("/").ok()?;
    url.starts_with(&here).then_some(())?;
    Some(Return {
        url,
        token: members.string("token")?,
    })
}

/// What the package's JavaScript makes a `FootbridgeError` of.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` wants"
)]
fn thrown(fault: Fault) -> JsValue {
    JsValue::from_str(&fault.to_json())
}

/// Milliseconds as JavaScript has them. `None` when there is no limit.
fn duration(milliseconds: Option<f64>) -> Option<Duration> {
    // A float beyond the range becomes its end, which no timer reaches.
    milliseconds
        .filter(|it| *it > 0.0)
        .map(|it| Duration::from_millis(it as u64))
}
