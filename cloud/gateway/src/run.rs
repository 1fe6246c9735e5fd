//! The daemon: a socket towards modems, a producer and two readers towards Kafka, the machine in between.

mod readers;
mod socket;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rdkafka::error::KafkaError;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::{info, info_span, warn};
use umec_sdk::health::Part;
use umec_sdk::{Misconfigured, Node, Program, chain, write_address};
use umec_spec::settings::Process;
use umec_spec::settings::gateway::{GatewaySettings, Kafka};
use umec_wire::Reason;
use umec_wire::uplink::{Datagram, Now};

use crate::config::{self, Keys};
use crate::figures::Figures;
use crate::kafka::{Deliveries, Producer, SendError, Watched};
use crate::keeper::Keeper;
use crate::machine::{Action, Admission, Machine, Parameters};
use crate::modems::{self, Answer};
use crate::original;
use crate::recovery::{Recovered, Recovery};
use crate::sinks::Sinks;

/// What this program is.
pub const PROGRAM: Program = Program {
    name: "umec-gateway",
    about: "Takes datagrams of modems into Kafka, exactly once, and brings commands back down.",
};

/// Records that may be on their way to Kafka: below what the producer holds, so that snapshots have room.
const CAPACITY: usize = crate::kafka::producer::IN_FLIGHT * 3 / 4;

/// How long after its expiry a command that was sent may still be answered.
const GRACE: Duration = Duration::from_secs(10);

/// Commands that are read and wait for the machine.
const COMMANDS: usize = 64;

/// Records of `umec.marks` that are read and wait for the machine.
const LOG: usize = 1_024;

/// Datagrams and reports that are taken in one round before anything is sent.
const ROUND: usize = 256;

/// The largest datagram (RFC 768).
const LARGEST: usize = 65_535;

/// How often a Kafka that seems to be away is asked.
const PROBE: Duration = Duration::from_secs(1);

/// Runs the gateway until it is told to stop and everything it took is in Kafka.
pub async fn run(process: Process<GatewaySettings>, node: Node) -> anyhow::Result<()> {
    let GatewaySettings {
        name,
        listen,
        address_file,
        keys,
        kafka,
        original: originals,
        sinks,
    } = process.settings;
    let socket = socket::listen(listen).await?;
    let address = socket.local_addr().context("the address in use")?;
    let watched = Watched::new();
    let (producer, deliveries) = open(&kafka, &watched)?;
    let (asks, asked) = mpsc::channel(modems::QUESTIONS);
    let mut loops = vec![asks];
    if let Some(settings) = originals {
        let (asks, asked) = mpsc::channel(modems::QUESTIONS);
        loops.push(asks);
        let creator = Arc::clone(&producer);
        original::start(settings, &kafka, creator, &watched, &node, asked).await?;
    }
    modems::show(&node.pages, loops);
    if let Some(file) = &address_file {
        write_address(file, address).with_context(|| format!("writing {}", file.display()))?;
    }
    info!(%address, "modems are served");

    let began = Instant::now();
    let clock = node.clock.clone();
    let now = move || Now {
        steady: began.elapsed(),
        wall: clock.now(),
    };
    let parameters = Parameters {
        name,
        boot: node.boot,
        capacity: CAPACITY,
        grace: GRACE,
        cookies: config::cookies(&keys)?,
        admission: Admission::default(),
    };
    let machine = Machine::new(parameters.clone(), rand::random());
    let make = Arc::new(move || Machine::new(parameters.clone(), rand::random()));
    let (trouble, troubled) = watch::channel(Some(Reason::new("starting", "Kafka is being asked")));
    let (done, recovered) = oneshot::channel();
    let recovery = Recovery {
        producer: Arc::clone(&producer),
        settings: kafka,
        watched: watched.clone(),
        make,
        now: Arc::new(now.clone()),
    };
    recover(&node, recovery.clone(), trouble.clone(), done);
    let (inheriting, inherited) = mpsc::channel(1);
    let serving = Serving {
        socket,
        recovery,
        inheriting,
        inherited,
        keys: Keys::new(keys),
        machine,
        producer,
        deliveries,
        sinks: Sinks::start(sinks, &node)?,
        watched,
        asked,
        keeper: Keeper::new(),
        figures: Figures::new(&node.metrics),
        part: node.health.part("kafka"),
        trouble,
        troubled,
        node,
    };
    let drain = process.grace.duration().mul_f32(0.8);
    serving.run(now, recovered, drain).await
}

