//! The keys of the identity provider, kept fresh: a file that is read again when it changes, or a URL.
//!
//! Owns the reading. Never takes keys away because they could not be read anew: the old ones stay, and the log says so.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use tokio::time::sleep_until;
use tokio::time::timeout;
use tracing::info;
use tracing::warn;

use crate::audit;
use crate::config::Limits;
use crate::config::auth::KeySource;
use crate::egress::Egress;
use crate::egress::authority;
use crate::gate::KeyRing;
use crate::gate::KeySet;
use crate::meters;
use crate::upstream::document;

/// How soon a change of a file is noticed.
const FILE_PAUSE: Duration = Duration::from_secs(2);

/// Reads the keys, again and again.
#[derive(Debug)]
pub struct Refresher {
    source: KeySource,
    ring: KeyRing,
    egress: Arc<Egress>,
    limits: Limits,
    /// The last document that was read.
    known: Vec<u8>,
    /// Why the last reading failed, so that the log says it once.
    problem: Option<String>,
}

impl Refresher {
    /// Puts the keys of this source on a ring.
    pub fn new(source: KeySource, ring: KeyRing, egress: Arc<Egress>, limits: Limits) -> Self {
        Self {
            source,
            ring,
            egress,
            limits,
            known: Vec::new(),
            problem: None,
        }
    }

    /// Reads the keys for the first time. A URL may be out of reach for now: until it is not, no JWT is taken.
    ///
    /// # Errors
    /// A sentence when the keys are in a file that cannot be used.
    pub async fn start(&mut self) -> io::Result<()> {
        self.read().await;
        match (&self.source, &self.problem) {
            (KeySource::File(_), Some(problem)) => {
                Err(io::Error::other(problem.trim_end_matches('.').to_owned()))
            }
            (KeySource::File(_) | KeySource::Url(_), _) => Ok(()),
        }
    }

    /// Reads the keys again when it is time, and when a JWT names one that is unknown. Ends with its future.
    pub async fn run(mut self) {
        let mut last = Instant::now();
        loop {
            let pause = match (&self.source, &self.problem) {
                (KeySource::File(_), _) => FILE_PAUSE,
                (KeySource::Url(_), None) => self.limits.jwks_refresh,
                (KeySource::Url(_), Some(_)) => self.limits.jwks_pause,
            };
            let is_wanted = tokio::select! {
                () = sleep_until(last + pause) => false,
                () = self.ring.wanted() => true,
            };
            if is_wanted && self.is_too_soon(last) {
                meters::reached("jwks_pause");
                self.ring.keep();
                continue;
            }
            self.read().await;
            last = Instant::now();
        }
    }

    /// Whoever invents names of keys must not make the bridge ask for them each time.
    fn is_too_soon(&self, last: Instant) -> bool {
        match self.source {
            KeySource::File(_) => false,
            KeySource::Url(_) => last.elapsed() < self.limits.jwks_pause,
        }
    }

    async fn read(&mut self) {
        match self.fetch().await {
            Ok(text) if text == self.known && self.problem.is_none() => self.ring.keep(),
            Ok(text) => match KeySet::parse(&text) {
                Ok(keys) => self.take(keys, text),
                Err(problem) => self.fail(format!("{} {problem}.", self.name())),
            },
            Err(problem) => self.fail(problem),
        }
    }

    async fn fetch(&self) -> Result<Vec<u8>, String> {
        let max_bytes = self.limits.jwks_bytes;
        let text = match &self.source {
            KeySource::File(path) => {
                let read = timeout(self.limits.jwks_timeout, read_file(path, max_bytes)).await;
                read.unwrap_or_else(|late| Err(late.into()))
                    .map_err(|error| format!("{} cannot be read: {error}.", self.name()))?
            }
            KeySource::Url(url) => {
                document(url, &self.egress, max_bytes, self.limits.jwks_timeout).await?
            }
        };
        if text.len() > max_bytes {
            meters::reached("jwks_bytes");
            return Err(format!("{} has more than {max_bytes} bytes.", self.name()));
        }
        Ok(text)
    }

    fn name(&self) -> String {
        match &self.source {
            KeySource::File(path) => path.display().to_string(),
            KeySource::Url(url) => authority(url),
        }
    }

    fn take(&mut self, keys: KeySet, text: Vec<u8>) {
        info!(n_keys = keys.len(), "keys for JWTs read");
        // The first time is no news.
        if self.problem.is_some() || !self.known.is_empty() {
            meters::reloaded("jwks", true);
            audit::record(&audit::Record::Reloaded {
                what: "jwks",
                problem: None,
            });
        }
        self.known = text;
        self.problem = None;
        self.ring.put(keys);
    }

    fn fail(&mut self, problem: String) {
        if self.problem.as_ref() != Some(&problem) {
            warn!(%problem, "keys for JWTs could not be read; those that are known stay");
            meters::reloaded("jwks", false);
            audit::record(&audit::Record::Reloaded {
                what: "jwks",
                problem: Some(&problem),
            });
        }
        self.problem = Some(problem);
        self.ring.keep();
    }
}

/// At most one byte more than there may be.
async fn read_file(path: &Path, max_bytes: usize) -> io::Result<Vec<u8>> {
    let file = tokio::fs::File::open(path).await?;
    let mut text = Vec::new();
    file.take(max_bytes as u64 + 1)
        .read_to_end(&mut text)
        .await?;
    Ok(text)
}
