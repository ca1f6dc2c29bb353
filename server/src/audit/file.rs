//! The file of the audit log.
//!
//! Owns the open file, and notices when its name means another one. Never cuts or rewrites what was written.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

/// What is given instead of a path for standard error.
const STANDARD_ERROR: &str = "-";

/// Where lines go.
#[derive(Debug)]
pub(super) enum Log {
    Stderr,
    File { path: PathBuf, file: File },
}

impl Log {
    /// Opens a file to append to, or creates it for the user alone.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new(STANDARD_ERROR) {
            return Ok(Self::Stderr);
        }
        // A name without a folder means the same file whatever becomes of the working directory.
        let path = std::path::absolute(path)?;
        let file = open(&path)?;
        Ok(Self::File { path, file })
    }

    /// Opens the file anew when its name no longer means the one that is open; whether it did. On an error the one
    /// that is open stays.
    pub(super) fn refresh(&mut self) -> io::Result<bool> {
        match self {
            Self::File { path, file } if !is_named(path, file)? => {
                *file = open(path)?;
                Ok(true)
            }
            Self::File { .. } | Self::Stderr => Ok(false),
        }
    }

    /// Writes some of the bytes; how many.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stderr => io::stderr().lock().write(bytes),
            Self::File { file, .. } => file.write(bytes),
        }
    }

    /// Waits until the disk has what was written.
    pub(super) fn sync(&self) -> io::Result<()> {
        match self {
            Self::Stderr => Ok(()),
            Self::File { file, .. } => match file.sync_data() {
                // What is no disk has nothing to wait for.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
                result => result,
            },
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    check_kind(path)?;
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    for_the_user_alone(&mut options);
    let mut file = options.open(path)?;
    if ends_in_a_line(path) {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// Whether a crash, or a full disk, has left a line without its end: the next record must not become part of it.
fn ends_in_a_line(path: &Path) -> bool {
    let last = || {
        let mut file = File::open(path)?;
        let mut last = [0];
        // Fails for an empty file, which needs nothing.
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok::<_, io::Error>(last[0])
    };
    std::fs::metadata(path).is_ok_and(|file| file.is_file())
        && last().is_ok_and(|last| last != b'\n')
}

#[cfg(unix)]
fn for_the_user_alone(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn for_the_user_alone(_options: &mut OpenOptions) {}

#[cfg(unix)]
fn check_kind(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    // To open one waits for its reader, perhaps for ever.
    if std::fs::metadata(path).is_ok_and(|file| file.file_type().is_fifo()) {
        return Err(io::Error::other("it is a pipe"));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_kind(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn is_named(path: &Path, file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let open = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_named(path: &Path, _file: &File) -> io::Result<bool> {
    path.try_exists()
}
