//! What has been agreed with a server over Streamable HTTP, and the headers that follow from it.
//!
//! The era is read off the messages that pass: `initialize` makes a session (2025-03-26 to 2025-11-25), a protocol
//! version in a request's `_meta` makes that request stand alone (2026-07-28).

use footbridge_shared::rpc;
use footbridge_shared::rpc::Request;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderName;
use reqwest::header::HeaderValue;

use super::tools::Tools;

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The member of a request's `_meta` that makes it one of the stateless revisions (MCP 2026-07-28, basic).
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// What has been agreed so far.
#[derive(Debug, Default)]
pub(super) struct State {
    session: Session,
    n_greeted: u64,
    /// The version of the latest request that stood alone.
    pub(super) modern_version: Option<String>,
    /// What the server's tools want as headers.
    pub(super) tools: Tools,
}

#[derive(Debug, Default)]
enum Session {
    #[default]
    None,
    Greeted(Greeted),
    /// The server has forgotten it; `initialize` has to come next.
    Lost,
}

/// A session that `initialize` began.
#[derive(Clone, Debug)]
pub(super) struct Greeted {
    version: Option<HeaderValue>,
    pub(super) id: Option<HeaderValue>,
    /// Which one it is, counted from the first.
    number: u64,
}

impl Greeted {
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(version) = &self.version {
            headers.insert(PROTOCOL_VERSION, version.clone());
        }
        if let Some(id) = &self.id {
            headers.insert(SESSION_ID, id.clone());
        }
        headers
    }
}

/// How a request is to be sent.
#[derive(Clone, Debug)]
pub(super) enum Mode {
    /// It is `initialize`.
    Greeting,
    /// It belongs to a session.
    Session(Greeted),
    /// It stands alone and names its version.
    Alone { version: String },
    /// Nothing is known.
    Bare,
    /// Its session is over.
    Lost,
}

impl State {
    /// How this request is to be sent.
    pub(super) fn mode(&mut self, request: &Request) -> Mode {
        // With a version in its `_meta` it is a request like any other, and one that no server knows.
        if request.method() == "initialize" && version(request).is_none() {
            return Mode::Greeting;
        }
        match &self.session {
            Session::Greeted(greeted) if request.method() != "server/discover" => {
                Mode::Session(greeted.clone())
            }
            Session::Lost if request.method() != "server/discover" => Mode::Lost,
            Session::None | Session::Greeted(_) | Session::Lost => match version(request) {
                Some(version) => {
                    self.modern_version = Some(version.clone());
                    Mode::Alone { version }
                }
                None => Mode::Bare,
            },
        }
    }

    /// The session, when there is one.
    pub(super) fn greeted(&self) -> Option<Greeted> {
        match &self.session {
            Session::Greeted(greeted) => Some(greeted.clone()),
            Session::None | Session::Lost => None,
        }
    }

    /// `initialize` was answered: with this result, in an HTTP answer with this session id.
    pub(super) fn greet(&mut self, result: &str, id: Option<HeaderValue>) {
        self.n_greeted += 1;
        let version = text_member(result, "protocolVersion");
        // Whoever has it may speak in the session.
        let id = id.map(|mut id| {
            id.set_sensitive(true);
            id
        });
        self.session = Session::Greeted(Greeted {
            version: version.and_then(|version| HeaderValue::from_str(&version).ok()),
            id,
            number: self.n_greeted,
        });
    }

    /// The server does not know this session any more. False when another one has begun since: then what was
    /// refused can simply be sent again.
    pub(super) fn lose(&mut self, lost: &Greeted) -> bool {
        match &self.session {
            Session::Greeted(current) if current.number != lost.number => false,
            Session::Greeted(_) | Session::None | Session::Lost => {
                self.session = Session::Lost;
                true
            }
        }
    }
}

fn version(request: &Request) -> Option<String> {
    let params = request.params()?;
    let meta = &params[rpc::member(params, "_meta")?];
    text_member(meta, META_VERSION)
}

/// The text of a member of a JSON object.
pub(super) fn text_member(object: &str, name: &str) -> Option<String> {
    serde_json::from_str(&object[rpc::member(object, name)?]).ok()
}
