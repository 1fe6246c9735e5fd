//! The daemon with an original server at the other end.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, info_span, warn};
use umec_sdk::bus::{Cursor, Stored};
use umec_sdk::metrics::{Counter, CounterFamily, Gauge};
use umec_sdk::{Metrics, Node, chain};
use umec_spec::settings::uplink::OriginalUplink;
use umec_wire::subject::Target;
use umec_wire::{Readings, Reason};

use super::{Action, Counters, Machine};
use crate::gateway::look_up;

/// How often the server's name is looked up: it never answers, so that a move would not be noticed.
const LOOK_UP: Duration = Duration::from_mins(1);

/// Longer datagrams than any of this version are cut, and refused for it.
const BUFFER: usize = 2_048;

/// How often metrics are brought up to date.
const TELL: Duration = Duration::from_millis(200);

/// Runs until told to stop. What was not sent then is sent by the next run.
pub(crate) async fn run(
    original: OriginalUplink,
    server: String,
    cursor: Cursor,
    node: Node,
) -> anyhow::Result<()> {
    let part = node.health.part("gateway");
    part.unready(Reason::new(
        "gateway-unknown",
        "its name has no address yet",
    ));
    let (finder, mut found) = watch::channel(None);
    let tasks = node.tasks.clone();
    let looking = async move {
        loop {
            tokio::select! {
                addresses = look_up(&server) => drop(finder.send_replace(addresses.first().copied())),
                () = tasks.stopped() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_UP) => {}
                () = tasks.stopped() => return,
            }
        }
    };
    drop(node.tasks.spawn(info_span!("resolver"), looking));
    let server = tokio::select! {
        server = found.wait_for(Option::is_some) => server.ok().and_then(|server| *server),
        () = node.tasks.stopped() => None,
    };
    let Some(server) = server else { return Ok(()) };
    let socket = bind(original.listen, server).await?;
    part.ready();
    info!(address = %server, "readings go to an original server: what is sent counts as delivered");
    let serving = Serving {
        machine: Machine::new(&original),
        figures: Figures::new(&node.metrics),
        began: Instant::now(),
        tell_at: Instant::now(),
        socket,
        server,
        found,
        cursor,
        node,
    };
    serving.run().await
}

async fn bind(listen: Option<SocketAddr>, server: SocketAddr) -> anyhow::Result<UdpSocket> {
    let any = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let listen = listen.unwrap_or(any);
    let socket = UdpSocket::bind(listen).await;
    socket.with_context(|| format!("a socket at {listen} towards the server {server}"))
}

/// Everything that the daemon's one loop owns.
struct Serving {
    machine: Machine,
    figures: Figures,
    began: Instant,
    tell_at: Instant,
    socket: UdpSocket,
    server: SocketAddr,
    found: watch::Receiver<Option<SocketAddr>>,
    cursor: Cursor,
    node: Node,
}

// === impl Serving ===

impl Serving {
    async fn run(mut self) -> anyhow::Result<()> {
        let stopping = self.node.tasks.stopping();
        let mut buffer = vec![0; BUFFER];
        loop {
            let wake = self.machine.wake().saturating_sub(self.began.elapsed());
            let has_room = self.machine.has_room();
            // Every arm is cancel safe: a datagram is taken as the last step, the cursor says so itself.
            tokio::select! {
                () = stopping.cancelled() => break,
                received = self.socket.recv_from(&mut buffer) => match received {
                    Ok((length, from)) => self.arrived(from, buffer.get(..length).unwrap_or_default()),
                    // News about a datagram that was sent: nobody listens there. Nor does anybody say so
                    // in this version, and the server may come.
                    Err(error) => warn!(%error, "the socket towards the server"),
                },
                stored = self.cursor.next(), if has_room => {
                    let Some(stored) = stored else { break };
                    self.offer(&stored);
                }
                Ok(()) = self.found.changed() => {
                    if let Some(server) = *self.found.borrow_and_update() {
                        self.server = server;
                    }
                }
                () = tokio::time::sleep(wake.min(TELL)) => {}
            }
            self.act();
            if Instant::now() >= self.tell_at {
                self.tell_at = Instant::now() + TELL;
                self.figures.show(&self.machine, self.cursor.floor());
            }
        }
        self.figures.show(&self.machine, self.cursor.floor());
        self.cursor.flush().await;
        Ok(())
    }

