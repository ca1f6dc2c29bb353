//! `text/event-stream`, against a second reading of its specification.

use std::time::Duration;

use footbridge::fuzzing;
use footbridge::fuzzing::Stream;

use crate::input::Input;
use crate::input::cut;

/// Where a stream is cut makes no difference, what is read is what the specification says, and the bound is kept.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let max = usize::from(input.byte()) * 4;
    let lengths = input.bytes(3);
    let text = input.rest();
    let whole = fuzzing::events(&[text], max);
    assert_eq!(fuzzing::events(&cut(text, lengths), max), whole);
    for event in &whole.events {
        // Bytes that are not UTF-8 grow to three.
        assert!(event.1.len() <= (max + "data: ".len()) * 3);
    }
    let unbound = fuzzing::events(&[text], usize::MAX);
    assert_eq!(unbound, expected(text));
    assert!(unbound.events.starts_with(&whole.events));
    assert!(whole.is_too_large || whole == unbound);
}

/// WHATWG HTML, 9.2.6, read slowly.
fn expected(text: &[u8]) -> Stream {
    let text = String::from_utf8_lossy(text);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut stream = Stream {
        events: Vec::new(),
        last_id: None,
        retry: None,
        is_too_large: false,
    };
    let (mut name, mut data) = (String::new(), String::new());
    let mut lines: Vec<&str> = text.split('\n').collect();
    // What no line end follows is not a line.
    lines.pop();
    for line in lines {
        if line.is_empty() {
            let data = std::mem::take(&mut data);
            let name = std::mem::take(&mut name);
            // One line feed of the data is the last line's own.
            match data.strip_suffix('\n') {
                None | Some("") => {}
                Some(data) => {
                    let name = if name.is_empty() {
                        "message".to_owned()
                    } else {
                        name
                    };
                    stream.events.push((name, data.to_owned()));
                }
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut name),
            "data" => {
                data.push_str(value);
                data.push('\n');
            }
            "id" if !value.contains('\0') => stream.last_id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                // A number that is none here leaves what was said before.
                let retry = value.parse().ok().map(Duration::from_millis);
                stream.retry = retry.or(stream.retry);
            }
            _ => {}
        }
    }
    stream
}
