//! The uplink's end of the protocol, as a state machine: no socket, no clock, no task.
//!
//! Whoever drives it reports what happens ([`Machine::datagram`], [`Machine::offer`],
//! [`Machine::finished`]), calls [`Machine::poll`] after each report and whenever [`Machine::wake`]
//! has come, and carries out what [`Machine::next_action`] hands out.
//!
//! What it promises: a message that was offered is acknowledged to the stream after the gateway
//! acknowledged it, and not before; every command that is handed out is answered until the gateway
//! has the result; one command id is handed out once for as long as its result is remembered.

mod backlog;
mod budget;
mod commands;
mod flight;
mod floors;
mod gaps;
mod layouts;
mod link;
mod outgoing;
mod packing;
mod settings;
mod size;
mod waiting;
mod window;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use umec_sdk::bus::{Lane, Room};
use umec_spec::settings::Pattern;
use umec_spec::settings::uplink::{Backlog, Budget, Priority};
use umec_wire::command::{CommandRequest, CommandResult};
use umec_wire::uplink::message::PROBE_OVERHEAD;
use umec_wire::uplink::{Command, Datagram, Down, Entry, Key, Lane as DatagramLane, Now, Up, Way};
use umec_wire::{Boot, DeviceName, ModemName, Reason, Timestamp};

pub use gaps::{GAP, LeftOut, Numbering, Why};
pub use link::{LinkState, Renewal};
pub use outgoing::Progress;

/// Who this uplink is, and how it may behave.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// The name under which the gateway knows it.
    pub modem: ModemName,
    /// The key it shares with the gateway.
    pub key: Key,
    /// Its own run.
    pub boot: Boot,
    /// The devices that the cloud may command.
    pub command: Vec<Pattern>,
    /// The largest datagram in bytes.
    pub datagram: usize,
    /// How long a message may wait for company.
    pub linger: Duration,
    /// When new keys are made.
    pub renewal: Renewal,
    /// How what has piled up goes up beside what is new.
    pub backlog: Backlog,
    /// What may be spent; anything where absent.
    pub budget: Option<Budget>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Send this to the gateway.
    Send(Vec<u8>),
    /// The message at this position of the stream is safe.
    Acknowledge(u64),
    /// Tell a device something and report how it ended.
    Command(Command),
    /// A setting was made: let [`Machine::note`] outlive this run, then report that it is done.
    Keep(CommandRequest),
    /// Look the gateway's name up again: what is known does not answer.
    Resolve,
}

/// How datagrams that came in were disposed of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused {
    /// Not of this protocol.
    pub malformed: u64,
    /// A welcome to nothing, or by somebody without the key.
    pub handshake: u64,
    /// Of a session that is not known.
    pub session: u64,
    /// Seen before.
    pub replayed: u64,
    /// Damaged or forged.
    pub broken: u64,
    /// Opened, and not understood.
    pub message: u64,
}

/// The state machine.
#[derive(Debug)]
pub struct Machine {
    link: link::Link,
    outgoing: outgoing::Outgoing,
    commands: commands::Commands,
    actions: VecDeque<Action>,
    refused: Refused,
    superseded: u64,
    gaps: gaps::Gaps,
    budget: budget::Budget,
    /// The time of day when something last happened.
    wall: Timestamp,
}

// === impl Machine ===

impl Machine {
    /// An uplink that has not spoken yet. `seed` is from a source of true randomness: session keys
    /// come of it.
    pub fn new(parameters: Parameters, seed: [u8; 32]) -> Self {
        let Parameters {
            modem,
            key,
            boot,
            command,
            datagram,
            linger,
            renewal,
            backlog,
            budget,
        } = parameters;
        Self {
            gaps: gaps::Gaps::new(modem.clone(), boot),
            budget: budget::Budget::new(budget.as_ref()),
            wall: Timestamp::default(),
            link: link::Link::new(modem, key, boot, renewal, Random(StdRng::from_seed(seed))),
            outgoing: outgoing::Outgoing::new(datagram, linger, backlog::Backlog::new(&backlog)),
            commands: commands::Commands::new(command),
            actions: VecDeque::new(),
            refused: Refused::default(),
            superseded: 0,
        }
    }

    /// What may be offered: messages in the order of the stream, and messages ahead of those.
    pub fn room(&self) -> Room {
        self.outgoing.offers()
    }

