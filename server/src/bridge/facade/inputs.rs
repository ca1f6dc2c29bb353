//! What a server asks for inside the answer to a call, and what the browser answers (MCP 2026-07-28,
//! basic/patterns/mrtr): the call waits, the browser gets ordinary requests, the call is sent again with the answers.

use std::collections::HashMap;
use std::time::Duration;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Members;
use footbridge_shared::rpc::Notification;
use footbridge_shared::rpc::Request;
use footbridge_shared::rpc::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::bridge::calls::Call;
use crate::bridge::desk::Desk;
use crate::meters;

/// The first pause before a call that asks for nothing is sent again for a second time; then twice as long each time.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

const ELICITATION: &str = "elicitation/create";

/// An answer that is not final.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Required<'a> {
    #[serde(borrow, default)]
    result_type: Option<&'a str>,
    #[serde(borrow, default)]
    input_requests: Option<Members<'a>>,
    #[serde(borrow, default)]
    request_state: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Wanted<'a> {
    #[serde(borrow)]
    method: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

impl<'a> Required<'a> {
    /// Reads a result; `None` when it is final, or says neither what it wants nor where it stands.
    pub(super) fn parse(result: &'a str) -> Option<Self> {
        // Most results are final, and some are large.
        memchr::memmem::find(result.as_bytes(), b"input_required")?;
        let required: Self = serde_json::from_str(result).ok()?;
        let is_meaningful = required.input_requests.is_some() || required.request_state.is_some();
        (required.result_type == Some("input_required") && is_meaningful).then_some(required)
    }

    fn wanted(&self) -> Option<Vec<(String, Wanted<'a>)>> {
        let members = self
            .input_requests
            .as_ref()
            .map_or(&[][..], |members| &members.0);
        let wanted = |(key, value): &(std::borrow::Cow<'a, str>, &'a RawValue)| {
            Some((key.to_string(), serde_json::from_str(value.get()).ok()?))
        };
        members.iter().map(wanted).collect()
    }
}

/// Calls that wait for the browser.
#[derive(Debug)]
pub(super) struct Inputs {
    rounds: usize,
    /// Whether the browser is an older client, to which URL elicitations need an id (MCP 2025-11-25).
    names_elicitations: bool,
    /// By the browser's id of the call.
    waiting: HashMap<Id, Waiting>,
    /// Which call a request to the browser is for.
    asked: HashMap<Id, Id>,
    /// Elicitation ids that were made up, by call.
    named: HashMap<Id, Vec<String>>,
    n_asked: u64,
}

#[derive(Debug)]
struct Waiting {
    /// JSON text.
    state: Option<String>,
    entries: Vec<Entry>,
    retry_at: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    key: String,
    id: Id,
    is_elicitation: bool,
    answer: Option<String>,
}

impl Inputs {
    pub(super) fn new(rounds: usize, names_elicitations: bool) -> Self {
        Self {
            rounds,
            names_elicitations,
            waiting: HashMap::new(),
            asked: HashMap::new(),
            named: HashMap::new(),
            n_asked: 0,
        }
    }

    /// Whether a request to the browser is of ours.
    pub(super) fn owns(&self, id: &Id) -> bool {
        self.asked.contains_key(id)
    }

    /// A call was answered with the wish for more; the call to send at once, when nothing has to be waited for.
    pub(super) fn require(
        &mut self,
        mut call: Call,
        required: &Required<'_>,
        desk: &mut Desk<'_>,
    ) -> Option<Request> {
        let browser_id = call.browser_id.clone();
        call.rounds += 1;
        if call.rounds > self.rounds {
            meters::reached("input_rounds");
            let fault = Fault::new(
                FaultCode::UpstreamAsksTooOften,
                format!(
                    "The MCP server asked for further input more than {} times during one call.",
                    self.rounds
                ),
            )
            .hint("Raise limits.input_rounds if that is right.");
            desk.refuse(browser_id.clone(), &fault);
            self.completed(&browser_id, desk);
            return None;
        }
        let Some(wanted) = required.wanted() else {
            let fault = Fault::new(
                FaultCode::UpstreamRefused,
                "The MCP server asked for input in a form that cannot be read.",
            );
            desk.refuse(browser_id, &fault);
            return None;
        };
        if let Err(fault) = desk.asked.room_for(wanted.len()) {
            desk.refuse(browser_id.clone(), &fault);
            self.completed(&browser_id, desk);
            return None;
        }
        let rounds = call.rounds;
        desk.calls.park(call);
        let entries: Vec<Entry> = wanted
            .into_iter()
            .map(|(key, wanted)| self.ask(&browser_id, key, &wanted, desk))
            .collect();
        let is_idle = entries.is_empty();
        let retry_at = (is_idle && rounds > 1).then(|| desk.now + pause(rounds));
        let is_due = is_idle && retry_at.is_none();
        let state = required.request_state.map(|state| state.get().to_owned());
        self.waiting.insert(
            browser_id.clone(),
            Waiting {
                state,
                entries,
                retry_at,
            },
        );
        if is_due {
            self.resume(&browser_id, desk)
        } else {
            None
        }
    }

