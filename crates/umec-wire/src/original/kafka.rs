//! The same facts in Kafka, byte for byte as the original server and its main server write them.
//!
//! Records have neither keys nor headers; values are JSON objects with `", "` and `": "` between their
//! parts. Times have no zone and mean UTC; their fraction is left out where it is zero.

use std::fmt;

use serde::Deserialize;

use super::{Answer, Carrier, Integer, UnknownCarrier};
use crate::original::temporenc;
use crate::time::Timestamp;

/// The topic of what modems are to do.
pub const DOWNSTREAM_REQUEST: &str = "downstream-request";

/// The topic of what modems answered to it.
pub const CARRIER_SWITCH_ACK: &str = "carrier-switch-ack";

/// The name of devices whose id has none.
pub const UNKNOWN: &str = "unknown";

/// What follows a device's name in the topic that Grafana reads.
pub const GRAFANA_SUFFIX: &str = "-grafana";

/// The one type of request there is.
const PERFORM: &str = "carrier-switch-perform";

/// Why a record of [`DOWNSTREAM_REQUEST`] is not performed.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It is no object with the texts `type` and `metadata`.
    #[error("the record is no request")]
    Shape(#[source] serde_json::Error),
    /// Nobody knows what to do.
    #[error("there is no request {0:?}, only {PERFORM:?}")]
    Type(String),
    /// Nobody knows where to.
    #[error("the carrier")]
    Carrier(#[from] UnknownCarrier),
}

/// A record of a device's topic.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sampled {
    /// When it was sampled.
    #[serde(deserialize_with = "zoneless")]
    pub timestamp: Timestamp,
    /// The value.
    pub data: i64,
}

/// A record of [`DOWNSTREAM_REQUEST`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The carrier to switch to.
    pub carrier: Carrier,
    /// The modem, by the name of its node: the member `modem`, which the original does not have.
    pub modem: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Written {
    r#type: String,
    metadata: String,
    #[serde(default)]
    modem: Option<String>,
}

/// The value of a record in a device's topic.
pub fn sample(time: Timestamp, value: Integer<'_>) -> String {
    let time = Zoneless(time);
    format!("{{\"timestamp\": \"{time}\", \"data\": {value}}}")
}

/// The value of a record in the topic that Grafana reads. `nickname` is a label, which JSON takes as it is.
pub fn for_grafana(nickname: &crate::Label, value: Integer<'_>) -> String {
    format!("{{\"{nickname}\": {value}}}")
}

/// The value of a record of [`CARRIER_SWITCH_ACK`].
pub fn answer(answer: Answer) -> String {
    let (status, carrier) = (answer.verdict.as_str(), answer.carrier);
    format!("{{\"status\": \"{status}\", \"carrier\": \"{carrier}\"}}")
}

/// The value of a record of [`DOWNSTREAM_REQUEST`].
pub fn request(carrier: Carrier) -> String {
    format!("{{\"type\": \"{PERFORM}\", \"metadata\": \"{carrier}\"}}")
}

/// Reads a record of [`DOWNSTREAM_REQUEST`].
pub fn read_request(value: &[u8]) -> Result<Request, RequestError> {
    let written: Written = serde_json::from_slice(value).map_err(RequestError::Shape)?;
    if written.r#type != PERFORM {
        return Err(RequestError::Type(written.r#type));
    }
    Ok(Request {
        carrier: written.metadata.parse()?,
        modem: written.modem,
    })
}

/// A time as Python's `isoformat` writes it.
struct Zoneless(Timestamp);

impl fmt::Display for Zoneless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(civil) = temporenc::civil(self.0) else {
            return fmt::Display::fmt(&self.0, f);
        };
        let (year, month, day) = (civil.year(), civil.month(), civil.day());
        let (hour, minute, second) = (civil.hour(), civil.minute(), civil.second());
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        match civil.subsec_nanosecond() / 1_000 {
            0 => Ok(()),
            micros => write!(f, ".{micros:06}"),
        }
    }
}

/// Reads a time of the original, with or without its fraction, and one with its zone.
fn zoneless<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    let zoned = text.parse().or_else(|_| format!("{text}Z").parse());
    zoned.map_err(serde::de::Error::custom)
}
