//! Records of `umec.commands`: what somebody in the cloud wants a device, or the node itself, to do.

use serde::{Deserialize, Serialize};
use umec_wire::command::{CommandId, CommandRequest};
use umec_wire::reading::Value;
use umec_wire::senml::plain_option;
use umec_wire::uplink::{Command, Down, Setting};
use umec_wire::{CommandName, DeviceName, Label, NodeName, Reason, Timestamp};

/// A command and the node that it is for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The node.
    pub node: NodeName,
    /// What it, or its device, is to be told.
    pub order: Order,
}

/// What a node is to be told.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Something for a device.
    Device(Command),
    /// Something for the node's own uplink.
    Node(Setting),
}

/// Says that a record is no command. It gets a result all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The command's id, where that much can be read; otherwise one made of the record's place.
    pub id: CommandId,
    /// What is wrong.
    pub reason: Reason,
}

/// The value of a record: a command request with the member `name`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    id: CommandId,
    name: CommandName,
    #[serde(default, with = "plain_option")]
    value: Option<Value>,
    #[serde(default = "cloud")]
    issuer: String,
    expires: Timestamp,
}

fn cloud() -> String {
    "cloud".to_owned()
}

/// What stands in a key in place of a device for the node's own uplink; no device has such a name.
const UPLINK: &str = "_uplink";

/// Whom a record is for.
enum Addressee {
    Device(DeviceName),
    Uplink,
}

// === impl Order ===

impl Order {
    /// Id, value, issuer and expiry.
    pub const fn request(&self) -> &CommandRequest {
        match self {
            Self::Device(command) => &command.request,
            Self::Node(setting) => &setting.request,
        }
    }

    /// The message to the node.
    pub fn message(self) -> Down {
        match self {
            Self::Device(command) => Down::Command(command),
            Self::Node(setting) => Down::Setting(setting),
        }
    }
}

// === impl Request ===

impl Request {
    /// Reads a record: key `<node>/<device>` or `<node>/_uplink`, value as JSON. `place` names the record where its id
    /// cannot be read.
    pub fn read(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        place: (i32, i64),
    ) -> Result<Self, Unreadable> {
        let value = value.unwrap_or_default();
        let unreadable = |code, text: String| Unreadable {
            id: id_of(value, place),
            reason: Reason::new(code, text),
        };
        let (node, addressee) = names(key.unwrap_or_default()).ok_or_else(|| {
            let text = "the record's key is not <node>/<device>".to_owned();
            unreadable("bad-key", text)
        })?;
        let body: Body = serde_json::from_slice(value).map_err(|error| {
            let text = format!("the record's value is no command: {error}");
            unreadable("bad-command", text)
        })?;
        let name = body.name;
        let request = CommandRequest {
            id: body.id,
            value: body.value,
            issuer: body.issuer,
            expires: body.expires,
        };
        let order = match addressee {
            Addressee::Device(device) => Order::Device(Command {
                device,
                name,
                request,
            }),
            Addressee::Uplink => Order::Node(Setting { name, request }),
        };
        Ok(Self { node, order })
    }
}

fn names(key: &[u8]) -> Option<(NodeName, Addressee)> {
    let (node, name) = std::str::from_utf8(key).ok()?.split_once('/')?;
    let addressee = match name {
        UPLINK => Addressee::Uplink,
        device => Addressee::Device(device.parse().ok()?),
    };
    Some((node.parse().ok()?, addressee))
}

/// The id that a broken command shows, or one that tells where the record lies.
fn id_of(value: &[u8], (partition, offset): (i32, i64)) -> CommandId {
    #[derive(Deserialize)]
    struct Named {
        id: CommandId,
    }
    let named: Result<Named, _> = serde_json::from_slice(value);
    named.map_or_else(
        |_| {
            let text = format!("record-{partition}-{offset}");
            CommandId(Label::new(&text).expect("digits and inner hyphens are a label"))
        },
        |named| named.id,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Option<&[u8]> = Some(b"pole-7/thermometer-1");

    fn read(value: &str) -> Result<Request, Unreadable> {
        Request::read(KEY, Some(value.as_bytes()), (2, 40))
    }

    #[test]
    fn a_command_is_read_with_and_without_its_optional_parts() {
        let request = read(
            r#"{"id":"a1","name":"setpoint","value":21.5,"issuer":"me","expires":"2026-11-21T10:00:00Z"}"#,
        )
        .unwrap();
        assert_eq!(request.node.as_str(), "pole-7");
        let Order::Device(command) = request.order else {
            panic!("it is for a device");
        };
        assert_eq!(command.device.as_str(), "thermometer-1");
        assert_eq!(command.request.value, Value::number(21.5).ok());
        let short = read(r#"{"id":"a1","name":"reset","expires":"2026-11-21T10:00:00Z"}"#).unwrap();
        assert_eq!(short.order.request().issuer, "cloud");
        assert_eq!(short.order.request().value, None);
        let value = r#"{"id":"a1","name":"budget","value":5e6,"expires":"2026-11-21T10:00:00Z"}"#;
        let setting = Request::read(Some(b"pole-7/_uplink"), Some(value.as_bytes()), (2, 40));
        let order = setting.unwrap().order;
        assert!(matches!(order.message(), Down::Setting(s) if s.name.as_str() == "budget"));
    }

    #[test]
    fn what_is_no_command_keeps_its_id_where_it_shows_one() {
        let wrong = read(r#"{"id":"a1","name":"setpoint","expires":"soon"}"#).unwrap_err();
        assert_eq!(wrong.id.to_string(), "a1");
        assert_eq!(wrong.reason.code.as_str(), "bad-command");
        let wrong = read("on fire").unwrap_err();
        assert_eq!(wrong.id.to_string(), "record-2-40");
        let wrong = Request::read(Some(b"pole-7"), Some(b"{}"), (0, 0)).unwrap_err();
        assert_eq!(wrong.reason.code.as_str(), "bad-key");
        assert!(Request::read(None, None, (0, 0)).is_err());
    }
}
