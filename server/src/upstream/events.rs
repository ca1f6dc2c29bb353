//! The format `text/event-stream` (WHATWG HTML, 9.2.6): bytes in, events out.
//!
//! Owns the parsing and the bound on one event. Never reads a connection and never interprets data.

use std::time::Duration;

use memchr::memchr2;

/// An event that has data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Its type; `message` when the stream named none.
    pub(super) name: String,
    /// Its data, lines joined by line feeds.
    pub(super) data: String,
}

/// An event is over the bound; nothing more can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// What has been read of a stream so far.
#[derive(Debug)]
pub(super) struct Parser {
    max_bytes: usize,
    /// The line that has begun and not ended.
    line: Vec<u8>,
    is_first_line: bool,
    /// The last byte was a carriage return: a line feed after it ends no further line.
    after_return: bool,
    name: String,
    data: Option<String>,
    last_id: Option<String>,
    retry: Option<Duration>,
}

impl Parser {
    /// The beginning of a stream whose events have at most `max_bytes`.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            line: Vec::new(),
            is_first_line: true,
            after_return: false,
            name: String::new(),
            data: None,
            last_id: None,
            retry: None,
        }
    }

    /// The id that the stream gave last: where to resume it. An event without data may give one, too.
    pub(super) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// How long the server asks to wait before a stream is opened again.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Reads on; whole events go to `events`. What a stream leaves unfinished is discarded with the parser.
    pub(super) fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), TooLarge> {
        let mut rest = bytes;
        if self.after_return && rest.first() == Some(&b'\n') {
            rest = &rest[1..];
        }
        if !bytes.is_empty() {
            self.after_return = false;
        }
        while let Some(end) = memchr2(b'\n', b'\r', rest) {
            if self.line.is_empty() {
                self.end_line(&rest[..end], events)?;
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(&rest[..end]);
                self.end_line(&line, events)?;
                line.clear();
                self.line = line;
            }
            let is_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if is_return {
                match rest.first() {
                    Some(b'\n') => rest = &rest[1..],
                    Some(_) => {}
                    None => self.after_return = true,
                }
            }
        }
        self.line.extend_from_slice(rest);
        self.check(self.line.len())
    }

    fn check(&self, line: usize) -> Result<(), TooLarge> {
        let data = self.data.as_ref().map_or(0, String::len);
        if data + line > self.max_bytes.saturating_add("data: ".len()) {
            return Err(TooLarge);
        }
        Ok(())
    }

    fn end_line(&mut self, line: &[u8], events: &mut Vec<Event>) -> Result<(), TooLarge> {
        self.check(line.len())?;
        let line = if std::mem::take(&mut self.is_first_line) {
            line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)
        } else {
            line
        };
        if line.is_empty() {
            self.dispatch(events);
            return Ok(());
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
        let value = String::from_utf8_lossy(value);
        match field {
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(&value);
                }
                None => self.data = Some(value.into_owned()),
            },
            b"event" => self.name = value.into_owned(),
            b"id" if !value.contains('\0') => self.last_id = Some(value.into_owned()),
            b"retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                // A number too large for the type says nothing, and takes nothing back.
                self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry);
            }
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self, events: &mut Vec<Event>) {
        let name = std::mem::take(&mut self.name);
        let Some(data) = self.data.take().filter(|data| !data.is_empty()) else {
            return;
        };
        events.push(Event {
            name: if name.is_empty() {
                "message".to_owned()
            } else {
                name
            },
            data,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&[u8]]) -> (Vec<(String, String)>, Option<String>, Option<Duration>) {
        let mut parser = Parser::new(100);
        let mut events = Vec::new();
        for chunk in chunks {
            parser.push(chunk, &mut events).unwrap();
        }
        let events = events
            .into_iter()
            .map(|event| (event.name, event.data))
            .collect();
        (events, parser.last_id, parser.retry)
    }

    fn event(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn fields_make_events() {
        for (text, expected) in [
            ("data: a\n\n", vec![event("message", "a")]),
            ("data:a\ndata: b\n\n", vec![event("message", "a\nb")]),
            ("data:  a\n\n", vec![event("message", " a")]),
            (
                "event: endpoint\ndata: /m\n\n",
                vec![event("endpoint", "/m")],
            ),
            (": keep-alive\n\ndata: a\n\n", vec![event("message", "a")]),
            ("\u{FEFF}data: a\n\n", vec![event("message", "a")]),
            ("event: x\n\ndata: a\n\n", vec![event("message", "a")]),
            (
                "unknown: x\ndata: a\nother\n\n",
                vec![event("message", "a")],
            ),
            ("data: cut off\n", vec![]),
            ("id: 1\ndata:\n\n", vec![]),
        ] {
            assert_eq!(read(&[text.as_bytes()]).0, expected, "{text:?}");
        }
    }

    #[test]
    fn an_id_without_data_says_where_to_resume_and_retry_how_long_to_wait() {
        let (events, id, retry) = read(&[b"id: p1\nretry: 500\ndata: \n\n"]);
        assert_eq!((events, id), (vec![], Some("p1".to_owned())));
        assert_eq!(retry, Some(Duration::from_millis(500)));
        let (_, id, retry) = read(&[b"id: a\0b\nretry: 5s\nretry:\n\n"]);
        assert_eq!((id, retry), (None, None));
        let (_, _, retry) = read(&[b"retry: 10\nretry: 99999999999999999999\n"]);
        assert_eq!(retry, Some(Duration::from_millis(10)));
    }

    #[test]
    fn an_event_over_the_bound_is_refused_wherever_it_is_cut() {
        for step in [1, 7, 200] {
            let text = format!("data: {}\n\n", "x".repeat(101));
            let mut parser = Parser::new(100);
            let mut events = Vec::new();
            let refused = text
                .as_bytes()
                .chunks(step)
                .any(|chunk| parser.push(chunk, &mut events).is_err());
            assert!(refused, "{step}");
        }
        let text = format!("data: {}\n\n", "x".repeat(100));
        assert_eq!(read(&[text.as_bytes()]).0.len(), 1);
    }

    proptest::proptest! {
        /// Line ends of every kind, cut anywhere, make the same events.
        #[test]
        fn where_a_stream_is_cut_makes_no_difference(
            lines in proptest::collection::vec("(data: [a-zé]{0,4}|event: e|id: [0-9]|: c|)", 0..12),
            ends in proptest::collection::vec(proptest::sample::select(vec!["\n", "\r\n", "\r"]), 12),
            cuts in proptest::collection::vec(1_usize..6, 1..60),
        ) {
            let plain: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let mixed: String = lines.iter().zip(&ends).map(|(line, end)| format!("{line}{end}")).collect();
            // A carriage return before an empty line that ends in a line feed is one line end, not two.
            proptest::prop_assume!(!mixed.contains("\r\n\n") || !mixed.replace("\r\n", "").contains('\r'));
            let ambiguous = lines.iter().zip(&ends).zip(lines.iter().zip(&ends).skip(1))
                .any(|((_, end), (next, next_end))| *end == "\r" && next.is_empty() && *next_end == "\n");
            proptest::prop_assume!(!ambiguous);
            let mut chunks = Vec::new();
            let mut rest = mixed.as_bytes();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (chunk, after) = rest.split_at((*cut).min(rest.len()));
                chunks.push(chunk);
                rest = after;
            }
            let whole = read(&[plain.as_bytes()]);
            proptest::prop_assert_eq!(read(&chunks), whole);
        }
    }
}
