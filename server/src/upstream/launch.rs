//! From approved params to a process that runs.
//!
//! Owns the order: find the program, count the child, make its control group, start its supervisor. Never reads or
//! writes the process's streams.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::fault::UpstreamReport;
use footbridge_shared::params::StdioParams;
use rustix::process::Signal;
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::children;
use super::children::Place;
use super::command;
use super::command::Located;
use super::environment;
use super::spawner;
use super::spawner::Started;
use crate::audit::Witness;
use crate::config::Limits;
use crate::config::sandbox::Sandbox;
use crate::sandbox::SandboxLevel;
use crate::sandbox::bubblewrap::View;
use crate::supervise::Restrictions;
use crate::supervise::Terms;
use crate::supervise::groups;
use crate::supervise::groups::Bounds;
use crate::supervise::processes;

/// How often to try to end a control group, and how long in between.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// A process to start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) params: &'a StdioParams,
    pub(super) sandbox: &'a Sandbox,
    /// This binary: it supervises the process.
    pub(super) program: &'a Path,
}

/// A process that was started.
#[derive(Debug)]
pub(super) struct Launched {
    /// The program as errors name it.
    pub(super) name: String,
    pub(super) started: Started,
    pub(super) group: Group,
    pub(super) place: Place,
}

/// Starts a process under a supervisor.
pub(super) async fn launch(request: Request<'_>, limits: &Limits) -> Result<Launched, Fault> {
    let Request {
        params, sandbox, ..
    } = request;
    let name = command::name(&params.command);
    let place = Place::take(limits.children)?;
    let is_restricted = sandbox.level > SandboxLevel::None;
    let located = {
        let params = params.clone();
        // Looks at files, which a network file system may take its time for.
        let locate = move || {
            let located = command::locate(&params, environment::path().as_deref())?;
            if is_restricted {
                command::check_rights(&located)?;
            }
            Ok(located)
        };
        spawn_blocking(locate)
            .await
            .map_err(|_| Fault::new(FaultCode::Internal, "The search for the command failed."))??
    };
    let failed = |error: io::Error| {
        if children::is_exhaustion(&error) {
            return children::exhausted(&name, &error);
        }
        Fault::new(
            FaultCode::Internal,
            format!("The MCP server `{name}` could not be started: the bridge cannot start its supervisor ({error})."),
        )
        .data(UpstreamReport { command: Some(name.clone()), ..UpstreamReport::default() })
    };
    let mark = uuid::Uuid::new_v4().simple().to_string();
    let group = Group::make(sandbox, &mark, limits).map_err(failed)?;
    let terms = Terms {
        term_wait: limits.stop_term_wait,
        restrictions: is_restricted.then_some(Restrictions {
            open_files: limits.child_open_files as u64,
            file_bytes: limits.child_file_bytes as u64,
            user_processes: limits.child_user_processes as u64,
        }),
        groups: group.0.clone(),
        nested: sandbox.bubblewrap().is_some(),
    };
    let supervised = supervised(request, &located, &terms, &mark);
    match spawner::start(supervised, mark.clone()).await {
        Ok(started) => {
            let pid = started.supervisor.id();
            Witness::here().spawned(&located.program, &params.args, pid, sandbox.level.name());
            tracing::debug!(
                program = %located.program.display(),
                sandbox = sandbox.level.name(),
                "started an MCP server"
            );
            Ok(Launched {
                name,
                started,
                group,
                place,
            })
        }
        Err(error) => {
            // It may have got as far as running, without anybody who holds it.
            for pid in processes::marked(&mark) {
                let _ = rustix::process::kill_process(pid, Signal::TERM);
            }
            group.end().await;
            Err(failed(error))
        }
    }
}

/// The supervisor's command line and environment.
fn supervised(request: Request<'_>, located: &Located, terms: &Terms, mark: &str) -> Command {
    let Request {
        params,
        sandbox,
        program,
    } = request;
    let mut environment = environment::of_child(&params.env);
    let mut words: Vec<OsString> = Vec::new();
    if let Some(bubblewrap) = sandbox.bubblewrap() {
        let view = View {
            program: &located.program,
            directory: located.directory.as_deref(),
            writable: &sandbox.writable,
            network: sandbox.network,
        };
        words.push(bubblewrap.into());
        words.extend(view.arguments());
        environment::move_caches(&mut environment, &params.env, &sandbox.writable);
    } else {
        words.push((&located.program).into());
    }
    let mut command = Command::new(program);
    command
        .args(["supervise", "--report", "--parent"])
        .arg(std::process::id().to_string())
        .args(terms.to_args())
        .arg("--")
        .args(words)
        .args(&params.args)
        .env_clear()
        .envs(environment)
        // The last to be set, so that nobody can give a process another one.
        .env(processes::MARK, mark);
    if let Some(directory) = &located.directory {
        command.current_dir(directory);
    }
    command
}

/// The control group of one MCP server: a directory for each hierarchy, or none below the level that has them.
///
/// The supervisor ends it. Whoever holds this does it in the supervisor's place when that could not.
#[derive(Debug, Default)]
pub(super) struct Group(Vec<PathBuf>);

impl Group {
    fn make(sandbox: &Sandbox, name: &str, limits: &Limits) -> io::Result<Self> {
        let Some(groups) = sandbox.groups() else {
            return Ok(Self::default());
        };
        let bounds = Bounds {
            processes: limits.child_processes as u64,
            memory_bytes: limits.child_memory_bytes as u64,
            cpu_percent: limits.child_cpu_percent as u64,
        };
        groups.create(name, &bounds).map(Self)
    }

    /// Kills whatever is left in it and removes it. At once, when the supervisor has done it.
    pub(super) async fn end(&self) {
        let mut left = self.0.clone();
        for _ in 0..TRIES {
            left.retain(|group| !groups::end(group));
            if left.is_empty() {
                return;
            }
            sleep(PAUSE).await;
        }
        tracing::warn!(groups = ?left, "a control group could not be removed");
    }

    /// Whether the process had one.
    pub(super) fn is_there(&self) -> bool {
        !self.0.is_empty()
    }
}
