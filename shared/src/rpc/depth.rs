//! How deep a JSON text is, without following it down.

use super::Malformed;
use super::only_id;

/// Whether arrays and objects are nested more than `limit` levels deep. What is not JSON gets some answer, and never
/// a deep recursion.
pub fn is_deeper_than(text: &str, limit: usize) -> bool {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Why a text that is too deep is not read; under its id, when it is one message that has one.
pub fn too_deep(text: &str) -> Malformed {
    Malformed::Shape {
        problem: "the message nests arrays and objects deeper than limits.json_depth",
        id: only_id(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_and_strings_are_not() {
        for (text, depth) in [
            ("1", 0),
            ("{}", 1),
            ("[[],[],[[]]]", 3),
            (r#"{"a":[{"b":1}]}"#, 3),
            (r#"["[[[[\"[[[{{{"]"#, 1),
            (r#"["\\",[["\\\"["]]]"#, 3),
        ] {
            assert!(!is_deeper_than(text, depth), "{text}");
            assert!(depth == 0 || is_deeper_than(text, depth - 1), "{text}");
        }
        assert!(is_deeper_than(&"[".repeat(1_000_000), 64));
        assert!(!is_deeper_than(&"[]".repeat(1_000_000), 64));
    }
}
