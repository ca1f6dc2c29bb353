//! Where a stream stands, so that it can be opened again where it broke off (MCP 2025-03-26 to 2025-11-25,
//! basic/transports, resumability).

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;
use tokio::time::sleep;

use super::state::LAST_EVENT_ID;
use crate::upstream::remote::Events;
use crate::upstream::remote::Kind;
use crate::upstream::remote::Remote;
use crate::upstream::remote::kind;

/// How long to wait when the server does not say.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest wait of our own making.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often in a row a stream is opened again without a message on it.
const ATTEMPTS: u32 = 5;

/// Where a stream stands.
#[derive(Debug, Default)]
pub(super) struct Place {
    last_id: Option<String>,
    retry: Option<Duration>,
    n_failed: u32,
}

impl Place {
    /// A message came.
    pub(super) fn moved(&mut self) {
        self.n_failed = 0;
    }

    /// A stream has ended; what it said about going on.
    pub(super) fn note(&mut self, events: &Events) {
        if let Some(id) = events.last_id() {
            self.last_id = Some(id.to_owned());
        }
        self.retry = events.retry().or(self.retry);
        self.n_failed += 1;
    }

    /// A stream could not be opened.
    pub(super) fn failed(&mut self) {
        self.n_failed += 1;
    }

    /// Headers with the place in them.
    pub(super) fn headers(&self, headers: &HeaderMap) -> HeaderMap {
        let mut headers = headers.clone();
        if let Some(id) = self
            .last_id
            .as_deref()
            .and_then(|id| HeaderValue::from_str(id).ok())
        {
            headers.insert(LAST_EVENT_ID, id);
        }
        headers
    }

    /// How long to wait now: as long as the server asks, longer each time it was in vain.
    pub(super) fn pause(&self) -> Duration {
        let doublings = self.n_failed.saturating_sub(1).min(5);
        let pause = self.retry.unwrap_or(PAUSE);
        (pause * 2_u32.pow(doublings)).min(LONGEST_PAUSE.max(pause))
    }

    /// Waits and opens the stream again; `None` when the server gave no place or does not let us.
    pub(super) async fn resume(&mut self, remote: &Remote, headers: &HeaderMap) -> Option<Events> {
        self.last_id.as_ref()?;
        while self.n_failed <= ATTEMPTS {
            sleep(self.pause()).await;
            match remote.get(remote.url(), self.headers(headers)).await {
                Ok(response)
                    if response.status().is_success() && kind(&response) == Kind::Events =>
                {
                    return Some(remote.events(response));
                }
                Ok(response) if response.status().is_server_error() => self.failed(),
                Ok(_) => return None,
                Err(_) => self.failed(),
            }
        }
        None
    }
}
