//! The tools that answer at once.
//! Owns their arguments and results. Never waits and never asks the client anything.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{Datelike, Days, NaiveDate, Utc};
use rmcp::handler::server::common::schema_for_output;
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::model::{CallToolResult, ContentBlock, ErrorCode, Resource};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::changes::Change;
use super::{Demo, media, resources};

/// The code of the error that `fail` answers with; the range is the one JSON-RPC leaves to servers.
const DEMO_ERROR: ErrorCode = ErrorCode(-32050);

#[derive(Debug, Deserialize, JsonSchema)]
struct Echo {
    /// Comes back as it is.
    message: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Add {
    /// The first number.
    a: f64,
    /// The second number.
    b: f64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Sum {
    /// The first number plus the second.
    sum: f64,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
enum City {
    Bergen,
    Cairo,
    Lima,
    Nairobi,
    Wellington,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Structured {
    /// The city to report on.
    city: City,
    /// How many days to look ahead.
    #[serde(default = "three_days")]
    #[schemars(range(min = 1, max = 7))]
    days: u8,
}

fn three_days() -> u8 {
    3
}

#[derive(Debug, Serialize, JsonSchema)]
struct Report {
    city: City,
    /// Degrees north, degrees east.
    position: Position,
    /// The days looked ahead, today first.
    forecast: Vec<Day>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Position {
    latitude: f64,
    longitude: f64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Day {
    /// Year, month and day.
    #[schemars(extend("format" = "date"))]
    date: String,
    /// Degrees Celsius.
    high: f64,
    /// Degrees Celsius.
    low: f64,
    sky: Sky,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Sky {
    Clear,
    Cloudy,
    Rain,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum FailureMode {
    /// A tool result with `isError`, which a model gets to read.
    #[default]
    Tool,
    /// A JSON-RPC error with a code and data.
    Protocol,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Fail {
    /// The kind of failure.
    #[serde(default)]
    mode: FailureMode,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct AddNote {
    /// Lower-case letters, digits and hyphens.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[a-z0-9-]+$"))]
    name: String,
    /// What the note says.
    text: String,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct ComplexForm {
    /// The name on the order.
    #[schemars(length(min = 1, max = 80))]
    name: String,
    #[schemars(email)]
    email: String,
    /// A page to link to.
    #[schemars(url)]
    website: Option<String>,
    /// The day of delivery.
    #[schemars(extend("format" = "date"))]
    deliver_on: Option<String>,
    #[serde(default)]
    size: Size,
    /// From 1, whenever you can, to 5, now.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 5))]
    urgency: u8,
    /// A part of one.
    #[serde(default = "half")]
    #[schemars(range(min = 0.0, max = 1.0))]
    discount: f64,
    #[serde(default = "yes")]
    newsletter: bool,
    address: Address,
    #[schemars(length(min = 1, max = 20))]
    items: Vec<Item>,
    #[serde(default)]
    #[schemars(extend("uniqueItems" = true))]
    tags: Vec<String>,
    /// How to reach you: one way or the other.
    contact: Option<Contact>,
    /// Anything else, by name.
    #[serde(default)]
    extra: BTreeMap<String, String>,
    /// Remarks, on as many lines as you like.
    remarks: Option<String>,
}

fn three() -> u8 {
    3
}

fn half() -> f64 {
    0.5
}

fn yes() -> bool {
    true
}

#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Size {
    Small,
    #[default]
    Medium,
    Large,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Address {
    street: String,
    city: String,
    /// Not every country has them.
    postcode: Option<String>,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Item {
    /// What to send.
    article: String,
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 99))]
    quantity: u32,
    #[serde(default)]
    gift: bool,
}

fn one() -> u32 {
    1
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
enum Contact {
    /// By telephone.
    Phone { number: String },
    /// By post, to another address.
    Post { address: Address },
}

#[tool_router(router = plain_tools, vis = "pub(super)")]
impl Demo {
    /// Returns the message it is given.
    #[tool(
        title = "Echo",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn echo(&self, Parameters(Echo { message }): Parameters<Echo>) -> String {
        message
    }

    /// Adds two numbers.
    #[tool(
        title = "Add two numbers",
        output_schema = schema_for_output::<Sum>(),
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn add(&self, Parameters(Add { a, b }): Parameters<Add>) -> CallToolResult {
        let sum = a + b;
        let text = vec![ContentBlock::text(format!("{a} + {b} = {sum}"))];
        // JSON has no word for infinity.
        if !sum.is_finite() {
            return CallToolResult::error(text);
        }
        let mut result = CallToolResult::success(text);
        result.structured_content = Some(json!(Sum { sum }));
        result
    }

    /// Returns a picture, a sound and a line of text about them.
    #[tool(
        title = "A picture and a sound",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn image(&self) -> CallToolResult {
        CallToolResult::success(vec![
            ContentBlock::text("A footbridge, drawn by this server, and the tone A."),
            ContentBlock::image(STANDARD.encode(media::picture()), "image/png"),
            ContentBlock::audio(STANDARD.encode(media::sound()), "audio/wav"),
        ])
    }

    /// Returns a made-up weather report as structured content. It is calculated from the city's
    /// climate and the date, and not a forecast of anything.
    #[tool(
        title = "A structured result",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    fn structured(
        &self,
        Parameters(Structured { city, days }): Parameters<Structured>,
    ) -> Json<Report> {
        Json(report(city, days.clamp(1, 7), Utc::now().date_naive()))
    }

    /// Fails, in one of the two ways that a tool can.
    #[tool(
        title = "Fail",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn fail(
        &self,
        Parameters(Fail { mode }): Parameters<Fail>,
    ) -> Result<CallToolResult, ErrorData> {
        match mode {
            FailureMode::Tool => Ok(CallToolResult::error(vec![ContentBlock::text(
                "This tool failed, as you asked it to.",
            )])),
            FailureMode::Protocol => Err(ErrorData::new(
                DEMO_ERROR,
                "This call failed with a JSON-RPC error, as you asked it to.",
                Some(json!({ "mode": "protocol", "retry": false })),
            )),
        }
    }

    /// Takes a form with one of everything and returns it, with its defaults filled in.
    #[tool(
        title = "A form with one of everything",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn complex_form(&self, Parameters(form): Parameters<ComplexForm>) -> Json<ComplexForm> {
        Json(form)
    }

    /// Adds a note, or replaces the one with the same name. It becomes a resource.
    #[tool(
        title = "Add a note",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn add_note(
        &self,
        Parameters(AddNote { name, text }): Parameters<AddNote>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, String> {
        let is_new = self
            .notes
            .add(&name, text)
            .map_err(|refusal| refusal.to_string())?;
        let uri = resources::note_uri(&name);
        let change = if is_new {
            Change::List
        } else {
            Change::Updated(uri.clone())
        };
        self.changes.announce(&context.peer, change).await;
        let done = if is_new { "Added" } else { "Replaced" };
        Ok(CallToolResult::success(vec![
            ContentBlock::text(format!("{done} the note {name}.")),
            ContentBlock::resource_link(Resource::new(uri, name).with_mime_type("text/plain")),
        ]))
    }

    /// Moves demo://counter on by one and tells its subscribers.
    #[tool(
        title = "Move the counter",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn tick(&self, context: RequestContext<RoleServer>) -> String {
        let ticks = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        let change = Change::Updated(resources::COUNTER.to_owned());
        self.changes.announce(&context.peer, change).await;
        format!("The counter stands at {ticks}.")
    }
}

/// A report made of what is typical for the city, moved by the season and a little by the day.
fn report(city: City, days: u8, today: NaiveDate) -> Report {
    let (latitude, longitude, typical, wetness) = match city {
        City::Bergen => (60.4, 5.3, 8.0, 6),
        City::Cairo => (30.0, 31.2, 22.0, 0),
        City::Lima => (-12.0, -77.0, 19.5, 1),
        City::Nairobi => (-1.3, 36.8, 18.0, 3),
        City::Wellington => (-41.3, 174.8, 13.0, 4),
    };
    let forecast = (0..u64::from(days))
        .map_while(|ahead| today.checked_add_days(Days::new(ahead)))
        .map(|date| {
            let year_part = f64::from(date.ordinal()) / 365.0;
            // Warmest in July in the north and in January in the south, more so far from the equator.
            let season = -(std::f64::consts::TAU * year_part).cos() * latitude / 6.0;
            let day = (date.num_days_from_ce() * 7).rem_euclid(10);
            let middle = typical + season + f64::from(day) / 5.0;
            Day {
                date: date.to_string(),
                high: tenths(middle + 4.0),
                low: tenths(middle - 4.0),
                sky: match day {
                    wet if wet < wetness => Sky::Rain,
                    cloudy if cloudy < wetness + 3 => Sky::Cloudy,
                    _ => Sky::Clear,
                },
            }
        })
        .collect();
    Report {
        city,
        position: Position {
            latitude,
            longitude,
        },
        forecast,
    }
}

fn tenths(degrees: f64) -> f64 {
    (degrees * 10.0).round() / 10.0
}
