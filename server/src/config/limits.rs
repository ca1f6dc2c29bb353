//! The limits as the configuration file spells them.
//!
//! Owns each limit's unit and range. Never decides what happens at a limit.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::Limits;
use crate::config::error::ConfigError;
use crate::config::error::suggestion;

/// One limit, by its key in the table `[limits]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// The key: the name of the field of [`Limits`].
    pub name: &'static str,
    /// What the number counts.
    pub unit: Unit,
    /// The number now.
    pub value: f64,
    /// What the number may be.
    pub range: RangeInclusive<f64>,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things: sessions, messages, connections.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds; fractions are allowed.
    Seconds,
}

impl Unit {
    /// The unit's name in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
        }
    }
}

/// A field of [`Limits`], read and written as the number in the file.
trait Number {
    fn number(&self) -> f64;
    fn set(&mut self, number: f64);
}

impl Number for usize {
    fn number(&self) -> f64 {
        *self as f64
    }

    fn set(&mut self, number: f64) {
        *self = number as Self;
    }
}

impl Number for Duration {
    fn number(&self) -> f64 {
        self.as_secs_f64()
    }

    fn set(&mut self, number: f64) {
        *self = Self::from_secs_f64(number);
    }
}

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;
const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

macro_rules! limits {
    ($($name:ident: $unit:ident, $range:expr;)+) => {
        impl Limits {
            /// Every limit, in the order of the documentation.
            pub fn list(&self) -> Vec<Limit> {
                // Names every field, so that a new one cannot be forgotten here.
                let Self { $($name),+ } = self;
                vec![$(Limit {
                    name: stringify!($name),
                    unit: Unit::$unit,
                    value: $name.number(),
                    range: $range,
                }),+]
            }

            fn field(&mut self, name: &str) -> Option<&mut dyn Number> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)+
                    _ => None,
                }
            }
        }
    };
}

limits! {
    connections: Count, 1.0..=1_000_000.0;
    connections_per_peer: Count, 1.0..=1_000_000.0;
    head_timeout: Seconds, 0.1..=300.0;
    head_bytes: Bytes, (8.0 * KIB)..=MIB;
    headers: Count, 16.0..=1_000.0;
    body_bytes: Bytes, KIB..=(16.0 * MIB);
    body_timeout: Seconds, 0.1..=300.0;
    failed_auth_per_minute: Count, 1.0..=10_000.0;
    connects_per_minute: Count, 1.0..=1_000_000.0;
    connects_burst: Count, 1.0..=1_000_000.0;
    rate_keys: Count, 1.0..=1_000_000.0;
    no_auth_warning: Seconds, 0.1..=HOUR;
    jwks_bytes: Bytes, KIB..=(16.0 * MIB);
    jwks_timeout: Seconds, 0.1..=300.0;
    jwks_refresh: Seconds, 1.0..=DAY;
    jwks_pause: Seconds, 0.1..=HOUR;
    ticket_life: Seconds, 1.0..=HOUR;
    pending_tickets: Count, 1.0..=1_000_000.0;
    pending_tickets_per_principal: Count, 1.0..=1_000_000.0;
    used_tickets: Count, 1.0..=10_000_000.0;
    params_bytes: Bytes, 256.0..=MIB;
    socket_url_bytes: Bytes, 512.0..=MIB;
    kept_params_bytes: Bytes, 0.0..=(1024.0 * MIB);
    sessions: Count, 1.0..=100_000.0;
    sessions_per_principal: Count, 1.0..=100_000.0;
    frame_bytes: Bytes, KIB..=(256.0 * MIB);
    messages_per_second: Count, 1.0..=1_000_000.0;
    messages_burst: Count, 1.0..=1_000_000.0;
    bytes_per_second: Bytes, KIB..=(1024.0 * MIB);
    flood_timeout: Seconds, 0.1..=HOUR;
    json_depth: Count, 8.0..=100_000.0;
    id_bytes: Bytes, 16.0..=254.0;
    calls_in_flight: Count, 1.0..=100_000.0;
    asks_in_flight: Count, 1.0..=100_000.0;
    backlog_messages: Count, 1.0..=1_000_000.0;
    backlog_bytes: Bytes, KIB..=(1024.0 * MIB);
    stall_timeout: Seconds, 0.1..=HOUR;
    resume_window: Seconds, 0.1..=DAY;
    resume_bytes: Bytes, KIB..=(1024.0 * MIB);
    resume_bytes_total: Bytes, KIB..=(1024.0 * 1024.0 * MIB);
    upstream_queue: Count, 1.0..=100_000.0;
    upstream_message_bytes: Bytes, KIB..=(1024.0 * MIB);
    start_timeout: Seconds, 0.1..=HOUR;
    request_timeout: Seconds, 0.1..=DAY;
    request_timeout_max: Seconds, 0.1..=(7.0 * DAY);
    answer_timeout: Seconds, 0.1..=DAY;
    probe_timeout: Seconds, 0.1..=HOUR;
    input_rounds: Count, 1.0..=1_000.0;
    subscriptions: Count, 1.0..=100_000.0;
    ping_interval: Seconds, 0.1..=HOUR;
    pong_timeout: Seconds, 0.1..=HOUR;
    idle_timeout: Seconds, 0.1..=(30.0 * DAY);
    session_life: Seconds, 0.1..=(30.0 * DAY);
    stderr_bytes: Bytes, KIB..=(16.0 * MIB);
    stderr_lines: Count, 1.0..=100_000.0;
    children: Count, 1.0..=100_000.0;
    child_open_files: Count, 64.0..=1_000_000.0;
    child_file_bytes: Bytes, MIB..=(1024.0 * 1024.0 * MIB);
    child_user_processes: Count, 64.0..=4_000_000.0;
    child_processes: Count, 4.0..=1_000_000.0;
    child_memory_bytes: Bytes, (16.0 * MIB)..=(1024.0 * 1024.0 * MIB);
    child_cpu_percent: Count, 1.0..=100_000.0;
    stop_stdin_wait: Seconds, 0.0..=300.0;
    stop_term_wait: Seconds, 0.0..=300.0;
    close_timeout: Seconds, 0.1..=300.0;
    drain_timeout: Seconds, 0.0..=HOUR;
    audit_queue: Count, 1.0..=1_000_000.0;
    audit_refusals: Count, 1.0..=100_000.0;
}

