//! What is done on behalf of a session, recorded under the session's id.
//!
//! Owns the knowledge of which session a task works for, so that processes and connections can be recorded without
//! knowing of sessions. Never used to decide anything.

use std::future::Future;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use footbridge_shared::fault::FaultCode;
use footbridge_shared::fault::UpstreamReport;
use sha2::Digest;
use sha2::Sha256;

use crate::audit;
use crate::audit::Record;

tokio::task_local! {
    static SESSION: Arc<str>;
}

/// Runs a session's task: what it starts and reaches is recorded under this id.
pub fn in_session<F: Future>(session: &str, task: F) -> impl Future<Output = F::Output> + use<F> {
    SESSION.scope(session.into(), task)
}

/// Records what is done for one session, also from tasks that the session's own has spawned.
#[derive(Clone, Debug)]
pub struct Witness(Arc<str>);

impl Witness {
    /// For the session whose task this is; under an empty id elsewhere.
    pub fn here() -> Self {
        Self(SESSION.try_with(Arc::clone).unwrap_or_default())
    }

    /// A process was started; `sandbox` is its sandbox level, `pid` its supervisor.
    pub fn spawned(
        &self,
        program: &Path,
        args: &[String],
        pid: Option<u32>,
        sandbox: &'static str,
    ) {
        audit::record(&Record::Spawned {
            session: &self.0,
            program: &program.to_string_lossy(),
            argv: &digest(program, args),
            pid,
            sandbox,
        });
    }

    /// A process ended.
    pub fn exited(&self, pid: Option<u32>, code: FaultCode, report: Option<&UpstreamReport>) {
        audit::record(&Record::Exited {
            session: &self.0,
            pid,
            code: code.name(),
            exit_code: report.and_then(|report| report.exit_code),
            signal: report.and_then(|report| report.signal),
        });
    }

    /// The person in front of the page was asked for something.
    pub fn asked(&self, mode: &'static str, host: Option<&str>) {
        audit::record(&Record::Elicitation {
            session: &self.0,
            mode,
            host,
        });
    }

    /// A connection was made.
    pub fn reached(&self, host: &str, address: IpAddr) {
        audit::record(&Record::Reached {
            session: &self.0,
            host,
            address,
        });
    }
}

/// SHA-256 over a command, in hex; no two commands are the same text with a NUL after each part, as none holds one.
fn digest(program: &Path, args: &[String]) -> String {
    let mut digest = Sha256::new();
    digest.update(program.as_os_str().as_encoded_bytes());
    for arg in args {
        digest.update([0]);
        digest.update(arg);
    }
    digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_a_command_is_sha256_over_its_parts_and_their_limits() {
        let args =
            |args: &[&str]| -> Vec<String> { args.iter().map(|&arg| arg.to_owned()).collect() };
        let of = |program: &str, list: &[&str]| digest(Path::new(program), &args(list));
        assert_eq!(
            of("/bin/cat", &[]),
            // printf /bin/cat | sha256sum
            "d22edeb4dabee48a003a7afc0d052707ce5f34cd823a928f5750fe5953dd8eea"
        );
        assert_ne!(of("/bin/a", &["b", "c"]), of("/bin/a", &["b c"]));
        assert_ne!(of("/bin/a", &["bc"]), of("/bin/a", &["b", "c"]));
        assert_ne!(of("/bin/a", &["", "b"]), of("/bin/a", &["b", ""]));
        assert_eq!(of("/bin/a", &["b"]), of("/bin/a", &["b"]));
    }

    #[tokio::test]
    async fn a_task_knows_its_session_and_hands_it_on_by_hand() {
        assert_eq!(&*Witness::here().0, "");
        let inside = in_session("sid", async {
            let witness = Witness::here();
            let mut tasks = tokio::task::JoinSet::new();
            tasks.spawn(async move { (witness, Witness::here()) });
            tasks.join_next().await.unwrap().unwrap()
        });
        let (handed_on, found) = inside.await;
        assert_eq!((&*handed_on.0, &*found.0), ("sid", ""));
    }
}
