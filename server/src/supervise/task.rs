//! What a supervisor is asked to do, as words of a command line.
//!
//! Owns the spelling, both ways: the bridge writes it, `footbridge supervise` reads it. Never acts on it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Pid;

use super::restrict::Restrictions;

/// Under what terms a command is watched over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// From SIGTERM to SIGKILL.
    pub term_wait: Duration,
    /// What is taken away from the command; absent: nothing.
    pub restrictions: Option<Restrictions>,
    /// Control groups, made for this command alone: it is put into them, and they end with it.
    pub groups: Vec<PathBuf>,
    /// Whether the command only makes namespaces, in which the MCP server is a grandchild.
    pub nested: bool,
}

impl Terms {
    /// The words that `Task::from_args` reads.
    pub fn to_args(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec![
            "--term-wait-ms".into(),
            self.term_wait.as_millis().to_string().into(),
        ];
        if let Some(restrictions) = self.restrictions {
            args.extend(["--restrict".into(), restrictions.to_string().into()]);
        }
        for group in &self.groups {
            args.extend(["--group".into(), group.into()]);
        }
        if self.nested {
            args.push("--nested".into());
        }
        args
    }
}

/// What `footbridge supervise` was asked to do. The bridge is its only caller, so the form is fixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    /// Become the command instead of watching over it: the second step.
    pub(super) exec: bool,
    /// The process whose death ends this one.
    pub(super) parent: Pid,
    /// Whether to write a verdict.
    pub(super) report: bool,
    pub(super) terms: Terms,
    pub(super) command: OsString,
    pub(super) args: Vec<OsString>,
}

impl Task {
    /// Reads `[--exec] [--report] --parent PID [terms] -- COMMAND [ARG…]`.
    pub(super) fn from_args(mut args: impl Iterator<Item = OsString>) -> Option<Self> {
        let (mut exec, mut report, mut parent) = (false, false, None);
        let mut terms = Terms {
            term_wait: Duration::from_secs(3),
            ..Terms::default()
        };
        loop {
            match args.next()?.to_str()? {
                "--exec" => exec = true,
                "--report" => report = true,
                "--nested" => terms.nested = true,
                "--parent" => parent = Pid::from_raw(args.next()?.to_str()?.parse().ok()?),
                "--term-wait-ms" => {
                    terms.term_wait = Duration::from_millis(args.next()?.to_str()?.parse().ok()?);
                }
                "--restrict" => {
                    terms.restrictions = Some(Restrictions::parse(args.next()?.to_str()?)?);
                }
                "--group" => terms.groups.push(args.next()?.into()),
                "--" => break,
                _ => return None,
            }
        }
        Some(Self {
            exec,
            parent: parent?,
            report,
            terms,
            command: args.next()?,
            args: args.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(line: &str) -> Option<Task> {
        Task::from_args(line.split(' ').map(OsString::from))
    }

    #[test]
    fn everything_after_the_dashes_is_the_command() {
        let task = task("--parent 7 --term-wait-ms 50 --report -- sh --exec -- -c").unwrap();
        assert_eq!(task.parent.as_raw_nonzero().get(), 7);
        assert_eq!(task.terms.term_wait, Duration::from_millis(50));
        assert_eq!(task.terms.restrictions, None);
        assert!(task.report && !task.exec);
        assert_eq!(task.command, "sh");
        assert_eq!(task.args, ["--exec", "--", "-c"]);
    }

    #[test]
    fn terms_are_read_as_they_were_written() {
        let terms = Terms {
            term_wait: Duration::from_millis(1500),
            restrictions: Some(Restrictions {
                open_files: 1,
                file_bytes: 2,
                user_processes: 3,
            }),
            groups: vec!["/a b".into(), "/c".into()],
            nested: true,
        };
        for terms in [terms, Terms::default()] {
            let words = ["--parent", "7"].map(OsString::from);
            let command = ["--", "sh"].map(OsString::from);
            let all = words.into_iter().chain(terms.to_args()).chain(command);
            assert_eq!(Task::from_args(all).unwrap().terms, terms);
        }
    }

    #[test]
    fn an_incomplete_task_is_refused() {
        for line in [
            "--parent 7 --",
            "--parent 7 sh",
            "-- sh",
            "--parent x -- sh",
            "--parent 0 -- sh",
            "--parent",
            "--parent 7 --restrict 1,2 -- sh",
            "--parent 7 --restrict 1,2,x -- sh",
            "--parent 7 --restrict 1,2,3,4 -- sh",
        ] {
            assert_eq!(task(line), None, "{line}");
        }
    }
}
