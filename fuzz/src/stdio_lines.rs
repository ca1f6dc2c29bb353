//! Standard output of an MCP server: cut into lines, and lines into messages.

use footbridge::fuzzing;
use footbridge_shared::params::EncodingErrors;
use footbridge_shared::rpc::Message;

use crate::input::Input;
use crate::input::cut;

/// Lines are those of the whole text however it arrives, up to the first that is too long; messages stand in their
/// line as they came.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let limit = usize::from(input.byte()) * 8;
    let lengths = input.bytes(3);
    let text = input.rest();
    let read = fuzzing::lines(&cut(text, lengths), limit);
    assert_eq!(read, expected(text, limit));

    for line in &read.0 {
        for handling in [
            EncodingErrors::Strict,
            EncodingErrors::Ignore,
            EncodingErrors::Replace,
        ] {
            for message in fuzzing::decoded(line, handling).into_iter().flatten() {
                assert!(Message::parse(message.as_str()).is_ok());
                let stands_in_line = line
                    .windows(message.len())
                    .any(|window| window == message.as_bytes());
                assert!(stands_in_line || std::str::from_utf8(line).is_err());
            }
        }
        let strict = fuzzing::decoded(line, EncodingErrors::Strict);
        if std::str::from_utf8(line).is_err() {
            assert!(strict.iter().all(Result::is_err));
        } else {
            for other in [EncodingErrors::Ignore, EncodingErrors::Replace] {
                assert_eq!(fuzzing::decoded(line, other), strict);
            }
        }
    }
}

fn expected(text: &[u8], limit: usize) -> (Vec<Vec<u8>>, bool) {
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    // What stands behind the last line end is a line only if there is something.
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let good = lines.iter().take_while(|line| line.len() <= limit);
    let good: Vec<Vec<u8>> = good.map(|line| line.to_vec()).collect();
    let is_too_long = good.len() < lines.len();
    (good, is_too_long)
}
