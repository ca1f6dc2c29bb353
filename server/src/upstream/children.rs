//! How many child processes there are, and how many there may be.
//!
//! Owns the count. Never starts or ends one.

use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use rustix::io::Errno;

use crate::meters;

/// Children are children of this process, whichever part of it has started them, so the process counts them.
static LIVING: AtomicUsize = AtomicUsize::new(0);

/// One child's place among those that may live at once. Dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Place {
    _counted: meters::Counted,
}

impl Place {
    /// Takes a place when there are fewer than `most`.
    pub(super) fn take(most: usize) -> Result<Self, Fault> {
        let one_more = |living: usize| (living < most).then_some(living + 1);
        LIVING
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .map_err(|_| {
                meters::reached("children");
                Fault::new(
                    FaultCode::TooManyChildren,
                    format!("The bridge already runs {most} processes, and may not run more."),
                )
                .hint("Try again when others have ended, or raise limits.children.")
            })?;
        Ok(Self {
            _counted: meters::child(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        LIVING.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Whether an error of the operating system means that there is too much of everything just now.
pub(super) fn is_exhaustion(error: &io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| {
        [Errno::AGAIN, Errno::MFILE, Errno::NFILE, Errno::NOMEM].contains(&errno)
    })
}

/// The fault for such an error.
pub(super) fn exhausted(name: &str, error: &io::Error) -> Fault {
    Fault::new(
        FaultCode::TooManyChildren,
        format!("The MCP server `{name}` could not be started: the system gives no further process ({error})."),
    )
    .hint(
        "Try again when others have ended, or raise the bounds on the bridge's user and on its open files (ulimit -u, \
         ulimit -n).",
    )
}
