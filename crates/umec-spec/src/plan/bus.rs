//! The bus of a node: the server's configuration, the tokens, the credentials, the stream.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;
use umec_wire::{Label, NodeName};

use super::Node;
use super::account::Account;
use crate::keys::{Claims, Role, Secret, mint};
use crate::resource::Sync;
use crate::settings::stream::StreamSettings;

/// The bus of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BusPlan {
    /// The node: the server's name and its JetStream domain.
    pub node: NodeName,
    /// The stream.
    pub stream: StreamSettings,
    /// When the server writes through to the disk.
    pub sync: Sync,
    /// The accounts.
    accounts: Vec<Account>,
    /// The users: one of each account.
    #[serde(skip)]
    pub users: Vec<User>,
    #[serde(skip)]
    tokens: Tokens,
}

/// A user of the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name: the process's, or [`super::OPERATOR`].
    pub name: Label,
    /// The prefix of its inboxes.
    pub inbox: String,
    /// The credentials file: the token and the seed.
    pub credentials: Secret,
}

/// Where a server runs: what the plan does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerPlace {
    /// Where clients are served; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder of the store; none where it is said on the server's command line.
    pub store: Option<PathBuf>,
    /// The folder into which the server writes its ports, where somebody wants to know.
    pub ports: Option<PathBuf>,
    /// Where the server tells how it is, over HTTP and to anybody who asks; port 0 takes a free one. Nowhere
    /// where absent.
    pub monitor: Option<SocketAddr>,
}

/// What proves to the server who is who.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tokens {
    operator: String,
    system: String,
    /// Public keys and tokens of accounts.
    accounts: Vec<(String, String)>,
}

/// What the configuration of the store begins with.
const STORE: &str = "jetstream {\n";

/// What the store may use above the stream's own bound, for consumers and whatever else is kept.
const STORE_BESIDE: u64 = 64 << 20;

impl Node<'_> {
    pub(super) fn bus(&self) -> BusPlan {
        let accounts = self.accounts();
        BusPlan {
            node: self.name.clone(),
            stream: StreamSettings::bounded(
                self.spec.bus.store.bytes.get(),
                self.spec.bus.store.age,
            ),
            sync: self.spec.bus.store.sync,
            users: accounts.iter().map(|account| self.user(account)).collect(),
            tokens: self.tokens(&accounts),
            accounts,
        }
    }

    fn tokens(&self, accounts: &[Account]) -> Tokens {
        let operator = self.keys.pair(Role::Operator);
        let issued_at = self.keys.issued_at();
        let system = self.keys.pair(Role::System(&self.name)).public_key();
        let account = |key: &str, name: &str, nats| {
            let claims = Claims {
                sub: key.to_owned(),
                name: name.to_owned(),
                nats,
            };
            (key.to_owned(), mint(&claims, &operator, issued_at))
        };
        let nothing = json!({
            "limits": { "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
                        "wildcards": true, "conn": -1, "leaf": -1 },
            "default_permissions": { "pub": {}, "sub": {} },
            "type": "account", "version": 2,
        });
        let mut tokens = vec![account(&system, "system", nothing)];
        tokens.extend(accounts.iter().map(|a| {
            let key = self
                .keys
                .pair(Role::Account(&self.name, &a.name))
                .public_key();
            account(&key, a.name.as_str(), a.claims(self))
        }));
        let claims = Claims {
            sub: operator.public_key(),
            name: "umec".to_owned(),
            nats: json!({ "system_account": system, "type": "operator", "version": 2 }),
        };
        Tokens {
            operator: mint(&claims, &operator, issued_at),
            system,
            accounts: tokens,
        }
    }

    fn user(&self, account: &Account) -> User {
        let pair = self.keys.pair(Role::User(&self.name, &account.user));
        let scope = self.keys.pair(Role::Scope(&self.name, &account.name));
        let owner = self.keys.pair(Role::Account(&self.name, &account.name));
        let claims = Claims {
            sub: pair.public_key(),
            name: account.user.to_string(),
            nats: json!({ "issuer_account": owner.public_key(), "type": "user", "version": 2 }),
        };
        let token = mint(&claims, &scope, self.keys.issued_at());
        let seed = pair.seed().expect("our own pairs have their seeds");
        User {
            name: account.user.clone(),
            inbox: super::account::inbox(&account.user),
            credentials: Secret::new(credentials(&token, &seed)),
        }
    }
}

/// The file that NATS clients read.
fn credentials(token: &str, seed: &str) -> String {
    format!(
        "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

impl BusPlan {
    /// The user of a process, or of whoever runs the installation.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name.as_str() == name)
    }

    /// The configuration file of the server at a place. It holds no secret.
    pub fn server_configuration(&self, place: &ServerPlace) -> String {
        let mut text = format!(
            "server_name: {name}\nhost: {host:?}\nport: {port}\n",
            name = quoted(self.node.as_str()),
            host = place.listen.ip().to_string(),
            port = port(place.listen),
        );
        if let Some(monitor) = place.monitor {
            let host = match monitor.ip() {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            };
            let monitor = quoted(&format!("{host}:{}", port(monitor)));
            push(&mut text, format_args!("http: {monitor}\n"));
        }
        if let Some(ports) = &place.ports {
            push(
                &mut text,
                format_args!("ports_file_dir: {}\n", quoted(&ports.to_string_lossy())),
            );
        }
        text.push_str(STORE);
        if let Some(store) = &place.store {
            let store = quoted(&store.to_string_lossy());
            push(&mut text, format_args!("  store_dir: {store}\n"));
        }
        push(
            &mut text,
            format_args!(
                "  domain: {domain}\n  max_mem: {STORE_BESIDE}\n  max_file: {file}\n  sync_interval: {sync}\n}}\n",
                domain = quoted(self.node.as_str()),
                file = self.stream.bytes.saturating_add(STORE_BESIDE),
                sync = quoted(&self.sync.to_string()),
            ),
        );
        let tokens = &self.tokens;
        push(
            &mut text,
            format_args!(
                "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload {{\n",
                tokens.operator, tokens.system
            ),
        );
        for (key, token) in &tokens.accounts {
            push(&mut text, format_args!("  {key}: {token}\n"));
        }
        text.push_str("}\n");
        text
    }

    /// A server's configuration with its store closed. A server that reads it anew lets go of its files and
    /// keeps its connections.
    pub fn with_store_closed(configuration: &str) -> String {
        configuration.replacen(STORE, &format!("{STORE}  enabled: false\n"), 1)
    }
}

/// The server takes a free port for -1, and its default one for 0.
fn port(address: SocketAddr) -> String {
    match address.port() {
        0 => "-1".to_owned(),
        port => port.to_string(),
    }
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments)
        .expect("a String takes every text");
}

/// A text in the server's configuration language, which knows JSON's quotes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
