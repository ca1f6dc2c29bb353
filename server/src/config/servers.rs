//! The `--servers` file and the files it refers to: read at the start, and again whenever one of them changes.
//!
//! Owns the noticing of a change and what an entry must be beyond its form. Never decides what becomes of a catalogue
//! that was read, and never repeats what a file or a variable holds.

use std::cell::RefCell;
use std::fs::File;
use std::fs::Metadata;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use footbridge_shared::params::Secrets;
use footbridge_shared::params::ServerParams;
use url::Url;

use crate::catalogue::Catalogue;
use crate::catalogue::CatalogueEntry;
use crate::catalogue::Place;
use crate::catalogue::Surroundings;
use crate::config::Limits;
use crate::config::error::ConfigError;
use crate::config::sandbox::Sandbox;
use crate::config::sandbox::Sandboxes;
use crate::egress::check_form;
use crate::egress::headers;
use crate::sandbox::SandboxOptions;
use crate::variables::is_of_code;

/// Bytes a file may have that a reference names: a key or a token, not a document.
const REFERENCE_BYTES: u64 = 64 * 1024;

/// The `--servers` file, and how it and the files it refers to looked when they were read.
#[derive(Clone, Debug)]
pub struct ServersFile {
    path: PathBuf,
    program: PathBuf,
    limits: Limits,
    sandbox: Arc<Sandbox>,
    /// Of the servers that were last read.
    sandboxes: Sandboxes,
    variable: fn(&str) -> Option<String>,
    /// As they were when they were last read.
    loaded: Vec<(PathBuf, Print)>,
    /// As they were when they were last looked at.
    seen: Vec<(PathBuf, Print)>,
}

/// How a file looks from outside; it changes with every edit, rename and swap of a symbolic link to it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Print {
    Missing,
    There {
        bytes: u64,
        modified: Option<SystemTime>,
        /// Which file it is, and when anything of it last changed.
        #[cfg(unix)]
        inode: [i64; 4],
    },
}

