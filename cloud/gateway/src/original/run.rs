//! The task for original modems: a socket, a producer and a reader of requests of their own, so that
//! nothing that comes from there can hold up version 2.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::{info, info_span, warn};
use umec_sdk::health::Part;
use umec_sdk::{Node, chain, write_address};
use umec_spec::settings::gateway::Kafka;
use umec_spec::settings::original::OriginalSettings;
use umec_wire::Reason;
use umec_wire::original::kafka::DOWNSTREAM_REQUEST;
use umec_wire::uplink::Now;

use super::figures::Figures;
use super::{Action, Machine, Record};
use crate::kafka::{
    Deliveries, EnsureError, Group, GroupError, Incoming, Plain, Producer, SendError, Watched,
    topic,
};
use crate::modems::Answer;

/// The name under which Kafka keeps up to where requests were read.
const GROUP: &str = "umec-gateway-original";

/// The token of records that nobody waits for.
const UNWATCHED: u64 = 0;

/// Datagrams and reports that are taken in one round.
const ROUND: usize = 256;

/// Longer datagrams than any of this version are cut, and refused for it.
const BUFFER: usize = 2_048;

/// What the kernel is asked to hold while this task does not get to run. Datagrams of 18 bytes take
/// 768 there, so that this is a tenth of a second at 50,000 a second.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// Requests that are read and wait for the machine.
const REQUESTS: usize = 64;

/// Between two tries to reach Kafka.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the last records may take on the way out.
const FLUSH: Duration = Duration::from_secs(5);

