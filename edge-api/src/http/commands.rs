//! Commands are given and asked after here.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};
use tracing::{info, info_span};
use umec_sdk::bus::{AskError, CommandError};
use umec_sdk::chain;
use umec_spec::settings::edge_api::Scope;
use umec_wire::command::{CommandId, CommandRequest, CommandResult, Outcome};
use umec_wire::topic::CommandTopic;
use umec_wire::{CommandName, DeviceName, Label, Reason, Timestamp, Value};
use warp::reply::Response;

use super::request::{Body, object};
use super::{Api, Asked, answer};
use crate::command::{Admission, Command, Progress, Register};
use crate::document::Plain;
use crate::history::reachable;
use crate::problem::ApiError;
use crate::query::only;

/// The furthest that a command may expire ahead: what is meant for later belongs in a scheduler.
const FURTHEST: Duration = Duration::from_hours(1);

/// What the body of a command says.
#[derive(Debug, Default)]
struct Given {
    value: Option<Value>,
    id: Option<CommandId>,
    expires: Option<Timestamp>,
}

// === impl Api ===

impl Api {
    /// Gives a command and waits for its result, as long as the caller likes.
    pub(super) async fn command(
        self: Arc<Self>,
        asked: Asked,
        device: DeviceName,
        name: CommandName,
        body: impl Body,
    ) -> Result<Response, ApiError> {
        asked.needs(Scope::Command)?;
        self.known(&asked, &device)?;
        only(&asked.pairs, &[])?;
        let limits = &self.settings.limits;
        let time = limits.time.duration();
        let members = object(&asked.headers, body, limits.body, time).await?;
        let now = self.node.clock.now();
        let given = given(&members, now)?;
        let deadline = self.settings.command_deadline.duration();
        let command = Command {
            id: given.id.unwrap_or_else(random_id),
            device,
            name,
            requested: given.value.map(Plain),
            issuer: asked.grant.name.clone(),
            expires: given
                .expires
                .unwrap_or_else(|| now.saturating_add(deadline)),
            progress: Progress::Pending,
        };
        let id = command.id.clone();
        self.give(command)?;
        let patience = patience(asked.header("prefer"), time);
        self.wait(&id, patience).await
    }

    pub(super) fn command_result(
        &self,
        asked: &Asked,
        id: &CommandId,
    ) -> Result<Response, ApiError> {
        only(&asked.pairs, &[])?;
        if !asked.grant.allows(Scope::Read) {
            asked.needs(Scope::Command)?;
        }
        let commands = self.commands.borrow();
        let found = commands.find(id).filter(|c| asked.grant.covers(&c.device));
        let command = found.ok_or_else(|| ApiError::Command(id.clone()))?;
        Ok(answer::json(command))
    }

    /// Takes a command in and sends it, unless it was given before.
    fn give(self: &Arc<Self>, command: Command) -> Result<(), ApiError> {
        let is_known = self.commands.borrow().find(&command.id).is_some();
        if !is_known {
            reachable(&self.bus)?;
        }
        let mut admission = Admission::Full;
        self.commands
            .send_modify(|register| admission = register.admit(command.clone()));
        match admission {
            Admission::New => {
                let api = Arc::clone(self);
                let span = info_span!("command", command = %command.id, device = %command.device);
                drop(
                    self.node
                        .tasks
                        .spawn(span, async move { api.send(command).await }),
                );
                Ok(())
            }
            Admission::Known => Ok(()),
            Admission::Conflict => Err(ApiError::Conflict(command.id)),
            Admission::Full => Err(ApiError::Busy {
                what: "pending commands",
                limit: Register::MAX_PENDING,
            }),
        }
    }

    /// Sends a command over the bus and writes down how it ended; its caller may have gone.
    async fn send(&self, command: Command) {
        let topic = CommandTopic {
            node: self.node.name.clone(),
            device: command.device.clone(),
            name: command.name.clone(),
        };
        let request = CommandRequest {
            id: command.id.clone(),
            value: command.value(),
            issuer: command.issuer.to_string(),
            expires: command.expires,
        };
        let sent = self.bus.command(&topic, &request).await;
        let result = sent.unwrap_or_else(|error| {
            let (outcome, reason) = without_result(&error);
            CommandResult {
                id: command.id.clone(),
                outcome,
                reason: Some(reason),
                value: None,
                time: self.node.clock.now(),
            }
        });
        let outcome = result.outcome.as_str();
        info!(issuer = %command.issuer, outcome, "a command ended");
        self.figures.commands.with(&[outcome]).inc();
        self.commands.send_modify(|register| register.end(result));
    }

    async fn wait(&self, id: &CommandId, patience: Duration) -> Result<Response, ApiError> {
        let mut commands = self.commands.subscribe();
        let ended = commands.wait_for(|register| {
            register
                .find(id)
                .is_none_or(|command| command.progress.is_ended())
        });
        // Whether it has ended or not, what is known is answered.
        drop(tokio::time::timeout(patience, ended).await);
        let commands = self.commands.borrow();
        let command = commands
            .find(id)
            .ok_or_else(|| ApiError::Command(id.clone()))?;
        let response = answer::json(command);
        if command.progress.is_ended() {
            Ok(response)
        } else {
            Ok(answer::accepted(
                response,
                &format!("/api/v1/commands/{id}"),
            ))
        }
    }
}