/// Lets the first recovery run until it is done or the process stops.
fn recover(
    node: &Node,
    recovery: Recovery,
    trouble: watch::Sender<Option<Reason>>,
    done: oneshot::Sender<Recovered>,
) {
    let stopping = node.tasks.stopping();
    drop(node.tasks.spawn(info_span!("recovery"), async move {
        let tell = move |reason| drop(trouble.send(Some(reason)));
        tokio::select! {
            () = recovery.first(tell, done) => {}
            () = stopping.cancelled() => {}
        }
    }));
}

/// Makes the producer, and tells where Kafka is.
fn open(settings: &Kafka, watched: &Watched) -> anyhow::Result<(Arc<Producer>, Deliveries)> {
    let brokers = config::brokers(settings).map_err(Misconfigured::new)?;
    // What librdkafka does not begin with is a setting, such as a key that is not the certificate's.
    let opened = Producer::open(&brokers, watched);
    let (producer, deliveries) = opened.map_err(Misconfigured::new)?;
    announce(settings, &producer)?;
    Ok((Arc::new(producer), deliveries))
}

/// Tells where Kafka is.
fn announce(settings: &Kafka, producer: &Producer) -> anyhow::Result<()> {
    let address = producer.brokers().bootstrap();
    if !producer.is_embedded() {
        info!(address, "records go to kafka");
        return Ok(());
    }
    warn!(
        address,
        "kafka is embedded: records lie in this process's memory and go with it"
    );
    let Some(file) = &settings.address_file else {
        return Ok(());
    };
    let first = address.split(',').next().unwrap_or_default();
    let parsed: SocketAddr = first
        .parse()
        .with_context(|| format!("the embedded broker's address {first}"))?;
    write_address(Path::new(file), parsed).with_context(|| format!("writing {}", file.display()))
}

/// Everything that the daemon's one loop owns.
struct Serving {
    socket: UdpSocket,
    keys: Keys,
    machine: Machine,
    producer: Arc<Producer>,
    deliveries: Deliveries,
    sinks: Sinks,
    watched: Watched,
    recovery: Recovery,
    /// What was inherited of gateways that are gone; none where that did not succeed.
    inheriting: mpsc::Sender<Option<Recovered>>,
    inherited: mpsc::Receiver<Option<Recovered>>,
    /// Who wants to know how modems are.
    asked: mpsc::Receiver<Answer>,
    keeper: Keeper,
    figures: Figures,
    part: Part,
    trouble: watch::Sender<Option<Reason>>,
    troubled: watch::Receiver<Option<Reason>>,
    node: Node,
}

// === impl Serving ===

impl Serving {
    async fn run(
        mut self,
        now: impl Fn() -> Now + Clone + Send + 'static,
        mut recovered: oneshot::Receiver<Recovered>,
        drain: Duration,
    ) -> anyhow::Result<()> {
        let stopping = self.node.tasks.stopping();
        let (sender, mut commands) = mpsc::channel(COMMANDS);
        let (marks, mut log) = mpsc::channel(LOG);
        let mut buffer = vec![0; LARGEST];
        loop {
            let wake = self.machine.wake().saturating_sub(now().steady);
            let snapshot = self.keeper.next();
            let wants_commands = self.machine.has_room_for_commands();
            // Every arm is cancel safe: a socket that is readable stays so, the others are queues and timers.
            tokio::select! {
                () = stopping.cancelled() => break,
                ready = self.socket.readable() => ready.context("the socket")?,
                Some(delivery) = self.deliveries.next() => self.delivered(now(), delivery.token, delivery.result),
                Some(record) = commands.recv(), if wants_commands => self.machine.command(now(), &record),
                Ok(ready) = &mut recovered, if !self.machine.is_restored() && !stopping.is_cancelled() => {
                    self.begin(now(), ready, &sender, &marks)?;
                }
                Some(record) = log.recv() => self.log(now(), &record, &mut log),
                Some(inherited) = self.inherited.recv() => self.inherit(now(), inherited),
                Some(answer) = self.asked.recv() => drop(answer.send(self.machine.modems())),
                Ok(()) = self.troubled.changed() => self.heed_trouble(),
                () = tokio::time::sleep(wake) => {}
                () = tokio::time::sleep_until(snapshot) => {}
            }
            self.receive(now(), &mut buffer);
            self.take_deliveries(now());
            self.act(now());
            if self.machine.is_restored() {
                let wall = now().wall;
                self.keeper.poll(&mut self.machine, &self.producer, wall);
            }
            self.figures.show(&self.machine);
            ensure!(
                !self.machine.is_over(now().steady),
                "another gateway has taken over the modems of this one, or bears its name"
            );
        }
        self.drain(now, drain).await
    }

