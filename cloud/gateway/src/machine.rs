//! The gateway's end of the protocol, as a state machine: no socket, no clock, no task, no Kafka.
//!
//! Whoever drives it reports what happens (datagrams, deliveries, records of commands), calls
//! [`Machine::poll`] after each round of reports and whenever [`Machine::wake`] has come, and carries
//! out what [`Machine::next_action`] hands out.
//!
//! What it promises: a batch is acknowledged after every message in it is in Kafka; a message is
//! handed out for writing once, as long as its writing does not fail; every record of a command is
//! followed by one result. What it needs for that after a restart is in its [`Snapshot`].

mod admission;
mod assembly;
mod carrying;
mod commands;
mod early;
mod layouts;
mod marks;
mod modem;
mod sessions;
mod shared;
mod shares;
mod snapshot;
mod tenure;
mod traffic;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use rand::SeedableRng;
use rand::rngs::StdRng;
use umec_wire::command::CommandId;
use umec_wire::kafka::KafkaTopic;
use umec_wire::uplink::{Connection, Cookies, Down, Now};
use umec_wire::{Boot, Label, MessageId, ModemName, NodeName, Reason, Timestamp};

use crate::kafka::{Incoming, Outgoing, Place};
use crate::record;

pub use admission::Admission;
pub use marks::{Mark, Marks};
pub use snapshot::{Places, SCANNED, Snapshot};
pub use traffic::Counters;

/// Which gateway this is, and how much it takes on.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// Its name; of one name only one gateway runs at a time.
    pub name: Label,
    /// Its own run.
    pub boot: Boot,
    /// How many records may be on their way to Kafka.
    pub capacity: usize,
    /// How long after its expiry a command that was sent may still be answered.
    pub grace: Duration,
    /// What callers have to show.
    pub cookies: Cookies,
    /// How many sessions may begin.
    pub admission: Admission,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this to a modem.
    Send {
        /// Where to.
        to: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// Write this, and report what became of it under the token.
    Write {
        /// The token.
        token: u64,
        /// The record.
        record: Box<Outgoing>,
    },
    /// Inherit the modems of these gateways, which nobody hears any more.
    Inherit(Vec<Boot>),
}

/// The state machine.
#[derive(Debug)]
pub struct Machine {
    boot: Boot,
    random: StdRng,
    cookies: Cookies,
    admission: Admission,
    calls: admission::Bucket,
    modems: HashMap<ModemName, modem::Modem>,
    connections: HashMap<Connection, ModemName>,
    /// The modem that speaks for a node.
    nodes: HashMap<NodeName, ModemName>,
    commands: commands::Commands,
    /// Who ends which command.
    rights: commands::Rights,
    /// Rights of which the last record in the log does not tell the truth.
    unclear_rights: HashSet<CommandId>,
    /// What was handed out for writing.
    written: HashMap<u64, Written>,
    next_token: u64,
    /// How many messages wait until this gateway may write for their modems.
    early: usize,
    capacity: usize,
    shares: shares::Shares,
    /// Whether it knows what its predecessor wrote; before that it takes nothing.
    is_restored: bool,
    /// What modems are told about Kafka.
    trouble: Option<Reason>,
    /// The modems to which something is owed.
    owed: HashSet<ModemName>,
    places: Places,
    tenure: tenure::Tenure,
    /// When a claim or a release was written last.
    asked: HashMap<ModemName, Duration>,
    /// Gateways that are gone and whose records are known.
    known_estates: HashSet<Boot>,
    is_inheriting: bool,
    next_look: Duration,
    actions: VecDeque<Action>,
    counters: Counters,
    housekeeping: Duration,
}

/// What a token stands for.
#[derive(Debug)]
enum Written {
    Message(KafkaTopic, ModemName, MessageId),
    Result(CommandId),
    /// How a modem is; what becomes of it concerns nobody.
    Modem,
    /// A claim or a release: it counts when it is read.
    Tenure,
    /// The end of a right to end a command.
    RightEnds(CommandId),
}

/// How often sessions, marks and modems are looked through.
const HOUSEKEEPING: Duration = Duration::from_secs(10);

/// How long a modem is silent before it counts as down: three keepalives.
const SILENCE: Duration = Duration::from_mins(1);

// === impl Machine ===

impl Machine {
    /// A gateway that knows nothing yet. `seed` comes from a source of true randomness.
    pub fn new(parameters: Parameters, seed: [u8; 32]) -> Self {
        let Parameters {
            name,
            boot,
            capacity,
            grace,
            cookies,
            admission,
        } = parameters;
        Self {
            boot,
            random: StdRng::from_seed(seed),
            cookies,
            admission,
            calls: admission::Bucket::new(),
            modems: HashMap::new(),
            connections: HashMap::new(),
            nodes: HashMap::new(),
            commands: commands::Commands::new(grace),
            rights: commands::Rights::default(),
            unclear_rights: HashSet::new(),
            written: HashMap::new(),
            next_token: 0,
            early: 0,
            capacity,
            shares: shares::Shares::default(),
            is_restored: false,
            trouble: None,
            owed: HashSet::new(),
            places: Places::default(),
            tenure: tenure::Tenure::new(boot, name),
            asked: HashMap::new(),
            known_estates: HashSet::new(),
            is_inheriting: false,
            next_look: Duration::ZERO,
            actions: VecDeque::new(),
            counters: Counters::default(),
            housekeeping: Duration::ZERO,
        }
    }

