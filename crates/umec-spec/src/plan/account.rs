//! The accounts of a node's bus: who may publish, read and command what.
//!
//! Each plugin, the edge API and each uplink is an account of its own, which sees nothing of the
//! others but what it imports. JetStream lives in the bus account. Measured with nats-server 2.15:
//!
//! - A plugin publishes into the stream through *service* imports that name device and kind; the
//!   acknowledgement, the message id and the mark of a duplicate come back. `<device>.>` beside exported
//!   commands is refused by the server as a cycle, hence the kinds by name.
//! - A reader of the stream imports the JetStream API under a prefix of its own, since `$JS.API` in an
//!   account without JetStream is answered "not enabled". Pull consumers, direct reads and
//!   acknowledgements work across accounts; push consumers do not.
//! - Commands are services that the plugin's account exports by device.
//!
//! What a user may do is written into its account, as the template of a signing key, and not into the
//! user's own token. So a thousand devices do not make a long token (the server takes 4 KiB), and a
//! new device needs no new credentials. The permissions repeat what the imports already bound: one
//! slip is not enough, and a refused attempt is answered with an error instead of silence.

use serde::Serialize;
use serde_json::{Value, json};
use umec_wire::subject::{Subject, Target};
use umec_wire::{CommandName, DeviceName, Label};

use super::faces::{commanded, uplink_process};
use super::plugins::device_name;
use super::{Node, OPERATOR};
use crate::keys::Role;
use crate::settings::stream::NAME as STREAM;

/// The JetStream API of the bus, as accounts know it that import it.
pub(super) const BUS_API: &str = "JS.bus.API";

/// The JetStream API of an account's own.
pub(super) const OWN_API: &str = "$JS.API";

/// The account that JetStream lives in.
pub(super) const BUS: &str = "bus";

/// How many milliseconds a plugin may take to answer a command: as long as commands may live.
const ANSWER_WITHIN: u64 = 10 * 60 * 1_000;

/// One account of a node's bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account {
    /// Its name.
    pub(super) name: Label,
    /// Whether JetStream lives in it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) jetstream: bool,
    /// What others may import.
    pub(super) exports: Vec<Service>,
    /// What it takes from others.
    pub(super) imports: Vec<Import>,
    /// Its user.
    pub(super) user: Label,
    /// What the user may do.
    pub(super) may: Permissions,
}

/// A subject on which an account answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Service {
    pub(super) subject: String,
    /// Whether one request may have many answers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) many: bool,
}

/// A subject that another account answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Import {
    pub(super) from: Label,
    pub(super) subject: String,
    /// Its name in the importing account, where that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) local: Option<String>,
}

/// What a user may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Permissions {
    pub(super) publish: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) publish_never: Vec<String>,
    pub(super) subscribe: Vec<String>,
    /// Whether it may answer what it is asked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) answer: bool,
}

/// The prefix of a user's inboxes.
pub(super) fn inbox(process: &Label) -> String {
    format!("_INBOX.{process}")
}

fn inboxes(process: &Label) -> String {
    format!("{}.>", inbox(process))
}

/// The parts of the JetStream API that a reader of the stream needs: the end of the subject, and
/// whether many answers come.
fn reading_api() -> Vec<(String, bool)> {
    vec![
        (format!("STREAM.INFO.{STREAM}"), false),
        (format!("CONSUMER.CREATE.{STREAM}.>"), false),
        (format!("CONSUMER.INFO.{STREAM}.*"), false),
        (format!("CONSUMER.DELETE.{STREAM}.*"), false),
        (format!("CONSUMER.MSG.NEXT.{STREAM}.*"), true),
        (format!("DIRECT.GET.{STREAM}"), true),
        (format!("DIRECT.GET.{STREAM}.>"), true),
    ]
}

fn acknowledgements(consumer: &str) -> String {
    format!("$JS.ACK.{STREAM}.{consumer}.>")
}