    /// Takes a message at `position` of the stream. The floor of the entry is set here.
    pub fn offer(&mut self, now: Now, position: u64, entry: Entry, lane: Lane) {
        if !self.outgoing.offer(now.steady, position, entry, lane) {
            self.superseded += 1;
            self.actions.push_back(Action::Acknowledge(position));
        }
    }

    /// Takes note of how far the stream has been read in order: what was read ahead of that and has become
    /// old meanwhile goes up after what lies before it.
    pub fn passed(&mut self, position: u64) {
        self.outgoing.passed(position);
    }

    /// Takes note of a device's newest state in the stream, which an earlier run may have sent: no older
    /// one goes up after it.
    pub fn known_state(&mut self, device: &DeviceName, position: u64) {
        self.outgoing.known_state(device, position);
    }

    /// Whether messages have waited for so long that new ones should be offered ahead of those that
    /// are still in the stream.
    pub fn has_backlog(&self) -> bool {
        self.outgoing.has_backlog()
    }

    /// How many states did not go up because a newer one did.
    pub const fn superseded(&self) -> u64 {
        self.superseded
    }

    /// Whether something of this priority still goes up today. What does not is to be told by
    /// [`Machine::left_out`].
    pub fn admits(&mut self, now: Now, priority: Priority) -> bool {
        let (arrived, waiting) = (self.outgoing.arrived(), self.outgoing.waiting());
        self.budget.arrived(arrived);
        self.budget.admits(now.wall, priority, waiting)
    }

    /// Takes what does not go up of the message at `position`, and whether the rest of it does. The
    /// message is acknowledged to the stream when the cloud was told.
    pub fn left_out(&mut self, now: Now, position: Option<u64>, in_part: bool, what: LeftOut) {
        self.gaps.left_out(now.steady, position, in_part, what);
    }

    /// What was spent of the day's bytes, and what is left; `None` without a budget.
    pub fn budget(&mut self, now: Now) -> Option<(u64, u64)> {
        let left = self.budget.left(now.wall)?;
        Some((self.budget.spent(now.wall), left))
    }

    /// What the next run needs to know of the budget.
    pub fn note(&self) -> Option<String> {
        self.budget.note()
    }

    /// Takes what an earlier run has noted.
    pub fn restore(&mut self, now: Now, note: &str) {
        self.budget.restore(now.wall, note);
    }

    /// Takes the end of a command that was handed out.
    pub fn finished(&mut self, now: Now, result: CommandResult) {
        self.commands.finished(now.steady, result);
    }

    /// Takes a datagram that came from the gateway's address.
    pub fn datagram(&mut self, now: Now, bytes: &[u8]) {
        self.spend(now.wall, bytes.len());
        match Datagram::decode(bytes) {
            Ok(Datagram::Welcome(noise)) => {
                if let Some(recovered) = self.link.welcome(now.steady, noise) {
                    self.outgoing.session_begins(recovered);
                    self.commands.session_begins();
                } else {
                    self.refused.handshake += 1;
                }
            }
            Ok(Datagram::Retry(retry)) => {
                if !self.link.retry(now.steady, &retry) {
                    self.refused.handshake += 1;
                }
            }
            Ok(Datagram::Unknown(connection)) => self.link.unknown(now.steady, connection),
            Ok(Datagram::Sealed(sealed)) if sealed.way == Way::Down => {
                match self.link.open(now.steady, &sealed) {
                    Ok(message) => {
                        self.outgoing.heard(now.steady);
                        self.message(now, sealed.lane, &message);
                    }
                    Err(link::NotOpened::Session) => self.refused.session += 1,
                    Err(link::NotOpened::Replayed) => self.refused.replayed += 1,
                    Err(link::NotOpened::Broken) => self.refused.broken += 1,
                }
            }
            Ok(_) | Err(_) => self.refused.malformed += 1,
        }
    }

