//! Which era each MCP server was found to be of, so that the next session need not find out again
//! (MCP 2026-07-28, basic/versioning: the verdict may be cached).

use std::collections::VecDeque;
use std::hash::BuildHasher as _;
use std::hash::RandomState;
use std::sync::Mutex;
use std::sync::PoisonError;

use footbridge_shared::params::SecretValues;
use footbridge_shared::params::ServerParams;

use crate::bridge::Verdict;

/// Servers that are remembered; the one found out about first is forgotten first.
const CAPACITY: usize = 1024;

/// What is known of MCP servers, for all sessions of a bridge. Servers are kept as hashes under a key of this
/// process: nothing of their params can be read back.
#[derive(Debug, Default)]
pub struct Verdicts {
    hasher: RandomState,
    known: Mutex<VecDeque<(u64, Verdict)>>,
}

impl Verdicts {
    /// The era of the server that these params reach, when it is known.
    pub fn of(&self, params: &ServerParams) -> Option<Verdict> {
        let key = self.key(params);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .iter()
            .find_map(|(known, verdict)| (*known == key).then_some(*verdict))
    }

    /// Notes the era of the server that these params reach.
    pub fn remember(&self, params: &ServerParams, verdict: Verdict) {
        let key = self.key(params);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(known, _)| *known != key);
        if known.len() >= CAPACITY {
            known.pop_front();
        }
        known.push_back((key, verdict));
    }

    fn key(&self, params: &ServerParams) -> u64 {
        match params {
            // The same URL is the same server, whoever asks.
            ServerParams::Sse(sse) => self.hasher.hash_one(("sse", &sse.url)),
            ServerParams::Http(http) => self.hasher.hash_one(("http", &http.url)),
            ServerParams::Stdio(_) | ServerParams::Named(_) => {
                let text = params.to_json(SecretValues::Blanked).to_string();
                self.hasher.hash_one(("stdio", text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use footbridge_shared::params::StdioParams;

    use super::*;

    fn server(name: &str) -> ServerParams {
        ServerParams::Stdio(StdioParams {
            command: name.to_owned(),
            ..StdioParams::default()
        })
    }

    #[test]
    fn the_latest_verdict_counts_and_the_oldest_server_is_forgotten_first() {
        let verdicts = Verdicts::default();
        assert_eq!(verdicts.of(&server("a")), None);
        verdicts.remember(&server("a"), Verdict::Legacy);
        verdicts.remember(&server("a"), Verdict::Modern);
        assert_eq!(verdicts.of(&server("a")), Some(Verdict::Modern));
        assert_eq!(verdicts.of(&server("b")), None);
        for number in 0..CAPACITY {
            verdicts.remember(&server(&number.to_string()), Verdict::Legacy);
        }
        assert_eq!(verdicts.of(&server("a")), None);
        assert_eq!(verdicts.of(&server("0")), Some(Verdict::Legacy));
    }
}