    /// Puts one wish to the browser.
    fn ask(
        &mut self,
        browser_id: &Id,
        key: String,
        wanted: &Wanted<'_>,
        desk: &mut Desk<'_>,
    ) -> Entry {
        self.n_asked += 1;
        let id = Id::text(&format!("footbridge/input/{}", self.n_asked));
        let mut params = wanted.params.map(|params| params.get().to_owned());
        let is_elicitation = wanted.method == ELICITATION;
        if self.names_elicitations
            && is_elicitation
            && let Some(named) = params.as_deref().and_then(|params| named(params, &id))
        {
            self.named
                .entry(browser_id.clone())
                .or_default()
                .push(id.as_json().to_owned());
            params = Some(named);
        }
        self.asked.insert(id.clone(), browser_id.clone());
        desk.asked.open(id.clone(), None, desk.now);
        desk.send_browser(Request::new(id.clone(), &wanted.method, params.as_deref()));
        Entry {
            key,
            id,
            is_elicitation,
            answer: None,
        }
    }

    /// The browser answered one wish; the call to send, when it was the last.
    pub(super) fn answered(
        &mut self,
        id: &Id,
        outcome: Result<&str, &str>,
        desk: &mut Desk<'_>,
    ) -> Option<Request> {
        let browser_id = self.asked.remove(id)?;
        let waiting = self.waiting.get_mut(&browser_id)?;
        let entry = waiting.entries.iter_mut().find(|entry| entry.id == *id)?;
        entry.answer = Some(match outcome {
            Ok(result) => result.to_owned(),
            Err(_) if entry.is_elicitation => r#"{"action":"cancel"}"#.to_owned(),
            // There is no way to tell the server, and nothing the call could go on with.
            Err(error) => {
                let answer = Response::error(browser_id.clone(), error);
                desk.calls.unpark(&browser_id);
                desk.send_browser(answer);
                self.forget(&browser_id, desk);
                return None;
            }
        });
        let is_complete = waiting.entries.iter().all(|entry| entry.answer.is_some());
        if is_complete {
            self.resume(&browser_id, desk)
        } else {
            None
        }
    }

    /// The call with what was answered, under a new upstream id.
    fn resume(&mut self, browser_id: &Id, desk: &mut Desk<'_>) -> Option<Request> {
        let waiting = self.waiting.remove(browser_id)?;
        let (id, request) = desk.calls.resume(browser_id, desk.now)?;
        let answers: Vec<String> = waiting
            .entries
            .iter()
            .filter_map(|entry| {
                Some(format!(
                    "{}:{}",
                    rpc::quoted(&entry.key),
                    entry.answer.as_deref()?
                ))
            })
            .collect();
        let answers = (!answers.is_empty()).then(|| format!("{{{}}}", answers.join(",")));
        let changes = [
            ("inputResponses", answers.as_deref()),
            ("requestState", waiting.state.as_deref()),
        ];
        let params = rpc::edit(request.params().unwrap_or("{}"), &changes)?;
        Some(request.with_params(&params).with_id(id))
    }

    /// A call has its answer.
    pub(super) fn completed(&mut self, browser_id: &Id, desk: &mut Desk<'_>) {
        for id in self.named.remove(browser_id).unwrap_or_default() {
            let params = format!(r#"{{"elicitationId":{id}}}"#);
            desk.send_browser(Notification::new(
                "notifications/elicitation/complete",
                Some(&params),
            ));
        }
    }

    /// A call is over; what the browser was asked for its sake is withdrawn.
    pub(super) fn forget(&mut self, browser_id: &Id, desk: &mut Desk<'_>) {
        self.completed(browser_id, desk);
        let Some(waiting) = self.waiting.remove(browser_id) else {
            return;
        };
        for entry in waiting
            .entries
            .iter()
            .filter(|entry| entry.answer.is_none())
        {
            self.asked.remove(&entry.id);
            if desk.asked.close(&entry.id) {
                desk.send_browser(Desk::cancellation(&entry.id, "the call is over"));
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.waiting
            .values()
            .filter_map(|waiting| waiting.retry_at)
            .min()
    }

    /// The calls whose pause is over.
    pub(super) fn on_due(&mut self, desk: &mut Desk<'_>) -> Vec<Request> {
        let now = desk.now;
        let mut due: Vec<Id> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.retry_at.is_some_and(|at| at <= now))
            .map(|(id, _)| id.clone())
            .collect();
        due.sort();
        due.iter().filter_map(|id| self.resume(id, desk)).collect()
    }
}

fn pause(rounds: usize) -> Duration {
    let doublings = u32::try_from(rounds.saturating_sub(2))
        .unwrap_or(u32::MAX)
        .min(8);
    (PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

/// The params of a URL elicitation with an id, when they have none.
fn named(params: &str, id: &Id) -> Option<String> {
    let mode = &params[rpc::member(params, "mode")?];
    if mode != "\"url\"" || rpc::member(params, "elicitationId").is_some() {
        return None;
    }
    rpc::edit(params, &[("elicitationId", Some(id.as_json()))])
}
