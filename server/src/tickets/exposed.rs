//! Server params that look as if they hold a secret where anybody can read it: in an argument or a URL.
//!
//! Owns what looks like a secret. A guess, for a warning: it permits and forbids nothing, and never repeats the value.

use footbridge_shared::params::ServerParams;
use url::Url;

/// Words that name a secret, alone or as the last of several.
const NAMES: &[&str] = &[
    "token",
    "secret",
    "password",
    "passwd",
    "pwd",
    "apikey",
    "credential",
    "credentials",
    "bearer",
    "authorization",
];

/// Words before `key` that make it a secret.
const KEYS: &[&str] = &["api", "access", "private", "secret", "auth"];

/// How secrets of well-known services begin.
const BEGINNINGS: &[&str] = &[
    "sk-",
    "sk_live_",
    "rk_live_",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "AIza",
    "hf_",
    "npm_",
    "pypi-",
    "Bearer ",
];

/// Characters that follow such a beginning at least.
const SHORTEST: usize = 12;

/// The fields that look as if they hold a secret, by their path below `server_params`.
pub(super) fn fields(params: &ServerParams) -> Vec<String> {
    match params {
        ServerParams::Named(_) => Vec::new(),
        ServerParams::Stdio(stdio) => {
            let before = std::iter::once(None).chain(stdio.args.iter().map(Some));
            let suspects = stdio.args.iter().zip(before).enumerate();
            suspects
                .filter(|(_, (argument, before))| is_exposed(argument, before.map(String::as_str)))
                .map(|(index, _)| format!("args[{index}]"))
                .collect()
        }
        ServerParams::Sse(sse) => url_field(&sse.url),
        ServerParams::Http(http) => url_field(&http.url),
    }
}

fn url_field(url: &str) -> Vec<String> {
    if is_exposed(url, None) {
        vec!["url".to_owned()]
    } else {
        Vec::new()
    }
}

/// Whether an argument holds a secret, given the one before it (`--token x`).
fn is_exposed(argument: &str, before: Option<&str>) -> bool {
    if let Ok(url) = Url::parse(argument)
        && url.has_host()
    {
        return url.password().is_some()
            || url.query_pairs().any(|(name, value)| {
                names_a_secret(&name) && !value.is_empty() || is_secret(&value)
            });
    }
    if let Some((name, value)) = argument.split_once(['=', ':'])
        && !name.contains(char::is_whitespace)
        && names_a_secret(name)
    {
        return !value.trim().is_empty();
    }
    let is_value_of_a_flag = before
        .is_some_and(|flag| flag.starts_with('-') && !flag.contains('=') && names_a_secret(flag));
    is_value_of_a_flag && !argument.is_empty() && !argument.starts_with('-') || is_secret(argument)
}

/// `--api-key`, `GITHUB_TOKEN`, `accessToken`; but not `--token-file` or `--max-tokens`.
fn names_a_secret(name: &str) -> bool {
    let words = words(name);
    let [before @ .., last] = words.as_slice() else {
        return false;
    };
    NAMES.contains(&last.as_str())
        || last == "key"
            && before
                .last()
                .is_some_and(|word| KEYS.contains(&word.as_str()))
}

fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in name.split(|letter: char| !letter.is_ascii_alphanumeric()) {
        let mut word = String::new();
        let mut was_lower = false;
        for letter in part.chars() {
            if letter.is_ascii_uppercase() && was_lower {
                words.push(std::mem::take(&mut word));
            }
            was_lower = letter.is_ascii_lowercase();
            word.push(letter.to_ascii_lowercase());
        }
        words.push(word);
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a text is a secret by its look: `sk-…`, a signed JWT, the value of an `Authorization` header.
fn is_secret(text: &str) -> bool {
    // `key=sk-…` and `X-Api-Key: sk-…` carry one too.
    let value = text.rsplit(['=', ' ']).next().unwrap_or(text);
    let begins = |text: &str| {
        BEGINNINGS.iter().any(|beginning| {
            text.strip_prefix(beginning)
                .is_some_and(|rest| rest.len() >= SHORTEST)
        })
    };
    begins(text) || begins(value) || is_jwt(value)
}

/// Three parts of base64, the first of which begins with `{"` (RFC 7519).
fn is_jwt(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3
        && parts[0].starts_with("eyJ")
        && parts.iter().all(|part| {
            part.len() >= SHORTEST
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stdio(args: &[&str]) -> Vec<String> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        fields(&ServerParams::Stdio(
            footbridge_shared::params::StdioParams {
                command: "c".to_owned(),
                args,
                ..Default::default()
            },
        ))
    }

    #[test]
    fn arguments_that_hold_a_secret_are_named() {
        for args in [
            &["--api-key=abc"][..],
            &["-y", "--token=abc"],
            &["run", "GITHUB_TOKEN=abc"],
            &["--accessToken=abc"],
            &["sk-0123456789abcdef"],
            &["x", "--header=X-Some: sk-0123456789abcdef"],
            &["ghp_0123456789abcdef"],
            &["Authorization: Bearer 0123456789abcdef"],
            &["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.0123456789abcdef"],
            &["postgresql://user:pass@db.example/x"],
            &["https://a.example/?api_key=abc"],
        ] {
            let index = args.len() - 1;
            assert_eq!(stdio(args), [format!("args[{index}]")], "{args:?}");
        }
        assert_eq!(stdio(&["--password", "abc", "-y"]), ["args[1]"]);
        assert_eq!(
            stdio(&["--key", "--token", "a", "sk-0123456789abcdef"]),
            ["args[2]", "args[3]"]
        );
    }

    #[test]
    fn ordinary_arguments_are_not() {
        for argument in [
            "",
            "-y",
            "--token",
            "--token=",
            "--token-file=/run/token",
            "--max-tokens=100",
            "--key=value",
            "--sort-key=name",
            "@modelcontextprotocol/server-github",
            "sk-short",
            "tokens.json",
            "C:\\secret\\x",
            "/srv/secret",
            "a.b.c",
            "https://user@a.example/?q=token",
            "postgresql://db.example/x",
        ] {
            assert_eq!(stdio(&[argument]), [""; 0], "{argument}");
        }
        assert_eq!(stdio(&["--token", "-y"]), [""; 0]);
    }

    #[test]
    fn a_url_that_holds_a_secret_is_named() {
        for (url, expected) in [
            ("https://a.example/mcp?token=abc", 1),
            ("https://a.example/mcp?x=sk-0123456789abcdef", 1),
            ("https://a.example/mcp?tokens=abc", 0),
            ("https://a.example/mcp", 0),
            ("no URL", 0),
        ] {
            for kind in ["SseServerParams", "StreamableHttpServerParams"] {
                let json = serde_json::json!({ "type": kind, "url": url });
                let params = ServerParams::from_json(&json, "p").unwrap();
                assert_eq!(fields(&params).len(), expected, "{url}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_guess_panic(text in "(?s).{0,80}", before in ".{0,20}") {
            let _ = is_exposed(&text, Some(&before));
        }
    }
}
