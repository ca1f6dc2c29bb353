//! Opening the page in the person's browser.
//!
//! Owns a file that only this user can read and that leads on to the page: a program's arguments can be read by
//! every user of the machine, and the page's URL holds the token.

use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

/// The file; dropping it removes it.
#[derive(Debug)]
pub struct Page {
    path: PathBuf,
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Opens a URL in the default browser. The page must be kept until the browser has read it.
///
/// # Errors
/// When the file cannot be written or no opener is installed.
pub fn page(url: &str) -> io::Result<Page> {
    let path = std::env::temp_dir().join(format!("footbridge-{}.html", uuid::Uuid::new_v4()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path)?;
    let page = Page { path };
    let url = url
        .replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;");
    write!(
        file,
        "<!doctype html><meta http-equiv=\"refresh\" content=\"0; url={url}\"><a href=\"{url}\">Footbridge</a>"
    )?;
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let nothing = || Stdio::null();
    let mut child = Command::new(opener)
        .arg(&page.path)
        .stdin(nothing())
        .stdout(nothing())
        .stderr(nothing())
        .spawn()?;
    // Openers end at once; waiting elsewhere keeps it from becoming a zombie.
    std::thread::spawn(move || child.wait());
    Ok(page)
}
