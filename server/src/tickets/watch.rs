//! The file of keys while the bridge runs: read again and again, so that a new key seals and a removed one opens
//! nothing more within a moment.
//!
//! Owns what stood in the file last. Never lets a file that cannot be used replace keys that can.

use crate::audit;
use crate::config::error::ConfigError;
use crate::config::ticket_keys::TicketKeyFile;
use crate::config::ticket_keys::TicketKeys;
use tracing::info;
use tracing::warn;

/// The file of keys, and what is known of it.
#[derive(Debug)]
pub(super) struct Watched {
    file: TicketKeyFile,
    /// What is wrong with it now; told once.
    problem: Option<String>,
}

impl Watched {
    pub(super) fn new(file: &TicketKeyFile) -> Self {
        Self {
            file: file.clone(),
            problem: None,
        }
    }

    /// Reads the file; the keys, when they are others than before.
    ///
    /// The text is compared and not the file's time: a change within one tick of the clock would be missed.
    pub(super) async fn read(&mut self) -> Option<TicketKeys> {
        let path = self.file.path.clone();
        // A file system that hangs holds up nothing but this.
        let read = tokio::task::spawn_blocking(move || TicketKeys::read(&path));
        self.judge(read.await.ok()?)
    }

    fn judge(&mut self, read: Result<TicketKeys, ConfigError>) -> Option<TicketKeys> {
        match read {
            Ok(keys) => {
                let is_new = keys != self.file.keys;
                if is_new || self.problem.is_some() {
                    info!(keys = keys.older.len() + 1, "ticket keys read again");
                    record(None);
                }
                self.problem = None;
                is_new.then(|| {
                    self.file.keys = keys.clone();
                    keys
                })
            }
            Err(error) => {
                let problem = error.to_string();
                if self.problem.as_ref() != Some(&problem) {
                    warn!(problem, "the ticket keys stay as they were");
                    record(Some(&problem));
                    self.problem = Some(problem);
                }
                None
            }
        }
    }
}

fn record(problem: Option<&str>) {
    audit::record(&audit::Record::Reloaded {
        what: "ticket_keys",
        problem,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(keys: &TicketKeys) -> Watched {
        Watched::new(&TicketKeyFile {
            path: "/nowhere/keys".into(),
            keys: keys.clone(),
        })
    }

    #[test]
    fn keys_are_handed_over_when_they_are_others_than_before() {
        let (one, two) = (TicketKeys::random().unwrap(), TicketKeys::random().unwrap());
        let mut watched = watched(&one);
        assert_eq!(watched.judge(Ok(one.clone())), None);
        assert_eq!(watched.judge(Ok(two.clone())), Some(two.clone()));
        assert_eq!(watched.judge(Ok(two)), None);
        assert_eq!(watched.judge(Ok(one.clone())), Some(one));
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_used_changes_nothing_and_says_why() {
        let keys = TicketKeys::random().unwrap();
        let mut watched = watched(&keys);
        assert_eq!(watched.read().await, None);
        let problem = watched.problem.clone().unwrap();
        assert!(problem.contains("cannot read /nowhere/keys"), "{problem}");
        assert_eq!(watched.file.keys, keys);
        assert_eq!(watched.judge(Ok(keys)), None);
        assert_eq!(watched.problem, None);
    }
}
