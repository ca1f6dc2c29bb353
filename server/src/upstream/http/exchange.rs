//! One request over Streamable HTTP: its POST, the answer as JSON or as a stream, and a stream's resumption.
//!
//! Owns the request until it is answered, failed or handed back. Never decides what happens then.

use std::sync::Arc;
use std::time::Duration;

use footbridge_shared::fault::Fault;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::Request;
use footbridge_shared::rpc::Response as Answer;
use reqwest::Response;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;
use tokio::time::timeout;

use super::Shared;
use super::headers;
use super::place::Place;
use super::refresh;
use super::state::Greeted;
use super::state::Mode;
use super::state::SESSION_ID;
use crate::upstream::FromUpstream;
use crate::upstream::failure;
use crate::upstream::messages;
use crate::upstream::remote::Events;
use crate::upstream::remote::Kind;
use crate::upstream::remote::kind;

/// How long a stream is read on after its answer, so that its connection can be used again.
const AFTER_ANSWER: Duration = Duration::from_secs(1);

/// The headers do not say what the body says (MCP 2026-07-28, basic: reserved error codes).
const HEADER_MISMATCH: &str = "-32020";

/// What came of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It was answered or has failed, and the bridge knows.
    Done(Id),
    /// There is no Streamable HTTP at this URL, as far as `initialize` can tell: an older server, perhaps.
    NotStreamable { request: Request, fault: Fault },
}

/// What came of sending it once.
enum Attempt {
    Answered,
    Failed(Fault),
    /// The server does not know the session; it has not acted on the request.
    Forgotten(Greeted),
    /// The server did not like the headers; it has not acted on the request. With its answer.
    Mismatch(Message),
    NotStreamable(Fault),
}

/// Carries one request to its end.
pub(super) async fn run(shared: Arc<Shared>, request: Request) -> Outcome {
    let mut may_refresh = true;
    loop {
        let mode = shared.state().mode(&request);
        let id = request.id().clone();
        let attempt = match &mode {
            Mode::Lost => {
                shared
                    .send(FromUpstream::Forgotten(Some(request.into())))
                    .await;
                return Outcome::Done(id);
            }
            Mode::Greeting | Mode::Session(_) | Mode::Alone { .. } | Mode::Bare => {
                Exchange {
                    shared: &shared,
                    request: &request,
                    mode: &mode,
                }
                .attempt()
                .await
            }
        };
        match attempt {
            Attempt::Answered => {}
            Attempt::Failed(fault) => {
                shared
                    .send(FromUpstream::Failed {
                        id: id.clone(),
                        fault,
                    })
                    .await
            }
            Attempt::Forgotten(greeted) if shared.state().lose(&greeted) => {
                shared
                    .send(FromUpstream::Forgotten(Some(request.into())))
                    .await;
            }
            Attempt::Forgotten(_) => continue,
            Attempt::Mismatch(_) if std::mem::take(&mut may_refresh) => {
                refresh::tools(&shared, &request).await;
                continue;
            }
            Attempt::Mismatch(answer) => shared.send(FromUpstream::Message(answer)).await,
            Attempt::NotStreamable(fault) => return Outcome::NotStreamable { request, fault },
        }
        return Outcome::Done(id);
    }
}

/// The headers of a request, by how it is sent.
pub(super) fn headers_of(shared: &Shared, request: &Request, mode: &Mode) -> HeaderMap {
    match mode {
        Mode::Session(greeted) => greeted.headers(),
        Mode::Alone { version } => headers::of_request(request, version, &shared.state().tools),
        Mode::Greeting | Mode::Bare | Mode::Lost => HeaderMap::new(),
    }
}

struct Exchange<'a> {
    shared: &'a Shared,
    request: &'a Request,
    mode: &'a Mode,
}

