//! The tool whose arguments are a form with one of everything.
//! Owns the form. Never does anything with what is filled in but to return it.

use std::collections::BTreeMap;

use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Demo;

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

#[tool_router(router = form_tools, vis = "pub(super)")]
impl Demo {
    /// Takes a form with one of everything and returns it, with its defaults filled in.
    #[tool(
        title = "A form with one of everything",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn complex_form(&self, Parameters(form): Parameters<ComplexForm>) -> Json<ComplexForm> {
        Json(form)
    }
}