impl Print {
    fn of(path: &Path) -> Self {
        std::fs::metadata(path).map_or(Self::Missing, |metadata| Self::There {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: inode(&metadata),
        })
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> [i64; 4] {
    use std::os::unix::fs::MetadataExt as _;

    [
        metadata.dev().cast_signed(),
        metadata.ino().cast_signed(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ]
}

impl ServersFile {
    /// Reads the file for the first time. `limits` and `sandbox` are the bridge's, `variable` its environment.
    ///
    /// # Errors
    /// A sentence that names the file and the path inside it.
    pub(super) fn open(
        path: &Path,
        program: &Path,
        (limits, sandbox): (&Limits, &Arc<Sandbox>),
        variable: fn(&str) -> Option<String>,
    ) -> Result<(Self, Catalogue), ConfigError> {
        let mut file = Self {
            path: path.to_owned(),
            program: program.to_owned(),
            limits: limits.clone(),
            sandbox: Arc::clone(sandbox),
            sandboxes: Sandboxes::new(),
            variable,
            loaded: Vec::new(),
            seen: Vec::new(),
        };
        let catalogue = file.load()?;
        // A pipe gives its text once.
        if !std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
            file.loaded.clear();
        }
        file.seen.clone_from(&file.loaded);
        Ok((file, catalogue))
    }

    /// Looks at the files, and reads them when one has changed and none has changed since it was last looked: whoever
    /// writes may not be done. `None` when there is nothing new. Blocks as files do.
    pub fn poll(&mut self) -> Option<Result<Catalogue, ConfigError>> {
        let print = |(path, _): &(PathBuf, Print)| (path.clone(), Print::of(path));
        let now: Vec<_> = self.loaded.iter().map(print).collect();
        let is_settled = now == self.seen;
        self.seen = now;
        if !is_settled || self.seen == self.loaded {
            return None;
        }
        let result = self.load();
        self.seen.clone_from(&self.loaded);
        Some(result)
    }

    /// How those of the servers that were last read are shut in that have a way of their own.
    pub fn sandboxes(&self) -> &Sandboxes {
        &self.sandboxes
    }

    fn load(&mut self) -> Result<Catalogue, ConfigError> {
        // Looked at before they are read, so that a later change is noticed.
        let files = RefCell::new(vec![(self.path.clone(), Print::of(&self.path))]);
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let result = self.read(&|name| {
            let path = folder.join(name);
            let print = Print::of(&path);
            let mut files = files.borrow_mut();
            if !files.iter().any(|(known, _)| *known == path) {
                files.push((path.clone(), print));
            }
            read_reference(&path)
        });
        self.loaded = files.into_inner();
        let (catalogue, sandboxes) = result?;
        self.sandboxes = sandboxes;
        Ok(catalogue)
    }

    fn read(
        &self,
        file: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<(Catalogue, Sandboxes), ConfigError> {
        let text = std::fs::read_to_string(&self.path)
            .map_err(|error| ConfigError::unreadable("--servers", &self.path, &error))?;
        let wrong =
            |problem: String| ConfigError::new(format!("{}: {problem}", self.path.display()));
        let around = Surroundings {
            program: &self.program,
            variable: &self.variable,
            file,
        };
        let catalogue =
            Catalogue::read(&text, &around).map_err(|error| wrong(error.to_string()))?;
        let mut sandboxes = Sandboxes::new();
        for (name, entry) in catalogue.iter() {
            let of_server = |problem| wrong(format!("the server \"{name}\": {problem}"));
            check(entry, &self.limits).map_err(of_server)?;
            if let Some(sandbox) = self.sandbox_of(entry).map_err(of_server)? {
                sandboxes.insert(name.to_owned(), Arc::new(sandbox));
            }
        }
        Ok((catalogue, sandboxes))
    }

    /// That of a server which asks for one of its own, tried on this machine.
    fn sandbox_of(&self, entry: &CatalogueEntry) -> Result<Option<Sandbox>, String> {
        let (level, options) = (entry.sandbox, &entry.sandbox_options);
        if level.is_none() && *options == SandboxOptions::default() {
            return Ok(None);
        }
        let sandbox = self.sandbox.of_server(level, options, &self.program);
        sandbox
            .map(Some)
            .map_err(|problem| format!("sandbox: {problem}"))
    }
}

/// The text of a file that a reference names, without its last line end; an error is the end of a sentence.
fn read_reference(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("is not a file".to_owned());
    }
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(REFERENCE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > REFERENCE_BYTES {
        return Err(format!("has more than {REFERENCE_BYTES} bytes"));
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(text)
}

/// Whether a server can be asked as it is written down; a sentence that begins with the field.
fn check(entry: &CatalogueEntry, limits: &Limits) -> Result<(), String> {
    limits
        .of_server(&entry.limits)
        .map_err(|error| error.to_string())?;
    match &entry.params {
        ServerParams::Sse(sse) => check_remote(&sse.url, &sse.headers),
        ServerParams::Http(http) => check_remote(&http.url, &http.headers),
        ServerParams::Stdio(_) => check_variables(entry),
        ServerParams::Named(_) => Ok(()),
    }
}

/// What a caller types must not decide which code runs.
fn check_variables(entry: &CatalogueEntry) -> Result<(), String> {
    let filled = entry.slots.iter().find_map(|slot| match &slot.place {
        Place::Secret(name) if is_of_code(name) => Some((name, &slot.input)),
        Place::Secret(_) | Place::Arg(_) => None,
    });
    filled.map_or(Ok(()), |(name, input)| {
        Err(format!(
            "env.{name} decides which code runs, so it must not hold the input {input}; write its value down."
        ))
    })
}

fn check_remote(url: &str, headers: &Secrets) -> Result<(), String> {
    let url = Url::parse(url).map_err(|error| format!("url is not a URL: {error}."))?;
    check_form(&url).map_err(|problem| format!("url {problem}."))?;
    for (name, value) in headers {
        headers::check_name(name)
            .and_then(|()| headers::check_value(value.expose()))
            .map_err(|problem| format!("headers.{name} {problem}."))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder of a test's own.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("footbridge-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, text).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn open(path: &Path) -> Result<(ServersFile, Catalogue), String> {
        let variable = |name: &str| (name == "KEY").then(|| "of-variable".to_owned());
        ServersFile::open(
            path,
            Path::new("/bin/footbridge"),
            (&Limits::default(), &Arc::default()),
            variable,
        )
        .map_err(|error| error.to_string())
    }

    fn names(catalogue: &Catalogue) -> Vec<&str> {
        catalogue.iter().map(|(name, _)| name).collect()
    }

    fn one(name: &str) -> String {
        format!(r#"{{"mcpServers": {{"{name}": {{"command": "a"}}}}}}"#)
    }

    #[test]
    fn a_change_is_taken_over_once_it_is_whole_and_only_once() {
        let folder = Folder::new("change");
        let path = folder.write("servers.json", &one("first"));
        let (mut file, catalogue) = open(&path).unwrap();
        assert_eq!(names(&catalogue), ["demo", "first"]);
        assert!(file.poll().is_none() && file.poll().is_none());

        folder.write("servers.json", "{\"mcpServers\": {\"half");
        assert!(file.poll().is_none());
        folder.write("servers.json", &one("second"));
        assert!(file.poll().is_none(), "it has just changed again");
        let catalogue = file.poll().unwrap().unwrap();
        assert_eq!(names(&catalogue), ["demo", "second"]);
        assert!(file.poll().is_none() && file.poll().is_none());

        folder.write("servers.json", "{\"mcpServers\": {\"broken");
        assert!(file.poll().is_none());
        let problem = file.poll().unwrap().unwrap_err().to_string();
        assert!(
            problem.contains("servers.json: this is not JSON"),
            "{problem}"
        );
        assert!(
            file.poll().is_none() && file.poll().is_none(),
            "it is told once"
        );

        fs::rename(folder.write("new.json", &one("third")), &path).unwrap();
        assert!(file.poll().is_none());
        assert!(file.poll().unwrap().is_ok());
        fs::remove_file(&path).unwrap();
        assert!(file.poll().is_none());
        let problem = file.poll().unwrap().unwrap_err().to_string();
        assert!(problem.contains("--servers: cannot read"), "{problem}");
        folder.write("servers.json", &one("third"));
        assert!(file.poll().is_none());
        assert!(file.poll().unwrap().is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_swapped_link_and_a_file_that_is_referred_to_are_changes() {
        let folder = Folder::new("link");
        let text = r#"{"servers": {"a": {"command": "a", "env": {"K": "${file:key}", "V": "${env:KEY}"}}}}"#;
        let old = folder.write("old.json", text);
        let new = folder.write("new.json", &one("new"));
        let link = folder.0.join("servers.json");
        std::os::unix::fs::symlink(&old, &link).unwrap();
        let problem = open(&link).unwrap_err();
        assert!(
            problem.contains("servers.a.env.K refers to the file key, which cannot be read"),
            "{problem}"
        );

        folder.write("key", "first-key\r\n");
        let (mut file, catalogue) = open(&link).unwrap();
        let value = |catalogue: &Catalogue, name: &str| {
            catalogue.get("a").unwrap().params.secrets()[name]
                .expose()
                .to_owned()
        };
        assert_eq!(value(&catalogue, "K"), "first-key");
        assert_eq!(value(&catalogue, "V"), "of-variable");

        folder.write("key", "the-second-key\n");
        assert!(file.poll().is_none());
        assert_eq!(value(&file.poll().unwrap().unwrap(), "K"), "the-second-key");
        folder.write("key", "");
        assert!(file.poll().is_none());
        let problem = file.poll().unwrap().unwrap_err().to_string();
        assert!(problem.contains("which is empty"), "{problem}");
        folder.write("key", &"x".repeat(REFERENCE_BYTES as usize + 1));
        assert!(file.poll().is_none());
        let problem = file.poll().unwrap().unwrap_err().to_string();
        assert!(problem.contains("has more than 65536 bytes"), "{problem}");
        folder.write("key", &"x".repeat(REFERENCE_BYTES as usize));
        assert!(file.poll().is_none());
        assert!(file.poll().unwrap().is_ok());

        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&new, &link).unwrap();
        assert!(file.poll().is_none());
        assert_eq!(names(&file.poll().unwrap().unwrap()), ["demo", "new"]);
    }

    #[test]
    fn what_is_wrong_with_a_server_is_named_at_the_start_and_no_secret_repeated() {
        let folder = Folder::new("wrong");
        for (entry, part) in [
            (r#""url": "http://""#, "url is not a URL"),
            (
                r#""url": "https://me:s3cret@a.example/""#,
                "url must not hold",
            ),
            (r#""url": "https://a.example/#b""#, "url must not have"),
            (
                r#""url": "https://a.example/", "headers": {"Host": "s3cret"}"#,
                "headers.Host is a header that only the bridge writes",
            ),
            (
                r#""url": "https://a.example/", "headers": {"X-Key": "s3cret\n"}"#,
                "headers.X-Key must hold",
            ),
            (
                r#""command": "a", "env": {"NODE_OPTIONS": "${input:o}"}, "inputs": {"o": {}}"#,
                "env.NODE_OPTIONS decides which code runs",
            ),
            (
                r#""command": "a", "limits": {"sesions": 1}"#,
                "limits.sesions is not a limit of a single server",
            ),
        ] {
            let text = format!(r#"{{"mcpServers": {{"far": {{{entry}}}}}}}"#);
            let sentence = open(&folder.write("servers.json", &text)).unwrap_err();
            assert!(
                sentence.contains(&format!("the server \"far\": {part}")),
                "{sentence}"
            );
            assert!(!sentence.contains("s3cret"), "{sentence}");
        }
    }
}