    /// A server in local mode calls from another port than it listens on, never from another host.
    fn arrived(&mut self, from: SocketAddr, bytes: &[u8]) {
        if from.ip().to_canonical() == self.server.ip().to_canonical() {
            self.machine.datagram(bytes);
        } else {
            self.machine.stranger();
        }
    }

    fn offer(&mut self, stored: &Stored) {
        let reason = if stored.message.subject.target == Target::Readings {
            match stored.message.decode::<Readings>() {
                Ok(pack) => return self.machine.offer(stored.sequence, &pack),
                Err(error) => {
                    let subject = &stored.message.subject;
                    warn!(%subject, error = chain(&error), "a message that cannot be read does not go up");
                    "unreadable"
                }
            }
        } else {
            "not-selected"
        };
        self.figures.skipped_messages.with(&[reason]).inc();
        self.cursor.acknowledge(stored.sequence);
    }

    fn act(&mut self) {
        let now = self.began.elapsed();
        while let Some(action) = self.machine.next_action(now) {
            match action {
                Action::Send(bytes) => match self.socket.try_send_to(&bytes, self.server) {
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        self.machine.not_sent(now, bytes);
                    }
                    // Any other error is lost weather: nothing tells of it in this version either.
                    Ok(_) | Err(_) => {
                        self.figures.sent.inc();
                        self.figures.sent_bytes.inc_by(bytes.len() as u64);
                    }
                },
                Action::Answer(bytes) => {
                    let carrier = self.machine.carrier();
                    info!(%carrier, "the server wants another carrier and is answered");
                    drop(self.socket.try_send_to(&bytes, self.server));
                }
                Action::Acknowledge(position) => self.cursor.acknowledge(position),
            }
        }
    }
}

/// What `/metrics` shows; the names are those of version 2 where the meaning is the same.
struct Figures {
    sent: Counter,
    sent_bytes: Counter,
    skipped_messages: CounterFamily,
    skipped_readings: CounterFamily,
    answered: CounterFamily,
    refused: CounterFamily,
    floor: Gauge,
    waiting: Gauge,
    before: Counters,
}

// === impl Figures ===

impl Figures {
    fn new(metrics: &Metrics) -> Self {
        Self {
            sent: metrics.counter("umec_uplink_datagrams", "Datagrams sent to the gateway."),
            sent_bytes: metrics.counter("umec_uplink_sent_bytes", "Their bytes, as UDP payload."),
            skipped_messages: metrics.counter_family(
                "umec_uplink_skipped_messages",
                "Messages of the stream that do not go up.",
                &["reason"],
            ),
            skipped_readings: metrics.counter_family(
                "umec_uplink_skipped_readings",
                "Readings that version 1 of the protocol does not carry.",
                &["reason"],
            ),
            answered: metrics.counter_family(
                "umec_uplink_carrier_answers",
                "Wishes for another carrier that were answered.",
                &["answer"],
            ),
            refused: metrics.counter_family(
                "umec_uplink_refused_datagrams",
                "Datagrams from the gateway's side that were dropped.",
                &["reason"],
            ),
            floor: metrics.gauge(
                "umec_uplink_sent_sequence",
                "The position in the stream up to which everything was sent; nobody acknowledges it.",
            ),
            waiting: metrics.gauge(
                "umec_uplink_waiting_datagrams",
                "Datagrams that wait for their turn.",
            ),
            before: Counters::default(),
        }
    }

    fn show(&mut self, machine: &Machine, floor: u64) {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.floor.set(signed(floor));
        self.waiting.set(signed(machine.waiting() as u64));
        let now = machine.counters();
        for (family, now, before) in [
            (&self.skipped_readings, &now.skipped, &self.before.skipped),
            (&self.answered, &now.answered, &self.before.answered),
            (&self.refused, &now.refused, &self.before.refused),
        ] {
            for (label, count) in now {
                let more = count - before.get(label).copied().unwrap_or_default();
                if more > 0 {
                    family.with(&[label]).inc_by(more);
                }
            }
        }
        self.before.clone_from(now);
    }
}
