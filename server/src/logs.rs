//! The log for people: what may be in it, whatever the filter asks for.
//!
//! Owns the subscriber and the panic hook. Never lets a library write what passes through it: at `debug` and `trace`
//! some of those below us print frames and messages, and which ones changes with their versions.

use std::io;
use std::panic::PanicHookInfo;

use tracing::Level;
use tracing::Metadata;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterExt;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;

/// What a filter lets through, as far as it may be written at all.
///
/// A filter that cannot be read counts as `info`.
pub fn subscriber<W>(filter: &str, writer: W, in_colour: bool) -> impl tracing::Subscriber
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let wanted = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(in_colour)
        .with_filter(wanted.and(filter_fn(may_be_written)));
    Registry::default().with(lines)
}

/// Begins to log to standard error, and to say of a panic where it was.
///
/// # Errors
/// When this process logs already.
pub fn start(
    filter: &str,
    in_colour: bool,
) -> Result<(), tracing::dispatcher::SetGlobalDefaultError> {
    tracing::subscriber::set_global_default(subscriber(filter, io::stderr, in_colour))?;
    std::panic::set_hook(Box::new(on_panic));
    Ok(())
}

/// Ours says what it does; others, at these levels, what they carry.
fn may_be_written(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_ours = target == "footbridge"
        || target.starts_with("footbridge::")
        || target.starts_with("footbridge_shared");
    is_ours || *metadata.level() <= Level::INFO
}

/// The message of a panic is left out: it may hold the text that caused it.
fn on_panic(panic: &PanicHookInfo<'_>) {
    let place = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or_default();
    tracing::error!(
        place,
        thread,
        "a task of the bridge panicked; this is a bug"
    );
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;

    use tracing::debug;
    use tracing::info;
    use tracing::trace;

    use super::*;

    /// Keeps what is logged.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, say: impl FnOnce()) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        tracing::subscriber::with_default(subscriber(filter, move || writer.clone(), false), say);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn libraries_never_say_what_they_carry_whatever_the_filter() {
        for filter in [
            "trace",
            "hyper=trace,h2=trace,footbridge=trace",
            "debug",
            "hyper=debug,footbridge=debug",
        ] {
            let log = logged(filter, || {
                for_each_level("the bridge's");
                trace!(target: "hyper::proto", "traced");
                debug!(target: "hyper::proto", "debugged");
                debug!(target: "h2::codec", "debugged");
                trace!(target: "footbridger", "traced");
            });
            assert!(log.contains("the bridge's"), "{filter}: {log}");
            assert!(
                !log.contains("traced") && !log.contains("debugged"),
                "{filter}: {log}"
            );
        }
        let log = logged("trace", || {
            for_each_level("x");
            info!(target: "hyper::proto", "informed");
        });
        assert_eq!(log.lines().count(), 4, "{log}");
        assert_eq!(logged("info", || for_each_level("x")).lines().count(), 1);
        assert_eq!(logged("=,=", || for_each_level("x")).lines().count(), 1);
    }

    fn for_each_level(text: &str) {
        trace!("{text}");
        debug!("{text}");
        info!("{text}");
    }

    #[test]
    fn a_panic_is_logged_with_its_place_and_without_its_message() {
        let payload = "é s3cret".to_owned();
        let log = logged("info", || {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(on_panic));
            let ended = std::panic::catch_unwind(|| payload[1..].len());
            std::panic::set_hook(before);
            assert!(ended.is_err());
        });
        assert!(
            log.contains("logs.rs:") && log.contains("panicked"),
            "{log}"
        );
        assert!(
            !log.contains("s3cret") && !log.contains("boundary"),
            "{log}"
        );
    }
}
