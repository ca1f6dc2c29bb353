//! The tool with a structured result: a weather report that is made up.
//! Owns the report's shape and how it is calculated. Never asks anyone about the weather.

use chrono::{Datelike, Days, NaiveDate, Utc};
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Demo;

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

#[tool_router(router = weather_tools, vis = "pub(super)")]
impl Demo {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_warmer_in_the_summer_of_either_hemisphere() {
        let january = NaiveDate::from_ymd_opt(2026, 1, 15).unwrap();
        let july = NaiveDate::from_ymd_opt(2026, 7, 15).unwrap();
        let high = |city, date| report(city, 1, date).forecast[0].high;
        assert!(high(City::Bergen, july) > high(City::Bergen, january));
        assert!(high(City::Wellington, january) > high(City::Wellington, july));
    }
}
