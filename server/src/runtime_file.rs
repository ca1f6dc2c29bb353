//! The file by which other programs of this user find a running bridge and its token.
//!
//! Owns that file and its folder, `$XDG_RUNTIME_DIR/footbridge`, which nobody else may look into. Never writes through
//! a link or into a file that is there already.

use std::fs;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use footbridge_shared::params::Secret;
use serde_json::json;

/// The file; dropping it removes it.
#[derive(Debug)]
pub struct RuntimeFile {
    path: PathBuf,
}

impl Drop for RuntimeFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl RuntimeFile {
    /// Writes `footbridge/PORT.json` below a folder. One that a killed bridge has left is replaced: the port is ours.
    ///
    /// # Errors
    /// When the folder is open to others, or the file cannot be written.
    pub fn write(
        runtime_folder: &Path,
        port: u16,
        url: &str,
        page_url: &str,
        token: Option<&Secret>,
    ) -> io::Result<Self> {
        let folder = runtime_folder.join("footbridge");
        make_private(&folder)?;
        let path = folder.join(format!("{}.json", port));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        let written = Self { path };
        let contents = json!({
            "url": url,
            "page_url": page_url,
            "token": token.map(Secret::expose),
            "pid": std::process::id(),
        });
        writeln!(file, "{contents}")?;
        Ok(written)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    use std::os::unix::fs::MetadataExt;
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let found = fs::symlink_metadata(folder)?;
    let is_ours = found.uid() == rustix::process::geteuid().as_raw();
    if found.is_dir() && is_ours && found.mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{0} must be a folder of this user alone; run: chmod 700 {0}",
        folder.display()
    )))
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("footbridge-runtime-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn write(folder: &Folder) -> io::Result<RuntimeFile> {
        let token = Secret::new("the-token-of-this-test");
        RuntimeFile::write(
            &folder.0,
            4711,
            "http://127.0.0.1:4711",
            "http://a/#token=x",
            Some(&token),
        )
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn only_this_user_can_read_it_and_it_goes_with_its_value() {
        let folder = Folder::new("modes");
        let file = write(&folder).unwrap();
        assert_eq!(mode(file.path()), 0o600);
        assert_eq!(mode(&folder.0.join("footbridge")), 0o700);
        let text = fs::read_to_string(file.path()).unwrap();
        let contents: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(contents["url"], "http://127.0.0.1:4711");
        assert_eq!(contents["token"], "the-token-of-this-test");
        let path = file.path().to_owned();
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_link_is_replaced_and_not_written_through() {
        let folder = Folder::new("link");
        drop(write(&folder).unwrap());
        let victim = folder.0.join("victim");
        fs::write(&victim, "untouched").unwrap();
        let link = folder.0.join("footbridge/4711.json");
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        let _file = write(&folder).unwrap();
        assert!(!fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    }

    #[test]
    fn a_folder_that_others_can_look_into_is_refused() {
        let folder = Folder::new("open");
        let inside = folder.0.join("footbridge");
        fs::create_dir(&inside).unwrap();
        fs::set_permissions(&inside, fs::Permissions::from_mode(0o755)).unwrap();
        let sentence = write(&folder).unwrap_err().to_string();
        assert!(sentence.contains("chmod 700"), "{sentence}");
    }
}
