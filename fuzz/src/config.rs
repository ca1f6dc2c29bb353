//! The configuration file.

use std::path::Path;

use footbridge::config::Limits;
use footbridge::config::settings::Settings;

const CANARY: &str = "canary-0123456789";

/// A file that is refused is refused with one sentence that repeats no value; limits that are accepted are in range.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).replace("CANARY", CANARY);
    let planted = format!("token = \"{CANARY}\"\n{text}");
    for text in [&text, &planted] {
        match Settings::parse(text, Path::new("f.toml")) {
            Ok(settings) => {
                assert!(!format!("{:?}", settings.token).contains(CANARY));
                if let Ok(limits) = Limits::parse(&settings.limits) {
                    for limit in limits.list() {
                        assert!(limit.range.contains(&limit.value), "{}", limit.name);
                    }
                }
            }
            Err(error) => {
                let sentence = error.to_string();
                assert_eq!(sentence.lines().count(), 1, "{sentence}");
                assert!(
                    is_key(text) || !sentence.contains(CANARY),
                    "a value is repeated: {sentence}"
                );
            }
        }
    }
}

/// Whether the secret may stand where a key does: keys are named in sentences, on purpose.
fn is_key(text: &str) -> bool {
    text.matches(CANARY).count() > text.matches(&format!("\"{CANARY}\"\n")).count()
        || text.contains(&format!("[\"{CANARY}"))
}