    /// Says what is wrong with Kafka, for modems to know why nothing is acknowledged.
    pub fn trouble(&mut self, reason: Option<Reason>) {
        let ends = self.trouble.is_some() && reason.is_none();
        self.trouble = reason;
        if ends {
            self.tell_all_alive();
        }
    }

    /// Whether it has taken over what its predecessor wrote.
    pub const fn is_restored(&self) -> bool {
        self.is_restored
    }

    /// Takes a record of `umec.commands`.
    pub fn command(&mut self, now: Now, record: &Incoming) {
        self.commands.record(now, record);
    }

    /// Whether another command may come.
    pub fn has_room_for_commands(&self) -> bool {
        self.commands.has_room()
    }

    /// Takes the word on what was handed out for writing: its place, or none when it did not get into
    /// Kafka and never will. Gives the topic of what is there.
    pub fn delivered(&mut self, now: Now, token: u64, place: Option<Place>) -> Option<KafkaTopic> {
        match (self.written.remove(&token), place) {
            (Some(Written::Message(topic, name, id)), place) => {
                if let Some(modem) = self.modems.get_mut(&name) {
                    if let Some(place) = place {
                        self.places.passed(topic, place);
                        modem.settled(now.wall, &id);
                    } else {
                        modem.failed(&id);
                        self.counters.failed += 1;
                    }
                    if modem.owes() {
                        self.owed.insert(name);
                    }
                }
                place.map(|_| topic)
            }
            (Some(Written::Result(id)), Some(place)) => {
                self.result_is_there(now.wall, id, place);
                Some(KafkaTopic::CommandResults)
            }
            (Some(Written::Result(id)), None) => {
                self.commands.not_written(now.steady, &id);
                None
            }
            (Some(Written::RightEnds(id)), None) => {
                self.unclear_rights.insert(id);
                None
            }
            (Some(Written::RightEnds(_)), Some(_)) => Some(KafkaTopic::Marks),
            (Some(Written::Tenure), place) => place.map(|_| KafkaTopic::Marks),
            (Some(Written::Modem), place) => place.map(|_| KafkaTopic::Modems),
            (None, _) => None,
        }
    }

    /// Does what is due: acknowledges, sends commands, writes results, tells of modems.
    pub fn poll(&mut self, now: Now) {
        self.look_at_early(now);
        for name in std::mem::take(&mut self.owed) {
            let modem = self.modems.get_mut(&name);
            if let Some(ranges) = modem.and_then(modem::Modem::acknowledgement) {
                self.send(&name, &Down::Acknowledged(ranges));
            }
        }
        self.share(now);
        self.carry_commands(now);
        if now.steady >= self.housekeeping {
            self.housekeeping = now.steady + HOUSEKEEPING;
            self.keep_house(now);
        }
    }

    /// What is to be done next.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Machine::poll`] has something to do at the latest.
    pub fn wake(&self) -> Duration {
        self.commands.wake().min(self.housekeeping)
    }

    /// How many records are on their way to Kafka.
    pub fn outstanding(&self) -> usize {
        self.written.len()
    }

    /// How many modems have a session.
    pub fn connected(&self) -> usize {
        self.modems.values().filter(|modem| modem.is_up).count()
    }

    /// How many sessions are held, proven or not.
    pub fn held(&self) -> usize {
        self.connections.len()
    }

    /// What has happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn write(&mut self, what: Written, record: Outgoing) {
        let token = self.next_token;
        self.next_token += 1;
        self.written.insert(token, what);
        let record = Box::new(record);
        self.actions.push_back(Action::Write { token, record });
    }

    fn send(&mut self, name: &ModemName, message: &Down) {
        let modem = self.modems.get_mut(name);
        let sealed = modem.and_then(|m| m.sessions.seal(message.lane(), &message.encode()));
        self.send_sealed(sealed);
    }

    fn send_sealed(&mut self, sealed: Option<(SocketAddr, Vec<u8>)>) {
        if let Some((to, bytes)) = sealed {
            self.actions.push_back(Action::Send { to, bytes });
        }
    }

    fn tell_all_alive(&mut self) {
        let connected = self.modems.iter().filter(|(_, modem)| modem.is_up);
        let names: Vec<_> = connected.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.send(&name, &Down::Alive { refusing: None });
        }
    }

    fn keep_house(&mut self, now: Now) {
        let mut changed = Vec::new();
        for (name, modem) in &mut self.modems {
            modem.sessions.forget(now.steady);
            modem.marks.forget(now.wall);
            let heard = modem.sessions.proven().map(|proven| proven.heard.steady);
            if modem.is_up && heard.is_some_and(|heard| now.steady >= heard + SILENCE) {
                modem.is_up = false;
                changed.push(name.clone());
            }
        }
        for name in changed {
            self.tell_of(now.wall, &name);
        }
        let modems = self.modems.iter();
        self.connections = modems
            .flat_map(|(name, modem)| modem.sessions.connections().map(|c| (c, name.clone())))
            .collect();
    }

    /// Writes down how a modem is.
    fn tell_of(&mut self, now: Timestamp, name: &ModemName) {
        let Some(modem) = self.modems.get(name) else {
            return;
        };
        let Some(proven) = modem.sessions.proven() else {
            return;
        };
        let value = record::ModemRecord {
            node: modem.node.clone(),
            state: if modem.is_up { "up" } else { "down" },
            address: proven.address.to_string(),
            since: proven.since,
            last_seen: proven.heard.wall,
            queue: modem.waiting,
        };
        let record = record::of_modem(name, now, &value);
        self.write(Written::Modem, record);
    }
}
