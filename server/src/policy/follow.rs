//! Keeps the catalogue as its file is, while the bridge runs.
//!
//! Owns when to look. Never touches a session: what runs goes on with what it was started with.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::info;
use tracing::warn;

use super::Policy;
use crate::audit;
use crate::config::servers::ServersFile;
use crate::meters;

/// Between two looks at the files. A change is taken over when two looks in a row have seen the same.
const PAUSE: Duration = Duration::from_millis(500);

/// Takes over what changes in the file, until `stop` is cancelled. What cannot be read changes nothing.
pub async fn follow(policy: &Policy, mut file: ServersFile, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(PAUSE) => {}
        }
        // A file may be on a disk far away.
        let look = spawn_blocking(move || {
            let outcome = file.poll();
            (file, outcome)
        });
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            looked = look => match looked {
                Ok((same, outcome)) => {
                    file = same;
                    outcome
                }
                Err(error) => {
                    warn!(%error, "the servers file is no longer looked at");
                    return;
                }
            },
        };
        let problem = match outcome {
            None => continue,
            Some(Ok(catalogue)) => {
                info!(
                    servers = catalogue.iter().count(),
                    "the servers file was read again"
                );
                policy.replace(catalogue, file.sandboxes().clone());
                None
            }
            Some(Err(error)) => {
                let problem = error.to_string();
                warn!(
                    problem,
                    "the servers file has changed and cannot be used; the bridge keeps what it had"
                );
                Some(problem)
            }
        };
        meters::reloaded("catalogue", problem.is_none());
        audit::record(&audit::Record::Reloaded {
            what: "catalogue",
            problem: problem.as_deref(),
        });
    }
}
