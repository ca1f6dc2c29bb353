//! The resources: what there is, and what each reads as.
//! Owns their URIs. Never changes anything by being read.

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::ErrorData;
use rmcp::model::{ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use serde_json::json;

use super::{Demo, media};

const README: &str = "demo://readme";
const FACTS: &str = "demo://facts.json";
const PICTURE: &str = "demo://bridge.png";
/// Changes when the tool `tick` is called.
pub(super) const COUNTER: &str = "demo://counter";
/// Changes every second.
pub(super) const CLOCK: &str = "demo://clock";
const NOTES: &str = "demo://notes/";
/// The template of all notes.
pub(super) const NOTE_TEMPLATE: &str = "demo://notes/{name}";
const GREETINGS: &str = "demo://greetings/";
/// The template of all greetings.
pub(super) const GREETING_TEMPLATE: &str = "demo://greetings/{language}";

/// Languages the demo can greet in, each with its greeting.
pub(super) const LANGUAGES: [(&str, &str); 8] = [
    ("english", "Hello"),
    ("finnish", "Hei"),
    ("french", "Bonjour"),
    ("german", "Guten Tag"),
    ("italian", "Buongiorno"),
    ("japanese", "こんにちは"),
    ("spanish", "Hola"),
    ("swahili", "Habari"),
];

const README_TEXT: &str = "# The demo server\n\n\
    It is part of Footbridge and has one of everything a client may want to try.\n\n\
    - **Tools**: `echo`, `add`, `image`, `structured`, `complex_form`, `long_task`, `fail`, and \
    those that ask back: `ask_sampling`, `ask_elicitation`, `list_roots`.\n\
    - **Resources**: text, JSON, a picture, notes that `add_note` adds to, a counter that `tick` \
    moves, a clock that moves by itself.\n\
    - **Prompts**: `greet` and `review_code`, both with completion.\n";

/// The URI of the note with this name.
pub(super) fn note_uri(name: &str) -> String {
    format!("{NOTES}{name}")
}

/// The templates that resources beside the listed ones come from.
pub(super) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new(NOTE_TEMPLATE, "note")
            .with_title("A note")
            .with_description("A note by its name; `add_note` adds more.")
            .with_mime_type("text/plain"),
        ResourceTemplate::new(GREETING_TEMPLATE, "greeting")
            .with_title("A greeting")
            .with_description("How to say hello in a language.")
            .with_mime_type("text/plain"),
    ]
}

impl Demo {
    /// Everything that is listed, the notes included.
    pub(super) fn resources(&self) -> Vec<Resource> {
        let fixed = [
            Resource::new(README, "readme")
                .with_title("About this server")
                .with_description("What there is to try, as Markdown.")
                .with_mime_type("text/markdown")
                .with_size(README_TEXT.len() as u64),
            Resource::new(FACTS, "facts")
                .with_title("Facts")
                .with_description("Facts about this server, as JSON.")
                .with_mime_type("application/json"),
            Resource::new(PICTURE, "bridge")
                .with_title("A footbridge")
                .with_description("A picture drawn by this server, as PNG.")
                .with_mime_type("image/png")
                .with_size(media::picture().len() as u64),
            Resource::new(COUNTER, "counter")
                .with_title("A counter")
                .with_description("Counts the calls of `tick`. Subscribe to hear of each.")
                .with_mime_type("application/json"),
            Resource::new(CLOCK, "clock")
                .with_title("A clock")
                .with_description("The time in UTC. Subscribe to hear of every second.")
                .with_mime_type("text/plain"),
        ];
        let notes = self.notes.names().into_iter().map(|name| {
            Resource::new(note_uri(&name), name)
                .with_description("A note.")
                .with_mime_type("text/plain")
        });
        fixed.into_iter().chain(notes).collect()
    }

    /// What the resource with this URI reads as now.
    pub(super) fn read(&self, uri: &str) -> Result<ReadResourceResult, ErrorData> {
        let unknown = || {
            ErrorData::resource_not_found(
                format!("There is no resource {uri}."),
                Some(json!({ "uri": uri })),
            )
        };
        let contents = match uri {
            README => ResourceContents::text(README_TEXT, uri).with_mime_type("text/markdown"),
            FACTS => ResourceContents::text(self.facts(), uri).with_mime_type("application/json"),
            PICTURE => ResourceContents::blob(STANDARD.encode(media::picture()), uri)
                .with_mime_type("image/png"),
            COUNTER => {
                let counter = json!({ "ticks": self.counter.load(Ordering::Relaxed) });
                ResourceContents::text(counter.to_string(), uri).with_mime_type("application/json")
            }
            CLOCK => {
                let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
                ResourceContents::text(now, uri)
            }
            _ => {
                let note = uri
                    .strip_prefix(NOTES)
                    .and_then(|name| self.notes.read(name));
                let text = note.or_else(|| greeting(uri)).ok_or_else(unknown)?;
                ResourceContents::text(text, uri)
            }
        };
        Ok(ReadResourceResult::new(vec![contents]))
    }

    fn facts(&self) -> String {
        let facts = json!({
            "name": "footbridge-demo",
            "version": env!("CARGO_PKG_VERSION"),
            "process_id": std::process::id(),
            "notes": self.notes.names().len(),
            "languages": LANGUAGES.map(|(language, _)| language),
        });
        format!("{facts:#}")
    }
}

fn greeting(uri: &str) -> Option<String> {
    let wanted = uri.strip_prefix(GREETINGS)?;
    let (_, greeting) = LANGUAGES.iter().find(|(language, _)| *language == wanted)?;
    Some(format!("{greeting}!"))
}