/// Why requests cannot be read yet.
#[derive(Debug, thiserror::Error)]
enum BeginError {
    #[error("the topics of original modems")]
    Ensure(#[from] EnsureError),
    #[error("the requests to original modems")]
    Group(#[from] GroupError),
    #[error("the reading was broken off")]
    Broken(#[from] tokio::task::JoinError),
}

/// Listens to original modems until the process stops. `creator` is the producer of version 2, in whose
/// memory an embedded Kafka lies.
pub(crate) async fn start(
    settings: OriginalSettings,
    kafka: &Kafka,
    creator: Arc<Producer>,
    watched: &Watched,
    node: &Node,
    asked: mpsc::Receiver<Answer>,
) -> anyhow::Result<()> {
    let listen = settings.listen;
    let socket = UdpSocket::bind(listen)
        .await
        .with_context(|| format!("listening for original modems on {listen}"))?;
    // A kernel that grants less holds less.
    if let Err(error) = SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER) {
        warn!(%error, "the receive buffer stays as it is");
    }
    let address = socket.local_addr().context("the address in use")?;
    if let Some(file) = &settings.address_file {
        write_address(file, address).with_context(|| format!("writing {}", file.display()))?;
    }
    let count = settings.modems.len();
    info!(%address, count, "original modems are served: whoever can send from their networks speaks for them");
    let opened = Producer::open(creator.brokers(), watched);
    let (producer, deliveries) = opened.context("a Kafka producer")?;
    let part = node.health.part("original");
    part.unready(Reason::new("starting", "Kafka is being asked"));
    let (sender, told) = oneshot::channel();
    let preparation = Preparation {
        topics: Machine::topics(&settings),
        kafka: kafka.clone(),
        creator,
        watched: watched.clone(),
        part,
    };
    let stopping = node.tasks.stopping();
    let beginning = async move {
        tokio::select! {
            told = preparation.run() => drop(sender.send(told)),
            () = stopping.cancelled() => {}
        }
    };
    drop(node.tasks.spawn(info_span!("original-topics"), beginning));
    let serving = Serving {
        socket,
        machine: Machine::new(&settings),
        producer,
        deliveries,
        waiting: VecDeque::new(),
        told: None,
        asked,
        figures: Figures::new(&node.metrics),
        node: node.clone(),
        began: Instant::now(),
    };
    let span = info_span!("original");
    drop(node.tasks.spawn(span, serving.run(told)));
    Ok(())
}

/// What has to be there before requests are read.
struct Preparation {
    topics: Vec<String>,
    kafka: Kafka,
    creator: Arc<Producer>,
    watched: Watched,
    part: Part,
}

/// From where modems are told things; the part of the process's health lasts as long.
struct Told {
    group: Arc<Group>,
    _part: Part,
}

// === impl Preparation ===

impl Preparation {
    /// Tries until it succeeds.
    async fn run(self) -> Told {
        let mut last = String::new();
        loop {
            match self.attempt().await {
                Ok(group) => {
                    self.part.ready();
                    return Told {
                        group: Arc::new(group),
                        _part: self.part,
                    };
                }
                Err(error) => {
                    let text = chain(&error);
                    if text != last {
                        warn!(error = text, "original modems cannot be told anything yet");
                    }
                    self.part.unready(self.watched.why(text.clone()));
                    last = text;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Topics first: a reader of a topic that is not there would miss what comes in the meantime.
    async fn attempt(&self) -> Result<Group, BeginError> {
        topic::ensure(&self.creator, &self.kafka, &self.watched).await?;
        topic::ensure_plain(&self.creator, &self.kafka, &self.watched, &self.topics).await?;
        let (brokers, watched) = (self.creator.brokers().clone(), self.watched.clone());
        let begin = move || Group::begin(&brokers, &watched, DOWNSTREAM_REQUEST, GROUP);
        Ok(tokio::task::spawn_blocking(begin).await??)
    }
}

/// Everything that the task's loop owns.
struct Serving {
    socket: UdpSocket,
    machine: Machine,
    producer: Producer,
    deliveries: Deliveries,
    /// Records that must get into Kafka and did not find room.
    waiting: VecDeque<(u64, Record)>,
    told: Option<Told>,
    /// Who wants to know how modems are.
    asked: mpsc::Receiver<Answer>,
    figures: Figures,
    node: Node,
    began: Instant,
}

// === impl Serving ===

impl Serving {
    async fn run(mut self, mut first: oneshot::Receiver<Told>) {
        let stopping = self.node.tasks.stopping();
        let (sender, mut requests) = mpsc::channel(REQUESTS);
        let mut buffer = vec![0; BUFFER];
        loop {
            let wake = self.machine.wake().saturating_sub(self.now().steady);
            let wake = if self.waiting.is_empty() {
                wake
            } else {
                wake.min(PAUSE)
            };
            let has_room = self.machine.has_room();
            // Every arm is cancel safe: a socket that is readable stays so, the others are queues and timers.
            tokio::select! {
                () = stopping.cancelled() => break,
                ready = self.socket.readable() => if let Err(error) = ready {
                    warn!(%error, "the socket of original modems");
                    tokio::time::sleep(PAUSE).await;
                },
                Some(delivery) = self.deliveries.next() => self.delivered(delivery.token, delivery.result.is_ok()),
                Some(record) = requests.recv(), if has_room => {
                    let now = self.now();
                    self.machine.request(now, &record);
                }
                Ok(told) = &mut first, if self.told.is_none() && !stopping.is_cancelled() => self.follow(told, &sender),
                Some(answer) = self.asked.recv() => drop(answer.send(self.machine.modems())),
                () = tokio::time::sleep(wake) => {}
            }
            self.receive(&mut buffer);
            self.take_deliveries();
            self.act();
            self.figures.show(&self.machine);
        }
        if tokio::time::timeout(FLUSH, self.drain()).await.is_err() {
            warn!("kafka has not taken everything of original modems");
        }
        self.figures.show(&self.machine);
    }

    /// Waits until Kafka has what was taken, and knows up to where requests were read.
    async fn drain(&mut self) {
        loop {
            self.act();
            if self.producer.is_idle() && self.waiting.is_empty() {
                break;
            }
            match self.deliveries.next().await {
                Some(delivery) => self.delivered(delivery.token, delivery.result.is_ok()),
                None => break,
            }
        }
        let Some(told) = &self.told else { return };
        let group = Arc::clone(&told.group);
        let commit = tokio::task::spawn_blocking(move || group.settle()).await;
        if let Ok(Err(error)) = commit {
            warn!(%error, "where requests were read is not noted");
        }
    }

    fn now(&self) -> Now {
        Now {
            steady: self.began.elapsed(),
            wall: self.node.clock.now(),
        }
    }

    /// Begins to read requests.
    fn follow(&mut self, told: Told, sender: &mpsc::Sender<Incoming>) {
        let group = Arc::clone(&told.group);
        self.told = Some(told);
        let (sender, stopping) = (sender.clone(), self.node.tasks.stopping());
        let reading = async move {
            loop {
                let record = tokio::select! {
                    record = group.next() => record,
                    () = stopping.cancelled() => return,
                };
                if sender.send(record).await.is_err() {
                    return;
                }
            }
        };
        drop(
            self.node
                .tasks
                .spawn(info_span!("original-requests"), reading),
        );
    }

    /// Takes the datagrams that are there.
    fn receive(&mut self, buffer: &mut [u8]) {
        let now = self.now();
        for _ in 0..ROUND {
            match self.socket.try_recv_from(buffer) {
                Ok((length, from)) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    self.machine.datagram(now, from, bytes);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                // News about a datagram that was sent: its receiver is gone. The next one is read.
                Err(_) => {}
            }
        }
    }

    fn take_deliveries(&mut self) {
        for _ in 0..ROUND * 4 {
            let Some(delivery) = self.deliveries.ready() else {
                return;
            };
            self.delivered(delivery.token, delivery.result.is_ok());
        }
    }

    fn delivered(&mut self, token: u64, is_there: bool) {
        match (token, is_there) {
            (UNWATCHED, true) => {}
            (UNWATCHED, false) => {
                self.figures.unwritten.with(&["refused-by-kafka"]).inc();
            }
            (token, true) => self.machine.written(token),
            (token, false) => self.machine.not_written(token),
        }
    }

    /// Carries out what the machine wants.
    fn act(&mut self) {
        let now = self.now();
        self.machine.poll(now);
        for (token, record) in std::mem::take(&mut self.waiting) {
            self.write_surely(token, record);
        }
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Send { to, bytes } => {
                    info!(address = %to, "an original modem is told to switch");
                    // What does not go out is told again.
                    drop(self.socket.try_send_to(&bytes, to));
                }
                Action::Write(record) => match self.write(UNWATCHED, &record) {
                    Ok(()) => {}
                    Err(SendError::Full) => {
                        self.figures.unwritten.with(&["kafka-full"]).inc();
                    }
                    Err(error @ SendError::Refused(_)) => self.refused(&record, &error),
                },
                Action::WriteSurely { token, record } => self.write_surely(token, record),
                Action::Commit { partition, offset } => {
                    let group = self.told.as_ref().map(|told| &told.group);
                    let commit = group.map(|group| group.commit(partition, offset));
                    if let Some(Err(error)) = commit {
                        warn!(%error, "where requests were read is not noted");
                    }
                }
            }
        }
    }

    /// Hands a record over until it is taken, unless it never will be.
    fn write_surely(&mut self, token: u64, record: Record) {
        match self.write(token, &record) {
            Ok(()) => {}
            Err(SendError::Full) => self.waiting.push_back((token, record)),
            Err(error @ SendError::Refused(_)) => {
                self.refused(&record, &error);
                self.machine.written(token);
            }
        }
    }

    fn refused(&self, record: &Record, error: &SendError) {
        let topic = &*record.topic;
        warn!(error = chain(error), topic, "a record is not taken");
        self.figures.unwritten.with(&["refused"]).inc();
    }

    fn write(&self, token: u64, record: &Record) -> Result<(), SendError> {
        let plain = Plain {
            topic: &record.topic,
            key: record.key.as_deref(),
            time: record.time,
            headers: &record.headers,
            value: Some(&record.value),
        };
        self.producer.send_plain(token, &plain)
    }
}
