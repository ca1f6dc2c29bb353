//! The JavaScript objects this side calls: what a session tells its page, and a call its caller.
//! Owns the names of those methods; `npm/session.js` implements them and never throws from one.

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// What a session tells its page.
    #[derive(Debug, Clone)]
    pub type Page;

    /// The session's state changed; `reason` is a word for why, when it is detached or closed.
    #[wasm_bindgen(method, js_name = onState)]
    pub(crate) fn on_state(this: &Page, state: &str, reason: Option<&str>);

    /// The way back to the session: the URL of its sockets, and the token that opens it.
    /// `taken_up` says that the session is that of an earlier page.
    #[wasm_bindgen(method, js_name = onPass)]
    pub(crate) fn on_pass(this: &Page, url: &str, token: &str, taken_up: bool);

    /// The MCP server is ready; `initialized` is the frame that says so.
    #[wasm_bindgen(method, js_name = onReady)]
    pub(crate) fn on_ready(this: &Page, initialized: &str);

    /// The MCP server asks for something; the answer names `ask`.
    #[wasm_bindgen(method, js_name = onAsk)]
    pub(crate) fn on_ask(this: &Page, ask: f64, method: &str, params: &str);

    /// What was asked is no longer wanted.
    #[wasm_bindgen(method, js_name = onWithdraw)]
    pub(crate) fn on_withdraw(this: &Page, ask: f64);

    /// The MCP server tells something.
    #[wasm_bindgen(method, js_name = onNotification)]
    pub(crate) fn on_notification(this: &Page, method: &str, params: &str);

    /// A line of the server process's standard error.
    #[wasm_bindgen(method, js_name = onStderr)]
    pub(crate) fn on_stderr(this: &Page, line: &str);

    /// A frame passed, `in` or `out`.
    #[wasm_bindgen(method, js_name = onFrame)]
    pub(crate) fn on_frame(this: &Page, direction: &str, text: &str);

    /// The session is over; `fault` is JSON.
    #[wasm_bindgen(method, js_name = onClosed)]
    pub(crate) fn on_closed(this: &Page, code: u16, reason: &str, fault: Option<String>);

    /// What a call tells its caller.
    #[derive(Debug, Clone)]
    pub type Caller;

    /// The call succeeded; `result` is JSON.
    #[wasm_bindgen(method, js_name = onResult)]
    pub(crate) fn on_result(this: &Caller, result: &str);

    /// The call failed; `fault` is JSON.
    #[wasm_bindgen(method, js_name = onFault)]
    pub(crate) fn on_fault(this: &Caller, fault: &str);

    /// The call made progress; `params` is JSON.
    #[wasm_bindgen(method, js_name = onProgress)]
    pub(crate) fn on_progress(this: &Caller, params: &str);
}