    fn heed_trouble(&mut self) {
        let reason = self.troubled.borrow_and_update().clone();
        match &reason {
            None => {
                info!("kafka takes records");
                self.part.ready();
            }
            Some(reason) => {
                if self.machine.is_restored() {
                    warn!(%reason, "kafka is away, what modems send waits");
                }
                self.part.unready(reason.clone());
            }
        }
        self.machine.trouble(reason);
    }

    /// Takes the datagrams that are there.
    fn receive(&mut self, now: Now, buffer: &mut [u8]) {
        for _ in 0..ROUND {
            let Ok((length, from)) = self.socket.try_recv_from(buffer) else {
                return;
            };
            let bytes = buffer.get(..length).unwrap_or_default();
            let Ok(Datagram::Hello(hello)) = Datagram::decode(bytes) else {
                self.machine.datagram(now, from, bytes);
                continue;
            };
            let keys = &mut self.keys;
            self.machine.hello(now, from, &hello, |modem| match keys.find(modem) {
                Ok(identity) => identity.map(|found| (found.key, found.node)),
                Err(error) => {
                    warn!(%modem, address = %from, error = chain(&error), "a modem without a key calls");
                    None
                }
            });
        }
    }

    fn take_deliveries(&mut self, now: Now) {
        for _ in 0..ROUND {
            let Some(delivery) = self.deliveries.ready() else {
                return;
            };
            self.delivered(now, delivery.token, delivery.result);
        }
    }

    fn delivered(&mut self, now: Now, token: u64, result: Result<crate::kafka::Place, KafkaError>) {
        let place = match result {
            Ok(place) => Some(place),
            Err(error) => {
                warn!(
                    error = chain(&error),
                    "kafka refuses a record, it is sent again"
                );
                None
            }
        };
        self.sinks.delivered(token, place.is_some());
        let (machine, producer) = (&mut self.machine, &self.producer);
        if self
            .keeper
            .delivered(machine, producer, token, place.is_some())
        {
            return;
        }
        if let Some(topic) = self.machine.delivered(now, token, place) {
            self.figures.record(topic);
        }
    }

    /// Carries out what the machine wants.
    fn act(&mut self, now: Now) {
        self.machine.poll(now);
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Send { to, bytes } => {
                    // A datagram that does not go out is one that gets lost, which is normal weather.
                    drop(self.socket.try_send_to(&bytes, to));
                }
                Action::Inherit(gone) => self.inherit_from(gone),
                Action::Write { token, record } => match self.producer.send(token, &record) {
                    Ok(()) => self.sinks.sent(token, &record),
                    Err(error) => {
                        if let SendError::Refused(_) = &error {
                            warn!(error = chain(&error), "a record is not taken");
                        }
                        self.machine.delivered(now, token, None);
                    }
                },
            }
        }
    }

    /// Takes nothing more in, brings what was taken into Kafka, acknowledges it, leaves a snapshot.
    async fn drain(mut self, now: impl Fn() -> Now, drain: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + drain;
        let mut is_last = false;
        loop {
            self.act(now());
            self.figures.show(&self.machine);
            if self.machine.outstanding() == 0 && !self.keeper.is_busy() {
                if is_last || !self.machine.is_restored() {
                    return Ok(());
                }
                is_last = true;
                self.machine.leave();
                let wall = now().wall;
                self.keeper.begin(&mut self.machine, &self.producer, wall);
                continue;
            }
            match tokio::time::timeout_at(deadline, self.deliveries.next()).await {
                Ok(Some(delivery)) => self.delivered(now(), delivery.token, delivery.result),
                Ok(None) => return Ok(()),
                Err(_) => {
                    let count = self.machine.outstanding();
                    warn!(
                        count,
                        "kafka has not taken everything; modems send it again"
                    );
                    return Ok(());
                }
            }
        }
    }
}
