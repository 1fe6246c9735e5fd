//! The daemon: a cursor on the stream, a socket towards the gateway, the machine in between.

mod tell;

use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tracing::{info, info_span, warn};
use umec_sdk::bus::{Cursor, Filter, Lane, Stored};
use umec_sdk::health::Part;
use umec_sdk::{Bus, Node, Program, chain};
use umec_spec::settings::Process;
use umec_spec::settings::uplink::{Selection, UplinkSettings};
use umec_wire::command::{CommandRequest, CommandResult, Outcome};
use umec_wire::subject::Target;
use umec_wire::uplink::Now;
use umec_wire::{DeviceName, Label, Reason, Timestamp};

use crate::figures::Figures;
use crate::gateway::{Arrival, Gateway};
use crate::holes::Holes;
use crate::machine::{Action, Machine, Parameters, Renewal};
use crate::stream::{PAUSE, newest_states, open};
use crate::{config, order, original, select};

/// What this program is.
pub const PROGRAM: Program = Program {
    name: "umec-uplink",
    about: "Carries readings from the node to the gateway, and commands back.",
};

/// Results of commands that wait for the loop.
const RESULTS: usize = 64;

/// Datagrams and messages that are taken in one round before anything is sent.
const ROUND: usize = 256;

/// The largest datagram (RFC 768).
const LARGEST: usize = 65_535;

/// How often metrics and health are brought up to date.
const TELL: Duration = Duration::from_millis(200);

/// How long a setting may take to be kept.
const KEEPING: Duration = Duration::from_secs(10);

/// How often the log is told that the store drops messages.
const WARN_EVERY: Duration = Duration::from_mins(1);

/// The state before anything can have gone wrong.
const CONNECTING: &str = "connecting";

/// How long the stream may take to tell the states that it holds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs the uplink until it is told to stop. What is not acknowledged then is sent by the next run.
pub async fn run(process: Process<UplinkSettings>, node: Node) -> anyhow::Result<()> {
    let settings = process.settings;
    let bus = node.bus()?.clone();
    if let Some(original) = settings.original {
        let filter = Filter::targets([Target::Readings]);
        return match open(&bus, &node, &settings.position, filter).await {
            Some(cursor) => original::run(original, settings.gateway, cursor, node).await,
            None => Ok(()),
        };
    }
    let key = settings.key.as_ref().context("no key is named")?;
    let key = config::key(process.secrets.as_deref(), key)?;
    let part = node.health.part("gateway");
    // All is read, whatever goes up: then what is passed over is what the stream has dropped.
    let opened = open(&bus, &node, &settings.position, Filter::default()).await;
    let Some(mut cursor) = opened else {
        return Ok(());
    };
    cursor.mind_holes();
    let parameters = Parameters {
        modem: settings.modem,
        key,
        boot: node.boot,
        command: settings.command,
        datagram: settings.datagram,
        linger: settings.linger.duration(),
        renewal: Renewal::default(),
        backlog: settings.backlog.clone(),
        budget: settings.budget,
    };
    let (results, finished) = mpsc::channel(RESULTS);
    let serving = Serving {
        began: Instant::now(),
        machine: Machine::new(parameters, rand::random()),
        gateway: Gateway::new(settings.gateway, node.tasks.clone()),
        cursor,
        holes: Holes::default(),
        teller: settings.position.into(),
        warned: None,
        live: settings.backlog.after.duration(),
        knows_states: false,
        noted: None,
        budget: None,
        send: settings.send,
        bus,
        results,
        finished,
        figures: Figures::new(&node.metrics),
        part,
        told: Told::Nothing,
        tell_at: Instant::now(),
        node,
    };
    serving.run().await
}

/// What was last said of the gateway in the log.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    TakesReadings,
    Trouble(Label),
}

/// Everything that the daemon's one loop owns.
struct Serving {
    began: Instant,
    machine: Machine,
    gateway: Gateway,
    cursor: Cursor,
    holes: Holes,
    /// In whose name it is told what the store dropped.
    teller: DeviceName,
    /// When the log was last told of that.
    warned: Option<Instant>,
    /// How long a message counts as new.
    live: Duration,
    /// Whether the machine knows the newest states in the stream.
    knows_states: bool,
    /// What was last noted of the budget.
    noted: Option<String>,
    /// Whether the budget leaves something out.
    budget: Option<Part>,
    send: Vec<Selection>,
    bus: Bus,
    results: mpsc::Sender<CommandResult>,
    finished: mpsc::Receiver<CommandResult>,
    figures: Figures,
    part: Part,
    told: Told,
    tell_at: Instant,
    node: Node,
}

// === impl Serving ===

impl Serving {
    async fn run(mut self) -> anyhow::Result<()> {
        let stopping = self.node.tasks.stopping();
        let mut buffer = vec![0; LARGEST];
        loop {
            let wake = self.machine.wake().saturating_sub(self.now().steady);
            let (room, wall) = (self.machine.room(), self.node.clock.now());
            // Every arm is cancel safe: the cursor and the socket say so, the others are a queue and a timer.
            tokio::select! {
                () = stopping.cancelled() => break,
                arrival = self.gateway.next(&mut buffer) => {
                    let arrival = arrival.context("the socket towards the gateway")?;
                    self.arrived(&arrival, &buffer);
                }
                read = self.cursor.next_live(wall, self.live, room) => {
                    let Some((stored, lane)) = read else { break };
                    if lane == Lane::Backlog {
                        self.know_states().await;
                    }
                    self.offer(&stored, lane);
                }
                Some(result) = self.finished.recv() => {
                    let now = self.now();
                    self.machine.finished(now, result);
                }
                () = tokio::time::sleep(wake.min(TELL)) => {}
            }
            for _ in 0..ROUND {
                let Some(length) = self.gateway.ready(&mut buffer) else {
                    break;
                };
                self.arrived(&Arrival::Datagram(length), &buffer);
            }
            self.machine.passed(self.cursor.passed());
            self.act();
            if self.machine.has_backlog() {
                self.cursor.read_ahead(wall.saturating_sub(self.live));
            }
            if Instant::now() >= self.tell_at {
                self.tell_at = Instant::now() + TELL;
                self.tell();
            }
        }
        self.tell();
        self.cursor.flush().await;
        Ok(())
    }