    fn message(&mut self, now: Now, lane: DatagramLane, message: &Bytes) {
        let down = Down::decode(message).ok().filter(|m| m.lane() == lane);
        match down {
            Some(Down::Acknowledged(ranges)) => {
                for position in self.outgoing.acknowledged(now.steady, &ranges) {
                    let done = self.gaps.arrived(position).into_iter();
                    self.actions.extend(done.map(Action::Acknowledge));
                }
            }
            Some(Down::Command(command)) => {
                if let Some(command) = self.commands.received(now, command) {
                    self.actions.push_back(Action::Command(command));
                }
            }
            Some(Down::Setting(setting)) => {
                if let Some(change) = self.commands.setting(now, &setting) {
                    let settings::Change::Budget(per_day) = change;
                    self.budget.set(per_day);
                    self.actions.push_back(Action::Keep(setting.request));
                }
            }
            Some(Down::Challenge(number)) => self.send(now.steady, &Up::Answer(number)),
            Some(Down::ProbeArrived(number)) => self.outgoing.probe_arrived(now.steady, number),
            Some(Down::UnknownLayouts { batch, layouts }) => {
                self.outgoing.unknown_layouts(batch, &layouts);
            }
            Some(Down::ResultsReceived(ids)) => self.commands.results_received(&ids),
            Some(Down::Alive { refusing }) => {
                if self.link.alive(refusing) {
                    // What was refused until a moment ago is taken again: no reason to wait.
                    self.outgoing.session_begins(true);
                }
            }
            None => self.refused.message += 1,
        }
    }

    /// Does what is due: sends, sends again, asks for a session.
    pub fn poll(&mut self, now: Now) {
        let at = now.steady;
        self.wall = now.wall;
        while let Some((position, entry)) = self.gaps.due(at, now.wall) {
            self.offer(now, position, entry, Lane::Live);
        }
        self.outgoing.expire(at);
        let unanswered = self.outgoing.unanswered();
        for action in self.link.poll(at, unanswered) {
            self.actions.push_back(action);
        }
        if !self.link.has_session() {
            return;
        }
        while let Some(result) = self.commands.due(at) {
            self.send(at, &Up::Result(result));
        }
        self.probe(at);
        while let Some(message) = self.outgoing.next_message(at) {
            self.send_sealed(at, DatagramLane::Data, &message);
        }
    }

    /// Asks how large a datagram the path carries, when that is due.
    fn probe(&mut self, at: Duration) {
        let Some((number, size)) = self.outgoing.probe(at) else {
            return;
        };
        let filling = size.saturating_sub(self.link.overhead() + PROBE_OVERHEAD);
        let mut message = Up::Probe { number, filling }.encode();
        // The heads of number and filling are as short as can be.
        let missing = size.saturating_sub(self.link.overhead() + message.len());
        if missing > 0 {
            let filling = filling + missing;
            message = Up::Probe { number, filling }.encode();
        }
        self.send_sealed(at, DatagramLane::Data, &message);
    }

    fn send(&mut self, at: Duration, message: &Up) {
        self.send_sealed(at, message.lane(), &message.encode());
    }

    fn send_sealed(&mut self, at: Duration, lane: DatagramLane, message: &[u8]) {
        if let Some(datagram) = self.link.seal(at, lane, message) {
            self.actions.push_back(Action::Send(datagram));
        }
    }

    /// What is to be done next.
    pub fn next_action(&mut self) -> Option<Action> {
        let action = self.actions.pop_front()?;
        if let Action::Send(bytes) = &action {
            self.spend(self.wall, bytes.len());
        }
        Some(action)
    }

    fn spend(&mut self, wall: Timestamp, bytes: usize) {
        self.budget.spend(wall, bytes);
    }

    /// When [`Machine::poll`] has something to do at the latest.
    pub fn wake(&self) -> Duration {
        let mut wake = self.link.wake(self.outgoing.unanswered());
        wake = self.gaps.wake().map_or(wake, |gap| gap.min(wake));
        if self.link.has_session() {
            wake = wake.min(self.outgoing.wake());
            wake = self.commands.wake().map_or(wake, |due| wake.min(due));
        }
        wake
    }

    /// How the gateway is.
    pub fn link(&self) -> LinkState {
        self.link.state()
    }

    /// Why the gateway takes nothing at present, as it says itself.
    pub fn refusing(&self) -> Option<&Reason> {
        self.link.refusing()
    }

    /// How far the readings have got.
    pub fn progress(&self, now: Now) -> Progress {
        self.outgoing.progress(now.steady)
    }

    /// How many datagrams were not taken, and why.
    pub fn refused(&self) -> Refused {
        self.refused
    }
}

/// The machine's randomness: seeded from outside, so that a run can be repeated.
#[derive(Debug)]
struct Random(StdRng);

impl Random {
    fn key(&mut self) -> [u8; 32] {
        self.0.random()
    }

    /// Between three quarters of `duration` and five quarters of it, so that modems that lost the
    /// same gateway do not come back in step.
    fn jitter(&mut self, duration: Duration) -> Duration {
        duration * self.0.random_range(75..=125) / 100
    }
}
