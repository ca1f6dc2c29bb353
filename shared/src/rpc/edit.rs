//! Edits of one level of a JSON text that leave every other byte as it is.

use super::Members;
use super::quoted;

/// The object with members set (`Some`: JSON text) or left out (`None`); what is set and was not there comes last.
/// `None` when the text is not a JSON object.
pub fn edit(object: &str, changes: &[(&str, Option<&str>)]) -> Option<String> {
    let members: Members<'_> = serde_json::from_str(object).ok()?;
    let mut edited = String::with_capacity(object.len() + 64);
    let mut read_to = object.find('{')? + 1;
    edited.push_str(&object[..read_to]);
    let mut is_empty = true;
    for (name, value) in &members.0 {
        let start = value.get().as_ptr() as usize - object.as_ptr() as usize;
        let before = &object[read_to..start];
        read_to = start + value.get().len();
        let value = match changes.iter().find(|(changed, _)| name == changed) {
            Some((_, None)) => continue,
            Some((_, Some(value))) => value,
            None => value.get(),
        };
        // Whatever stood before it is gone, and with it the need for a comma.
        let before = match (is_empty, before.trim_start().strip_prefix(',')) {
            (true, Some(rest)) => rest,
            (true, None) | (false, _) => before,
        };
        edited.push_str(before);
        edited.push_str(value);
        is_empty = false;
    }
    for (name, value) in changes {
        if let Some(value) = value
            && !members.0.iter().any(|(known, _)| known == name)
        {
            if !std::mem::take(&mut is_empty) {
                edited.push(',');
            }
            edited.push_str(&quoted(name));
            edited.push(':');
            edited.push_str(value);
        }
    }
    edited.push_str(&object[read_to..]);
    Some(edited)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_set_added_and_left_out_and_nothing_else_changes() {
        for (object, changes, expected) in [
            (
                r#"{ "a" : 1E5 , "b":2}"#,
                vec![("b", Some("[3]"))],
                r#"{ "a" : 1E5 , "b":[3]}"#,
            ),
            (r#"{ "a" : 1E5 , "b":2}"#, vec![("a", None)], r#"{ "b":2}"#),
            (
                r#"{ "a" : 1E5 , "b":2}"#,
                vec![("b", None)],
                r#"{ "a" : 1E5}"#,
            ),
            (r#"{"a":1,"b":2}"#, vec![("a", None), ("b", None)], "{}"),
            (
                r#"{"a":1,"b":2,"c":3}"#,
                vec![("a", None), ("b", None)],
                r#"{"c":3}"#,
            ),
            ("{ }", vec![("x y", Some("null"))], r#"{"x y":null }"#),
            (
                r#" {"a":1} "#,
                vec![("b", Some("2")), ("c", Some("3"))],
                r#" {"a":1,"b":2,"c":3} "#,
            ),
            (
                r#"{"a":1}"#,
                vec![("a", None), ("b", Some("2"))],
                r#"{"b":2}"#,
            ),
            (
                r#"{"\u0061":1,"a":2}"#,
                vec![("a", Some("3"))],
                r#"{"\u0061":3,"a":3}"#,
            ),
            (
                r#"{"a":"\ud800","n":123456789012345678901234567890}"#,
                vec![("z", None)],
                r#"{"a":"\ud800","n":123456789012345678901234567890}"#,
            ),
        ] {
            assert_eq!(
                edit(object, &changes).as_deref(),
                Some(expected),
                "{object}"
            );
        }
        assert_eq!(edit("[1]", &[("a", Some("1"))]), None);
    }
}