/// What nobody but its owner may do with a durable consumer, and with the one that keeps its floor while
/// it is made anew: change, delete or drain it.
fn touching(consumer: &Label) -> Vec<String> {
    let both = [consumer.to_string(), format!("{consumer}_floor")];
    let subjects = both.iter().flat_map(|consumer| {
        [
            format!("{BUS_API}.CONSUMER.CREATE.{STREAM}.{consumer}"),
            format!("{BUS_API}.CONSUMER.CREATE.{STREAM}.{consumer}.>"),
            format!("{BUS_API}.CONSUMER.DELETE.{STREAM}.{consumer}"),
            format!("{BUS_API}.CONSUMER.MSG.NEXT.{STREAM}.{consumer}"),
        ]
    });
    subjects.collect()
}

// === the accounts of a node ===

impl Node<'_> {
    /// The accounts, the bus's own first.
    pub(super) fn accounts(&self) -> Vec<Account> {
        let mut accounts = vec![self.bus_account()];
        accounts.extend(self.plugin_accounts());
        if self.has_edge_api() {
            accounts.push(self.edge_api_account());
        }
        accounts.extend(self.uplink_accounts());
        accounts
    }

    fn subject(&self, device: &DeviceName, target: Target) -> String {
        let subject = Subject {
            node: self.name.clone(),
            device: device.clone(),
            target,
        };
        subject.to_string()
    }

    /// All commands of a device; a pattern is no [`Subject`], so the last part is taken off one.
    fn commands(&self, device: &DeviceName) -> String {
        let any = CommandName::new("x").expect("a label");
        let one = self.subject(device, Target::Command(any));
        format!("{}*", one.strip_suffix('x').unwrap_or(&one))
    }

    fn bus_account(&self) -> Account {
        let kept = Target::PUBLISHED.into_iter().filter(Target::is_kept);
        let devices = self.devices.iter().map(|d| device_name(d));
        let mut exports: Vec<_> = devices
            .flat_map(|d| kept.clone().map(move |t| (d.clone(), t)))
            .map(|(device, target)| Service::one(self.subject(&device, target)))
            .collect();
        for (subject, many) in reading_api() {
            let subject = format!("{OWN_API}.{subject}");
            exports.push(Service { subject, many });
        }
        let consumers = self.own_uplinks().map(uplink_process);
        exports.extend(consumers.map(|c| Service::one(acknowledgements(c.as_str()))));
        let user = Label::new(OPERATOR).expect("a label");
        Account {
            name: Label::new(BUS).expect("a label"),
            jetstream: true,
            exports,
            imports: Vec::new(),
            may: Permissions {
                publish: vec![format!("{OWN_API}.>"), "$JS.ACK.>".to_owned()],
                subscribe: vec![inboxes(&user), format!("{}.>", umec_wire::subject::PREFIX)],
                ..Permissions::default()
            },
            user,
        }
    }

    fn plugin_accounts(&self) -> impl Iterator<Item = Account> {
        let published = || [Target::Readings, Target::Events, Target::Status];
        self.devices_by_plugin()
            .into_iter()
            .map(move |(plugin, devices)| {
                let name = plugin.as_label().clone();
                let devices: Vec<_> = devices.iter().map(|d| device_name(d)).collect();
                let publish: Vec<_> = devices
                    .iter()
                    .flat_map(|d| published().map(|t| self.subject(d, t)))
                    .collect();
                let commands: Vec<_> = devices.iter().map(|d| self.commands(d)).collect();
                Account {
                    jetstream: false,
                    exports: commands.iter().cloned().map(Service::one).collect(),
                    imports: publish.iter().cloned().map(Import::from_bus).collect(),
                    may: Permissions {
                        publish,
                        subscribe: commands.into_iter().chain([inboxes(&name)]).collect(),
                        answer: true,
                        ..Permissions::default()
                    },
                    user: name.clone(),
                    name,
                }
            })
    }

    /// The command services of those devices that `may` admits.
    fn command_imports(&self, may: impl Fn(&DeviceName) -> bool) -> Vec<Import> {
        let plugins = self.devices_by_plugin();
        let owned = plugins.iter().flat_map(|(plugin, devices)| {
            let devices = devices.iter().map(|d| device_name(d));
            devices.map(move |device| (plugin, device))
        });
        owned
            .filter(|(_, device)| may(device))
            .map(|(plugin, device)| Import {
                from: plugin.as_label().clone(),
                subject: self.commands(&device),
                local: None,
            })
            .collect()
    }

    fn edge_api_account(&self) -> Account {
        let name = Self::edge_api_name();
        let aggregates: Vec<_> = self
            .devices
            .iter()
            .map(|d| self.subject(&device_name(d), Target::Aggregates))
            .collect();
        let mut account = self.reader_account(name, |_| true);
        account
            .imports
            .extend(aggregates.iter().cloned().map(Import::from_bus));
        account.may.publish.extend(aggregates);
        account
    }

    fn uplink_accounts(&self) -> impl Iterator<Item = Account> {
        self.own_uplinks().map(|uplink| {
            let name = uplink_process(uplink);
            let allowed = commanded(&uplink.spec.command, &self.devices);
            let acknowledged = acknowledgements(name.as_str());
            let mut account = self.reader_account(name, |device| allowed.contains(device));
            account.imports.push(Import::from_bus(acknowledged.clone()));
            account.may.publish.push(acknowledged);
            account
        })
    }

    /// An account that reads the stream and gives commands.
    fn reader_account(&self, name: Label, may_command: impl Fn(&DeviceName) -> bool) -> Account {
        let commands = self.command_imports(may_command);
        let api = reading_api().into_iter().map(|(subject, _)| Import {
            from: Label::new(BUS).expect("a label"),
            local: Some(format!("{BUS_API}.{subject}")),
            subject: format!("{OWN_API}.{subject}"),
        });
        let imports: Vec<_> = api.chain(commands).collect();
        let others = self
            .own_uplinks()
            .map(uplink_process)
            .filter(|other| *other != name);
        let publish = imports
            .iter()
            .map(|import| import.local.as_ref().unwrap_or(&import.subject));
        Account {
            jetstream: false,
            exports: Vec::new(),
            may: Permissions {
                publish: publish.cloned().collect(),
                publish_never: others.flat_map(|other| touching(&other)).collect(),
                subscribe: vec![inboxes(&name)],
                answer: false,
            },
            imports,
            user: name.clone(),
            name,
        }
    }
}

