//! The prompts, and completion of what is typed for them and for the resource templates.
//! Owns their arguments and words. Never runs anything: a prompt is text for a model.

use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CompleteRequestParams, CompleteResult, CompletionInfo, ContentBlock, GetPromptResult,
    PromptMessage, Reference, ResourceContents, Role,
};
use rmcp::{ErrorData, prompt, prompt_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Demo;
use super::resources::{GREETING_TEMPLATE, LANGUAGES, NOTE_TEMPLATE};

const TONES: [&str; 4] = ["casual", "formal", "friendly", "pirate"];

const PROGRAMMING_LANGUAGES: [&str; 12] = [
    "c",
    "go",
    "java",
    "javascript",
    "kotlin",
    "php",
    "python",
    "ruby",
    "rust",
    "sql",
    "swift",
    "typescript",
];

#[derive(Debug, Deserialize, JsonSchema)]
struct Greet {
    /// Whom to greet.
    name: String,
    /// How: casual, formal, friendly or pirate. Friendly when absent.
    tone: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ReviewCode {
    /// The programming language the code is in.
    language: String,
    /// The code to review.
    code: String,
}

#[prompt_router(vis = "pub(super)")]
impl Demo {
    /// Asks for a greeting in a certain tone.
    #[prompt]
    fn greet(
        &self,
        Parameters(Greet { name, tone }): Parameters<Greet>,
    ) -> Result<GetPromptResult, ErrorData> {
        let tone = tone.as_deref().unwrap_or("friendly");
        if !TONES.contains(&tone) {
            let message = format!("`tone` must be one of {}.", TONES.join(", "));
            return Err(ErrorData::invalid_params(message, None));
        }
        let text = format!("Greet {name} in one sentence. The tone is {tone}.");
        Ok(
            GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)])
                .with_description(format!("A {tone} greeting")),
        )
    }

    /// Asks for a review of some code, which comes along as an embedded resource.
    #[prompt]
    fn review_code(
        &self,
        Parameters(ReviewCode { language, code }): Parameters<ReviewCode>,
    ) -> GetPromptResult {
        let text = format!(
            "Review the {language} code below. Name what could fail first, then what could be \
             simpler. Quote the lines you speak of."
        );
        let code = ResourceContents::text(code, "demo://review/code");
        GetPromptResult::new(vec![
            PromptMessage::new_text(Role::User, text),
            PromptMessage::new(Role::User, ContentBlock::resource(code)),
            PromptMessage::new_text(Role::Assistant, "I begin with what could fail."),
        ])
        .with_description(format!("A review of {language} code"))
    }

    /// What can come next in an argument of a prompt or in the variable of a template.
    pub(super) fn completion(
        &self,
        request: &CompleteRequestParams,
    ) -> Result<CompleteResult, ErrorData> {
        let of = match &request.r#ref {
            Reference::Prompt(prompt) => prompt.name.as_str(),
            Reference::Resource(template) => template.uri.as_str(),
            _ => "",
        };
        let known: Vec<String> = match (of, request.argument.name.as_str()) {
            ("greet", "tone") => TONES.map(str::to_owned).to_vec(),
            ("review_code", "language") => PROGRAMMING_LANGUAGES.map(str::to_owned).to_vec(),
            (NOTE_TEMPLATE, "name") => self.notes.names(),
            (GREETING_TEMPLATE, "language") => {
                LANGUAGES.map(|(language, _)| language.to_owned()).to_vec()
            }
            // Nothing to suggest for the others.
            ("greet" | "review_code", _) => Vec::new(),
            (unknown, argument) => {
                let message = format!("There is no argument {argument} of {unknown} to complete.");
                return Err(ErrorData::invalid_params(message, None));
            }
        };
        let typed = request.argument.value.to_lowercase();
        let fitting: Vec<String> = known
            .into_iter()
            .filter(|value| value.starts_with(&typed))
            .take(CompletionInfo::MAX_VALUES)
            .collect();
        CompletionInfo::with_all_values(fitting)
            .map(CompleteResult::new)
            .map_err(|message| ErrorData::internal_error(message, None))
    }
}
