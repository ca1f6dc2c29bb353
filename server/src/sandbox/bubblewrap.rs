//! The arguments of `bwrap` (bubblewrap), which starts a program in namespaces of its own.
//!
//! Owns what such a program sees of the machine. Never starts anything.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

/// Directories that are replaced by empty ones: other programs' temporary files, and the sockets of the system's
/// services, through which a program could have things done outside.
const HIDDEN: [&str; 3] = ["/tmp", "/var/tmp", "/run"];

/// What stays visible of them: how host names are resolved, and where some systems keep their programs.
const KEPT: [&str; 5] = [
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager/resolv.conf",
    "/run/nscd",
    "/run/current-system",
];

/// Where package runners keep what they have downloaded: below the home directory, and, when that cannot be written,
/// the variable that tells them of another place, and a place.
const CACHES: [(&str, &str, &str); 2] = [
    (".npm", "npm_config_cache", "/tmp/.npm"),
    (".cache", "XDG_CACHE_HOME", "/tmp/.cache"),
];

/// What a program in a sandbox sees.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The program, by its absolute path.
    pub program: &'a Path,
    /// The directory it starts in; absent: the caller's.
    pub directory: Option<&'a Path>,
    /// What it may change, beside its own temporary files.
    pub writable: &'a [PathBuf],
    /// Whether it may use the network.
    pub network: bool,
}

impl View<'_> {
    /// The arguments, up to and with the program; the program's own come after them.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = [
            "--unshare-pid",
            "--unshare-ipc",
            "--unshare-uts",
            "--unshare-cgroup-try",
            "--die-with-parent",
            // Without it a program of root would keep root's powers, and could make its files writable again.
            "--cap-drop",
            "ALL",
            "--ro-bind",
            "/",
            "/",
            "--dev",
            "/dev",
            "--proc",
            "/proc",
        ]
        .map(OsString::from)
        .into();
        if !self.network {
            arguments.push("--unshare-net".into());
        }
        // Over the read-only root no directory can be made to mount upon.
        let hidden = HIDDEN.map(Path::new).into_iter().filter(|at| at.is_dir());
        for directory in hidden {
            arguments.extend(["--tmpfs".into(), directory.into()]);
        }
        let mut bind = |how: &str, path: &Path| {
            arguments.extend([how.into(), path.into(), path.into()]);
        };
        for path in KEPT {
            bind("--ro-bind-try", Path::new(path));
        }
        let needed = [Some(self.program), self.directory];
        for path in needed.into_iter().flatten().filter(|path| is_hidden(path)) {
            bind("--ro-bind", path);
        }
        for path in self.writable {
            bind("--bind", path);
        }
        if let Some(directory) = self.directory {
            arguments.extend(["--chdir".into(), directory.into()]);
        }
        arguments.extend(["--".into(), self.program.into()]);
        arguments
    }
}

/// Whether a path lies below a directory that is replaced by an empty one.
fn is_hidden(path: &Path) -> bool {
    HIDDEN
        .iter()
        .any(|hidden| path != Path::new(hidden) && path.starts_with(hidden))
}

/// Variables that tell package runners of a cache they can write, where their own is not among `writable`.
pub fn cache_variables(
    home: &Path,
    writable: &[PathBuf],
) -> impl Iterator<Item = (&'static str, &'static str)> {
    CACHES
        .into_iter()
        .filter_map(move |(cache, variable, place)| {
            let cache = home.join(cache);
            let is_writable = writable.iter().any(|path| cache.starts_with(path));
            (!is_writable).then_some((variable, place))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(view: View<'_>) -> String {
        let words: Vec<String> = view
            .arguments()
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        words.join(" ")
    }

    #[test]
    fn only_what_is_listed_can_be_written_and_the_network_can_be_left_out() {
        let view = View {
            program: Path::new("/usr/bin/env"),
            directory: Some(Path::new("/srv")),
            writable: &["/srv/a".into(), "/tmp/b".into()],
            network: true,
        };
        let text = arguments(view);
        assert!(text.contains(" --ro-bind / / "), "{text}");
        assert!(text.contains(" --tmpfs /tmp "), "{text}");
        assert!(
            text.ends_with(
                "--bind /srv/a /srv/a --bind /tmp/b /tmp/b --chdir /srv -- /usr/bin/env"
            ),
            "{text}"
        );
        assert!(!text.contains("--unshare-net"), "{text}");
        let text = arguments(View {
            network: false,
            ..view
        });
        assert!(text.contains(" --unshare-net "), "{text}");
    }

    #[test]
    fn a_program_or_directory_below_an_emptied_one_stays_visible() {
        let text = arguments(View {
            program: Path::new("/tmp/a/server"),
            directory: Some(Path::new("/tmp/b")),
            writable: &[],
            network: true,
        });
        assert!(
            text.ends_with(
                "--ro-bind /tmp/a/server /tmp/a/server --ro-bind /tmp/b /tmp/b --chdir /tmp/b -- /tmp/a/server"
            ),
            "{text}"
        );
        let text = arguments(View {
            program: Path::new("/bin/sh"),
            directory: Some(Path::new("/tmp")),
            writable: &[],
            network: true,
        });
        assert!(!text.contains("--ro-bind /tmp "), "{text}");
    }

    #[test]
    fn package_runners_are_told_of_a_cache_where_theirs_is_read_only() {
        let variables = |writable: &[&str]| -> Vec<&str> {
            let writable: Vec<PathBuf> = writable.iter().map(PathBuf::from).collect();
            cache_variables(Path::new("/home/a"), &writable)
                .map(|(name, _)| name)
                .collect()
        };
        assert_eq!(variables(&[]), ["npm_config_cache", "XDG_CACHE_HOME"]);
        assert_eq!(variables(&["/home/a/.npm"]), ["XDG_CACHE_HOME"]);
        assert_eq!(variables(&["/home/a"]), [""; 0]);
        assert_eq!(variables(&["/home/ab"]).len(), 2);
    }
}