// === the claims of an account ===

impl Service {
    const fn one(subject: String) -> Self {
        Self {
            subject,
            many: false,
        }
    }
}

impl Import {
    fn from_bus(subject: String) -> Self {
        Self {
            from: Label::new(BUS).expect("a label"),
            subject,
            local: None,
        }
    }
}

impl Account {
    /// The part of the account's token that is NATS's own.
    pub(super) fn claims(&self, node: &Node<'_>) -> Value {
        let export = |service: &Service| {
            json!({
                "name": service.subject,
                "subject": service.subject,
                "type": "service",
                "response_type": if service.many { "Stream" } else { "Singleton" },
            })
        };
        let import = |import: &Import| {
            let account = node.keys.pair(Role::Account(&node.name, &import.from));
            json!({
                "name": import.subject,
                "subject": import.subject,
                "account": account.public_key(),
                "local_subject": import.local.as_ref().unwrap_or(&import.subject),
                "type": "service",
            })
        };
        let storage = if self.jetstream { -1 } else { 0 };
        let signer = node.keys.pair(Role::Scope(&node.name, &self.name));
        json!({
            "exports": self.exports.iter().map(export).collect::<Vec<_>>(),
            "imports": self.imports.iter().map(import).collect::<Vec<_>>(),
            "limits": {
                "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
                "wildcards": true, "conn": -1, "leaf": 0,
                "mem_storage": storage, "disk_storage": storage,
                "streams": storage, "consumer": storage,
            },
            "default_permissions": { "pub": {}, "sub": {} },
            "signing_keys": [{
                "kind": "user_scope",
                "key": signer.public_key(),
                "role": self.user,
                "template": self.may.template(),
            }],
            "type": "account",
            "version": 2,
        })
    }
}

impl Permissions {
    fn template(&self) -> Value {
        let mut template = json!({
            "pub": { "allow": self.publish, "deny": self.publish_never },
            "sub": { "allow": self.subscribe },
            "subs": -1, "data": -1, "payload": -1,
        });
        if self.answer {
            let nanoseconds = ANSWER_WITHIN * 1_000_000;
            template["resp"] = json!({ "max": 1, "ttl": nanoseconds });
        }
        template
    }
}
