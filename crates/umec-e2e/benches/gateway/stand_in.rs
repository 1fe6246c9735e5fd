//! Stand-ins for other ways from a datagram to Kafka, each a process of its own: this program again.
//!
//! One SenML-JSON message a datagram, checked and handed to librdkafka; and the original server's way,
//! which waits for Kafka after each packet. Both answer a datagram when Kafka has its record, and the
//! sender keeps so many on the way that neither waits for it.

use std::fmt;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command};
use std::str::FromStr;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use umec_e2e::program::address;
use umec_wire::senml;

use crate::fleet::float;
use crate::process;

/// How a datagram gets into Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Handed over, answered at the delivery report.
    Json,
    /// Written and waited for.
    Flush,
}

/// What was reached.
pub(crate) struct Rate {
    /// Readings a second.
    pub(crate) readings: f64,
    /// Processor time of a reading in microseconds.
    pub(crate) cpu: f64,
}

/// A pack of one reading, as the bus has it.
const PACK: &[u8] = br#"[{"bn":"pole-7/meter-3/","bt":1.8e9,"n":"power","u":"W","v":231.7}]"#;

/// Datagrams on their way: fewer than a receive buffer of the kernel holds.
const ON_THE_WAY: usize = 128;

const TOPIC: &str = "umec.readings";

/// How long a datagram is waited for before it counts as lost.
const PATIENCE: Duration = Duration::from_millis(200);

const DEADLINE: Duration = Duration::from_secs(30);

/// Answers datagrams that are in Kafka.
struct Answers(UdpSocket);

// === impl Way ===

impl FromStr for Way {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "flush" => Ok(Self::Flush),
            other => Err(other.to_owned()),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "stand-in, one SenML-JSON message a datagram",
            Self::Flush => "stand-in, one flush a packet",
        })
    }
}

// === impl Answers ===

impl ClientContext for Answers {}

impl ProducerContext for Answers {
    type DeliveryOpaque = Box<SocketAddr>;

    fn delivery(&self, result: &DeliveryResult<'_>, from: Box<SocketAddr>) {
        if result.is_ok() {
            // A lost answer is sent again by nobody; the sender gives up waiting.
            drop(self.0.send_to(&[1], *from));
        }
    }
}

/// Is the stand-in, until it is killed.
pub(crate) fn run(way: Way, bootstrap: &str, file: &Path) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let answers = Answers(socket.try_clone().expect("a socket twice"));
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "1")
        .set("compression.type", "lz4");
    if way == Way::Flush {
        config.set("linger.ms", "0");
    }
    let producer: ThreadedProducer<Answers> =
        ThreadedProducer::from_config_and_context(&config, answers).expect("a producer");
    fs::write(file, socket.local_addr().expect("an address").to_string()).expect("it is written");
    let (node, device) = (
        "pole-7".parse().expect("a name"),
        "meter-3".parse().expect("a name"),
    );
    let mut buffer = [0; 2_048];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).expect("the socket works");
        let payload = &buffer[..length];
        let pack = senml::decode(senml::Format::Json, &node, &device, payload);
        let pack = pack.expect("a pack");
        let key = format!("{}/{}", pack.node, pack.device);
        let record = BaseRecord::with_opaque_to(TOPIC, Box::new(from))
            .key(&key)
            .payload(payload);
        // A full queue loses the datagram, as it does there.
        drop(producer.send(record));
        if way == Way::Flush {
            producer.flush(DEADLINE).expect("it is delivered");
        }
    }
}

/// Starts a stand-in and sends to it for `time`.
pub(crate) fn measure(way: Way, bootstrap: &str, time: Duration) -> Rate {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("address");
    let program = std::env::current_exe().expect("this program");
    let word = if way == Way::Json { "json" } else { "flush" };
    let child = Command::new(program)
        .args(["stand-in", word, bootstrap])
        .arg(&file)
        .spawn();
    let mut child = Ended(child.expect("it starts"));
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket
        .connect(address(&file, DEADLINE))
        .expect("an address");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let answered = |time| {
        let (mut on_the_way, mut answered, began) = (0, 0_u64, Instant::now());
        let mut buffer = [0; 16];
        while began.elapsed() < time {
            while on_the_way < ON_THE_WAY {
                socket.send(PACK).expect("it goes out");
                on_the_way += 1;
            }
            if socket.recv(&mut buffer).is_ok() {
                on_the_way -= 1;
                answered += 1;
            } else {
                on_the_way = 0;
            }
        }
        float(answered)
    };
    answered(Duration::from_secs(1));
    let (cpu, began) = (process::cpu(child.0.id()), Instant::now());
    let answered = answered(time);
    let cpu = process::cpu(child.0.id()) - cpu;
    let seconds = began.elapsed().as_secs_f64();
    child.end();
    Rate {
        readings: answered / seconds,
        cpu: cpu / answered * 1e6,
    }
}

/// A process that does not outlive the measurement.
struct Ended(Child);

// === impl Ended ===

impl Ended {
    fn end(&mut self) {
        // An error says that it has ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.end();
    }
}