/// The limits that a server of the catalogue may have for itself; those of its sessions, not of the bridge.
const OF_SERVERS: [&str; 20] = [
    "sessions",
    "calls_in_flight",
    "backlog_messages",
    "backlog_bytes",
    "resume_window",
    "resume_bytes",
    "upstream_queue",
    "upstream_message_bytes",
    "start_timeout",
    "request_timeout",
    "request_timeout_max",
    "answer_timeout",
    "probe_timeout",
    "input_rounds",
    "subscriptions",
    "idle_timeout",
    "session_life",
    "stderr_bytes",
    "stop_stdin_wait",
    "stop_term_wait",
];

impl Limits {
    /// The defaults with the entries of a table `[limits]` over them.
    ///
    /// # Errors
    /// A sentence that names the key that is unknown, not a number, or out of its range.
    pub fn parse(table: &toml::Table) -> Result<Self, ConfigError> {
        let mut limits = Self::default();
        for (key, value) in table {
            let whole = value.as_integer().map(|number| number as f64);
            limits.set(key, whole.or_else(|| value.as_float()))?;
        }
        limits.checked()
    }

    /// These limits with those that a server of the catalogue has for itself over them; `sessions` is then the number
    /// of its own sessions.
    ///
    /// # Errors
    /// A sentence that names the key that is unknown, is a limit of the whole bridge, or out of its range.
    pub fn of_server(&self, own: &[(String, f64)]) -> Result<Self, ConfigError> {
        let mut limits = self.clone();
        for (key, number) in own {
            if !OF_SERVERS.contains(&key.as_str()) {
                let near = suggestion(key, OF_SERVERS);
                return Err(ConfigError::new(format!(
                    "limits.{key} is not a limit of a single server{near}."
                )));
            }
            limits.set(key, Some(*number))?;
        }
        limits.checked()
    }