/// How a command ended that has no result from its plugin.
fn without_result(error: &CommandError) -> (Outcome, Reason) {
    let (outcome, code) = match error {
        CommandError::Ask(AskError::Away(_)) => (Outcome::Refused, "bus-away"),
        CommandError::Ask(AskError::Unanswered) | CommandError::Unanswered => {
            (Outcome::Failed, "no-answer")
        }
        CommandError::Ask(_) => (Outcome::Refused, "not-sent"),
        CommandError::NobodyListens { .. } => (Outcome::Refused, "no-plugin"),
        CommandError::Answer => (Outcome::Failed, "bad-answer"),
    };
    (outcome, Reason::new(code, chain(error)))
}

/// Reads the members of a command's body.
fn given(members: &Map<String, Json>, now: Timestamp) -> Result<Given, ApiError> {
    let mut given = Given::default();
    for (name, member) in members {
        match (name.as_str(), member) {
            ("value" | "id" | "expires", Json::Null) => {}
            ("value", member) => given.value = Some(value(member)?),
            ("id", Json::String(text)) => {
                let label = Label::new(text).map_err(|e| ApiError::field("id", e.to_string()))?;
                given.id = Some(CommandId(label));
            }
            ("expires", Json::String(text)) => given.expires = Some(expires(text, now)?),
            ("id" | "expires", _) => return Err(ApiError::field(name, "this is a text")),
            _ => {
                let problem = "a command has value, id and expires";
                return Err(ApiError::field(name, problem));
            }
        }
    }
    Ok(given)
}

fn value(member: &Json) -> Result<Value, ApiError> {
    let wrong = || ApiError::field("value", "a value is a number, a boolean or a text");
    match member {
        Json::Bool(flag) => Ok(Value::Boolean(*flag)),
        Json::String(text) => Ok(Value::from(text.as_str())),
        Json::Number(number) => {
            let number = number.as_f64().ok_or_else(wrong)?;
            Value::number(number).map_err(|e| ApiError::field("value", e.to_string()))
        }
        _ => Err(wrong()),
    }
}

fn expires(text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    let time: Timestamp = text
        .parse()
        .map_err(|error| ApiError::field("expires", format!("{error}")))?;
    if time <= now {
        return Err(ApiError::field("expires", "this time has passed"));
    }
    if time > now.saturating_add(FURTHEST) {
        return Err(ApiError::field(
            "expires",
            "a command expires within an hour",
        ));
    }
    Ok(time)
}

/// How long the caller waits: what `Prefer` says (RFC 7240 section 4), within the time of a request.
fn patience(prefer: Option<&str>, time: Duration) -> Duration {
    // Some of the time is left for the answer itself.
    let longest = time.mul_f32(0.9);
    let preferences = prefer.unwrap_or_default().split(',').map(str::trim);
    let mut patience = longest;
    for preference in preferences {
        let wait = preference
            .strip_prefix("wait=")
            .and_then(|text| text.parse().ok());
        if let Some(seconds) = wait {
            return longest.min(Duration::from_secs(seconds));
        }
        if preference.eq_ignore_ascii_case("respond-async") {
            patience = Duration::ZERO;
        }
    }
    patience
}

fn random_id() -> CommandId {
    let text = format!("{:032x}", rand::random::<u128>());
    CommandId(Label::new(&text).expect("32 hexadecimal digits are a label"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_waits_as_long_as_it_prefers_and_no_longer_than_a_request_may() {
        let time = Duration::from_secs(30);
        let patience = |prefer| patience(prefer, time).as_secs();
        assert_eq!(patience(None), 27);
        assert_eq!(patience(Some("respond-async")), 0);
        assert_eq!(patience(Some("respond-async, wait=5")), 5);
        assert_eq!(patience(Some("wait=500")), 27);
        assert_eq!(patience(Some("handling=lenient")), 27);
    }

    #[test]
    fn a_wrong_member_of_the_body_is_named() {
        let now = Timestamp::from_millis(1_000_000_000_000);
        for (body, field) in [
            (r#"{"value": [1]}"#, "value"),
            (r#"{"value": {"a": 1}}"#, "value"),
            (r#"{"id": 7}"#, "id"),
            (r#"{"id": "No Label"}"#, "id"),
            (r#"{"expires": "soon"}"#, "expires"),
            (r#"{"expires": "2001-09-09T01:46:40Z"}"#, "expires"),
            (r#"{"expires": "2001-09-09T02:46:41Z"}"#, "expires"),
            (r#"{"vlaue": 1}"#, "vlaue"),
        ] {
            let members = serde_json::from_str(body).unwrap();
            match given(&members, now) {
                Err(ApiError::Field { field: named, .. }) => assert_eq!(named, field, "{body}"),
                other => panic!("{body}: {other:?}"),
            }
        }
        let members = serde_json::from_str(r#"{"value": 21.5, "id": "a-1"}"#).unwrap();
        let given = given(&members, now).unwrap();
        assert_eq!(given.value, Some(Value::number(21.5).unwrap()));
    }
}
