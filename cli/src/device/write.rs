//! `umec device write`: gives one command and prints its one result.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use umec_sdk::Clock;
use umec_wire::{DeviceName, Reason, Span, Timestamp, Value, senml};

use crate::arguments::{Assignment, Format};
use crate::failure::Failure;
use crate::http::EdgeApi;
use crate::output;
use crate::picture::told;

/// How much longer than the command itself its answer may take on the way.
const ON_THE_WAY: Duration = Duration::from_secs(5);
/// The pause before the edge API is asked again how a command stands.
const PAUSE: Duration = Duration::from_millis(200);

/// What is to be written.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// Which device.
    pub(super) device: &'a DeviceName,
    /// What to set.
    pub(super) assignment: &'a Assignment,
    /// How long it may take.
    pub(super) timeout: Span,
}

/// A command as the edge API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Answer {
    /// Which command it is.
    id: String,
    /// How it ended.
    outcome: Progress,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    /// What the device shows after it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "senml::plain_option"
    )]
    value: Option<Value>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time: Option<Timestamp>,
}

/// How a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Progress {
    Pending,
    Done,
    Refused,
    Failed,
    Expired,
}

/// Gives the command, waits for its result, and fails where it was not done.
pub(super) async fn run(api: &EdgeApi, wanted: &Wanted<'_>, format: Format) -> Result<(), Failure> {
    let limit = wanted.timeout.duration() + ON_THE_WAY;
    let answer = tokio::time::timeout(limit, ended(api, wanted)).await;
    let answer = answer.map_err(|_| {
        Failure::unavailable(format!(
            "{} has no result within {limit:?}; `umec status` tells more",
            wanted.assignment.metric
        ))
    })??;
    output::show(format, &answer, text)?;
    let device = wanted.device;
    match answer.outcome {
        Progress::Done => Ok(()),
        Progress::Refused => Err(Failure::bad_input(format!("{device} was not written"))),
        Progress::Failed | Progress::Pending => Err(Failure::other(format!(
            "whether {device} was written is not known"
        ))),
        Progress::Expired => Err(Failure::other(format!(
            "{device} was not written within {}",
            wanted.timeout
        ))),
    }
}

/// Asks until the command has ended.
async fn ended(api: &EdgeApi, wanted: &Wanted<'_>) -> Result<Answer, Failure> {
    let (device, assignment) = (wanted.device, wanted.assignment);
    let path = format!("/api/v1/devices/{device}/commands/{}", assignment.metric);
    let expires = Clock::system()
        .now()
        .saturating_add(wanted.timeout.duration());
    let body = serde_json::json!({ "value": assignment.value, "expires": expires });
    let deadline = wanted.timeout.duration() + ON_THE_WAY;
    let mut answer: Answer = api.post(&path, &body, deadline).await?;
    while answer.outcome == Progress::Pending {
        tokio::time::sleep(PAUSE).await;
        answer = api.get(&format!("/api/v1/commands/{}", answer.id)).await?;
    }
    Ok(answer)
}

fn text(answer: &Answer) -> String {
    let outcome = match answer.outcome {
        Progress::Pending => "pending",
        Progress::Done => "done",
        Progress::Refused => "refused",
        Progress::Failed => "failed",
        Progress::Expired => "expired",
    };
    let reason = answer.reason.as_ref();
    let reason = reason.map(|reason| format!(": {reason}"));
    let value = answer.value.as_ref();
    let value = value.map(|value| format!(", the device shows {}", told(value, None)));
    format!(
        "{outcome}{}{}\n",
        reason.unwrap_or_default(),
        value.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_told_in_one_line() {
        let answer: Answer = serde_json::from_str(
            r#"{"id":"x","device":"a","name":"b","issuer":"c","expires":"2026-01-01T00:00:00Z",
                "outcome":"done","value":23.5,"time":"2026-01-01T00:00:00Z"}"#,
        )
        .unwrap();
        assert_eq!(text(&answer), "done, the device shows 23.5\n");
        let refused: Answer = serde_json::from_str(
            r#"{"id":"x","outcome":"refused","reason":{"code":"range","text":"99 is above 30"}}"#,
        )
        .unwrap();
        assert_eq!(text(&refused), "refused: range: 99 is above 30\n");
    }
}