impl Exchange<'_> {
    async fn attempt(&self) -> Attempt {
        let remote = &self.shared.remote;
        let (patience, field) = match self.request.method() {
            "initialize" | "server/discover" => (remote.post_timeout, "timeout"),
            // A tool may work for a long time before it says anything.
            _ => (remote.silence, "sse_read_timeout"),
        };
        let headers = headers_of(self.shared, self.request, self.mode);
        let body = Message::from(self.request.clone()).into_text();
        let response = match remote
            .post(remote.url(), headers, body, patience, field)
            .await
        {
            Ok(response) => response,
            Err(fault) => return Attempt::Failed(fault),
        };
        if !response.status().is_success() {
            return self.refused(response).await;
        }
        let session_id = response.headers().get(SESSION_ID).cloned();
        match kind(&response) {
            Kind::Json => self.read_json(response, session_id).await,
            Kind::Events => self.read_events(remote.events(response), session_id).await,
            Kind::Other => Attempt::Failed(self.not_mcp(response.status())),
        }
    }

    fn not_mcp(&self, status: StatusCode) -> Fault {
        let what = if status == StatusCode::ACCEPTED {
            "it took the request and gave no answer"
        } else {
            "the answer is neither JSON nor a stream of events"
        };
        failure::not_mcp(
            self.shared.remote.host(),
            what,
            "Check the path of the URL: it must be that of an MCP endpoint, not of a web page.",
        )
    }

    async fn read_json(&self, response: Response, session_id: Option<HeaderValue>) -> Attempt {
        let status = response.status();
        let text = match self.shared.remote.text(response).await {
            Ok(text) => text,
            Err(fault) => return Attempt::Failed(fault),
        };
        let mut messages = messages::parse(&text, self.shared.remote.json_depth);
        self.claim(&mut messages);
        if self.deliver(messages, session_id.as_ref()).await {
            Attempt::Answered
        } else {
            Attempt::Failed(self.not_mcp(status))
        }
    }

    /// Some servers answer under another id than the one they were asked under: what answers this POST is the answer.
    fn claim(&self, messages: &mut [Message]) {
        let is_answer = |message: &&mut Message| matches!(message, Message::Response(_));
        let mut answers: Vec<&mut Message> = messages.iter_mut().filter(is_answer).collect();
        if let [only] = answers.as_mut_slice()
            && let Message::Response(answer) = &**only
        {
            **only = answer_under(answer.clone(), self.request.id()).into();
        }
    }

    /// Hands messages on; whether the answer was among them.
    async fn deliver(&self, messages: Vec<Message>, session_id: Option<&HeaderValue>) -> bool {
        let mut is_answered = false;
        for message in messages {
            let message = match message {
                Message::Response(answer) if answer.id() == Some(self.request.id()) => {
                    is_answered = true;
                    self.learn(answer, session_id).into()
                }
                message @ (Message::Request(_)
                | Message::Response(_)
                | Message::Notification(_)) => message,
            };
            self.shared.send(FromUpstream::Message(message)).await;
        }
        is_answered
    }

    /// Notes what the answer means for later requests.
    fn learn(&self, answer: Answer, session_id: Option<&HeaderValue>) -> Answer {
        let Ok(result) = answer.outcome() else {
            return answer;
        };
        match self.mode {
            Mode::Greeting => {
                self.shared.state().greet(result, session_id.cloned());
                answer
            }
            Mode::Alone { .. } if self.request.method() == "tools/list" => {
                match self.shared.state().tools.learn(result) {
                    Some(edited) => Answer::result(self.request.id().clone(), &edited),
                    None => answer,
                }
            }
            Mode::Alone { .. } | Mode::Session(_) | Mode::Bare | Mode::Lost => answer,
        }
    }

    async fn read_events(&self, mut events: Events, session_id: Option<HeaderValue>) -> Attempt {
        let mut place = Place::default();
        loop {
            let end = loop {
                match events.next().await {
                    Ok(Some(event)) if event.name == "message" => {
                        place.moved();
                        if self
                            .deliver(
                                messages::parse(&event.data, self.shared.remote.json_depth),
                                session_id.as_ref(),
                            )
                            .await
                        {
                            self.read_on(events).await;
                            return Attempt::Answered;
                        }
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => break failure::dropped(self.shared.remote.host()),
                    Err(fault) => break fault,
                }
            };
            place.note(&events);
            events = match self.resume(&mut place, session_id.as_ref()).await {
                Some(events) => events,
                None => return Attempt::Failed(end),
            };
        }
    }

    /// What still comes on the stream after the answer.
    async fn read_on(&self, mut events: Events) {
        let rest = async {
            while let Ok(Some(event)) = events.next().await {
                for message in messages::parse(&event.data, self.shared.remote.json_depth) {
                    self.shared.send(FromUpstream::Message(message)).await;
                }
            }
        };
        // Nobody waits for it: the answer has been handed on.
        let _ = timeout(AFTER_ANSWER, rest).await;
    }

    /// Opens the stream again where it broke off; `None` when that cannot be done.
    async fn resume(&self, place: &mut Place, session_id: Option<&HeaderValue>) -> Option<Events> {
        let mut headers = match self.mode {
            Mode::Session(greeted) => greeted.headers(),
            Mode::Greeting => HeaderMap::new(),
            // The stateless revisions have no resumption: a stream that ends is a call that is lost.
            Mode::Alone { .. } | Mode::Bare | Mode::Lost => return None,
        };
        if let Some(id) = session_id {
            headers.insert(SESSION_ID, id.clone());
        }
        place.resume(&self.shared.remote, &headers).await
    }

    /// An answer whose status is no success.
    async fn refused(&self, response: Response) -> Attempt {
        let (status, headers) = (response.status(), response.headers().clone());
        let remote = &self.shared.remote;
        let text = remote.error_text(response).await;
        let answer = match messages::parse_quietly(&text, remote.json_depth).as_deref() {
            Some([Message::Response(answer)]) => Some(answer.clone()),
            _ => None,
        };
        if let Mode::Session(greeted) = self.mode
            && forgets(status, answer.as_ref(), &text, self.request.id())
        {
            return Attempt::Forgotten(greeted.clone());
        }
        let fault = remote.refusal(status, &headers);
        let is_about_credentials =
            matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if let Some(answer) = answer.filter(|_| !is_about_credentials) {
            let is_mismatch = matches!(self.mode, Mode::Alone { .. })
                && self.request.method() == "tools/call"
                && answer
                    .outcome()
                    .is_err_and(|error| code(error) == Some(HEADER_MISMATCH));
            let answer = answer_under(answer, self.request.id()).into();
            if is_mismatch {
                return Attempt::Mismatch(answer);
            }
            self.shared.send(FromUpstream::Message(answer)).await;
            return Attempt::Answered;
        }
        if matches!(self.mode, Mode::Greeting)
            && matches!(status.as_u16(), 400 | 404 | 405 | 406 | 415 | 501)
        {
            return Attempt::NotStreamable(fault);
        }
        Attempt::Failed(fault)
    }
}

/// Whether a refusal means that the server no longer knows the session. The specification says 404; real servers
/// also answer 400 and speak of the session.
pub(super) fn forgets(status: StatusCode, answer: Option<&Answer>, text: &str, id: &Id) -> bool {
    match status {
        StatusCode::NOT_FOUND => true,
        StatusCode::BAD_REQUEST => {
            let is_of_the_call = answer.is_some_and(|answer| answer.id() == Some(id));
            !is_of_the_call && text.to_ascii_lowercase().contains("session")
        }
        _ => false,
    }
}

fn code(error: &str) -> Option<&str> {
    Some(&error[rpc::member(error, "code")?])
}

/// The answer under the id that was asked under; every other byte stays.
pub(super) fn answer_under(answer: Answer, id: &Id) -> Answer {
    if answer.id() == Some(id) {
        return answer;
    }
    let renamed = answer.with_id(id.clone());
    if renamed.id() == Some(id) {
        return renamed;
    }
    match renamed.outcome() {
        Ok(result) => Answer::result(id.clone(), result),
        Err(error) => Answer::error(id.clone(), error),
    }
}