    fn now(&self) -> Now {
        Now {
            steady: self.began.elapsed(),
            wall: self.node.clock.now(),
        }
    }

    fn arrived(&mut self, arrival: &Arrival, buffer: &[u8]) {
        match arrival {
            Arrival::Datagram(length) => {
                let now = self.now();
                let bytes = buffer.get(..*length).unwrap_or_default();
                self.machine.datagram(now, bytes);
            }
            Arrival::Found(address) => info!(%address, "the gateway's address"),
        }
    }

    /// Tells the machine the newest states in the stream before the first of the backlog: an earlier run
    /// may have sent them.
    async fn know_states(&mut self) {
        while !self.knows_states && !self.node.tasks.stopping().is_cancelled() {
            let states = timeout(PATIENCE, newest_states(&self.bus)).await;
            if let Ok(Ok(states)) = states {
                self.knows_states = true;
                for (device, position) in states {
                    self.machine.known_state(&device, position);
                }
            } else {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Hands a message to the machine, or lets it be when it does not go up.
    fn offer(&mut self, stored: &Stored, lane: Lane) {
        self.find_holes(stored.stored_at);
        let now = self.now();
        let missing = self.holes.read(&stored.message.id, stored.stored_at, lane);
        if let Some(missing) = missing {
            self.machine.left_out(now, None, false, missing);
        }
        let (machine, message) = (&mut self.machine, &stored.message);
        let mut admits = |priority| machine.admits(now, priority);
        let choice = match select::choose(&self.send, message, stored.stored_at, &mut admits) {
            Ok(Some(choice)) => choice,
            Ok(None) => {
                self.skip(stored.sequence, "not-selected");
                return;
            }
            Err(error) => {
                let subject = &stored.message.subject;
                warn!(%subject, error = chain(&error), "a message that cannot be read does not go up");
                self.skip(stored.sequence, "unreadable");
                return;
            }
        };
        if let Some(left_out) = choice.left_out {
            self.figures.skipped.with(&["budget"]).inc();
            let position = Some(stored.sequence);
            let in_part = choice.entry.is_some();
            self.machine.left_out(now, position, in_part, left_out);
        }
        if let Some(entry) = choice.entry {
            self.machine.offer(now, stored.sequence, entry, lane);
        }
    }

    /// Tells the cloud what the store has dropped unread, before the message that was stored at `next`.
    fn find_holes(&mut self, next: Timestamp) {
        let now = self.now();
        while let Some(hole) = self.cursor.hole() {
            let messages = hole.messages();
            self.figures.skipped.with(&["store"]).inc_by(messages);
            let is_news = self.warned.is_none_or(|at| at.elapsed() >= WARN_EVERY);
            if is_news {
                self.warned = Some(Instant::now());
                warn!(
                    messages,
                    "the store has dropped messages that had not gone up"
                );
            }
            let told = self.holes.found(&hole, self.teller.clone(), next);
            self.machine.left_out(now, Some(hole.first), false, told);
        }
    }

    /// Keeps what the cloud has set over the end of this run, and reports it when it is kept.
    fn keep_setting(&mut self, now: Now, request: CommandRequest) {
        self.account(now);
        let (kept, results) = (self.cursor.kept(), self.results.clone());
        let clock = self.node.clock.clone();
        let span = info_span!("setting", command = %request.id);
        drop(self.node.tasks.spawn(span, async move {
            let (outcome, reason) = if timeout(KEEPING, kept).await.is_ok() {
                (Outcome::Done, None)
            } else {
                let text = "it holds until the uplink ends: the store takes no notes";
                (Outcome::Failed, Some(Reason::new("not-kept", text)))
            };
            info!(
                outcome = outcome.as_str(),
                issuer = request.issuer,
                "a setting has ended"
            );
            let result = CommandResult {
                id: request.id,
                outcome,
                reason,
                value: request.value,
                time: clock.now(),
            };
            drop(results.send(result).await);
        }));
    }

    fn skip(&mut self, sequence: u64, reason: &str) {
        self.figures.skipped.with(&[reason]).inc();
        self.cursor.acknowledge(sequence);
    }

    /// Carries out what the machine wants.
    fn act(&mut self) {
        let now = self.now();
        self.machine.poll(now);
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Send(bytes) => {
                    self.figures.sent.inc();
                    self.figures.sent_bytes.inc_by(bytes.len() as u64);
                    self.gateway.send(&bytes);
                }
                Action::Acknowledge(position) => self.cursor.acknowledge(position),
                Action::Resolve => self.gateway.resolve(),
                Action::Keep(request) => self.keep_setting(now, request),
                Action::Command(command) => {
                    let span = info_span!("command", command = %command.request.id, device = %command.device);
                    let (bus, clock) = (self.bus.clone(), self.node.clock.clone());
                    let (name, results) = (self.node.name.clone(), self.results.clone());
                    drop(self.node.tasks.spawn(span, async move {
                        let result = order::give(bus, clock, name, command).await;
                        info!(outcome = result.outcome.as_str(), "a command has ended");
                        // The loop is gone when the process stops; the gateway asks again.
                        drop(results.send(result).await);
                    }));
                }
            }
        }
    }
}