    fn set(&mut self, key: &str, number: Option<f64>) -> Result<(), ConfigError> {
        let known = self.list();
        let (Some(limit), Some(field)) = (
            known.iter().find(|limit| limit.name == key),
            self.field(key),
        ) else {
            let near = suggestion(key, known.iter().map(|limit| limit.name));
            return Err(ConfigError::new(format!(
                "limits.{key} is not a limit{near}."
            )));
        };
        let is_proper = |number: &f64| {
            limit.range.contains(number)
                && match limit.unit {
                    Unit::Count | Unit::Bytes => number.fract() == 0.0,
                    Unit::Seconds => true,
                }
        };
        let (from, to) = (limit.range.start(), limit.range.end());
        let number = number.filter(is_proper).ok_or_else(|| {
            let kind = match limit.unit {
                Unit::Count => "a whole number",
                Unit::Bytes => "a whole number of bytes",
                Unit::Seconds => "a number of seconds",
            };
            ConfigError::new(format!("limits.{key} must be {kind} from {from} to {to}."))
        })?;
        field.set(number);
        Ok(())
    }

    /// Whether the limits can stand together.
    fn checked(self) -> Result<Self, ConfigError> {
        if self.request_timeout > self.request_timeout_max {
            return Err(ConfigError::new(
                "limits.request_timeout must not be longer than limits.request_timeout_max.",
            ));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Limits, String> {
        Limits::parse(&text.parse().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn entries_replace_defaults_and_leave_the_others() {
        let limits = parse("sessions = 7\nstall_timeout = 0.5\nframe_bytes = 2048").unwrap();
        let expected = Limits {
            sessions: 7,
            stall_timeout: Duration::from_millis(500),
            frame_bytes: 2048,
            ..Limits::default()
        };
        assert_eq!(limits, expected);
    }

    #[test]
    fn a_wrong_entry_is_named() {
        for (text, sentence) in [
            (
                "sesions = 7",
                "limits.sesions is not a limit (did you mean \"sessions\"?).",
            ),
            ("colour = 7", "limits.colour is not a limit."),
            (
                "sessions = 0",
                "limits.sessions must be a whole number from 1 to 100000.",
            ),
            (
                "sessions = 1.5",
                "limits.sessions must be a whole number from 1 to 100000.",
            ),
            (
                "head_bytes = \"32 KiB\"",
                "limits.head_bytes must be a whole number of bytes from 8192 to 1048576.",
            ),
            (
                "ticket_life = nan",
                "limits.ticket_life must be a number of seconds from 1 to 3600.",
            ),
            (
                "request_timeout = 4000",
                "limits.request_timeout must not be longer than limits.request_timeout_max.",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), sentence, "{text}");
        }
    }

    #[test]
    fn a_server_has_limits_of_its_own_over_those_of_the_bridge() {
        let bridge = parse("sessions = 7\nstderr_bytes = 2048").unwrap();
        let own = |key: &str, number| {
            bridge
                .of_server(&[(key.to_owned(), number)])
                .map_err(|error| error.to_string())
        };
        let expected = Limits {
            sessions: 2,
            ..bridge.clone()
        };
        assert_eq!(own("sessions", 2.0), Ok(expected));
        assert_eq!(
            own("start_timeout", 0.5).map(|limits| limits.start_timeout),
            Ok(Duration::from_millis(500))
        );
        for (key, number, sentence) in [
            (
                "sesions",
                1.0,
                "limits.sesions is not a limit of a single server (did you mean \"sessions\"?).",
            ),
            (
                "connections",
                1.0,
                "limits.connections is not a limit of a single server.",
            ),
            (
                "sessions",
                1.5,
                "limits.sessions must be a whole number from 1 to 100000.",
            ),
            (
                "request_timeout",
                4000.0,
                "limits.request_timeout must not be longer than limits.request_timeout_max.",
            ),
        ] {
            assert_eq!(own(key, number), Err(sentence.to_owned()), "{key}");
        }
        let known = bridge.list();
        for key in OF_SERVERS {
            assert!(known.iter().any(|limit| limit.name == key), "{key}");
        }
    }

    #[test]
    fn every_default_is_within_its_range() {
        for limit in Limits::default().list() {
            assert!(limit.range.contains(&limit.value), "{limit:?}");
        }
    }
}
