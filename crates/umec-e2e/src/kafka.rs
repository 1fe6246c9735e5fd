//! A real Apache Kafka: one node, `KRaft`.

mod secured;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;

use crate::program::Running;
use crate::{eventually, fail, tools};

pub use secured::Secured;

/// A broker is up within 4 s on an idle machine; two cores that compile get more.
const UP: Duration = Duration::from_mins(2);

/// Between choosing two free ports and listening on them somebody else may take one.
const ATTEMPTS: usize = 5;

/// Any id will do; every broker of a test is its own cluster.
const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";

/// Quick to start rather than quick to run.
const JAVA: [&str; 5] = [
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-XX:-UsePerfData",
];

/// A Kafka broker of a test's own: free ports, its own data. Killed when dropped.
#[derive(Debug)]
pub struct Broker {
    port: u16,
    running: Running,
    _folder: TempDir,
}

/// The ports of a broker.
#[derive(Debug, Clone, Copy)]
struct Ports {
    port: u16,
    controller: u16,
}

/// A record, as `kcat` reads it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Record {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// The record's time in milliseconds since 1970.
    #[serde(rename = "ts")]
    pub time: i64,
    /// Names and values, in turn.
    #[serde(default)]
    headers: Vec<String>,
    /// The key.
    pub key: Option<String>,
    /// The value; none for a tombstone.
    #[serde(rename = "payload")]
    pub value: Option<String>,
}

// === impl Broker ===

impl Broker {
    /// Starts a broker and waits until it answers. Topics have to be created before use.
    #[track_caller]
    pub fn start() -> Self {
        Self::with_properties("auto.create.topics.enable=false")
    }

    /// Starts a broker with further lines of `server.properties`.
    #[track_caller]
    pub fn with_properties(further: &str) -> Self {
        Self::launch(&|_| further.to_owned(), &[])
    }

    /// Starts a broker with what `further` says for its ports, on storage made with further arguments.
    #[track_caller]
    fn launch(further: &dyn Fn(Ports) -> String, storage: &[String]) -> Self {
        for _ in 0..ATTEMPTS {
            let folder = tempfile::tempdir().expect("a folder for the data");
            let (port, controller) = free_ports();
            let properties = folder.path().join("server.properties");
            let text = properties_text(port, controller, &folder.path().join("data"))
                + &further(Ports { port, controller });
            fs::write(&properties, text).expect("the properties are written");
            format_storage(&properties, storage);
            let mut running = Running::start(java("kafka.Kafka", &[&properties.to_string_lossy()]));
            if answers(&mut running, port) {
                return Self {
                    port,
                    running,
                    _folder: folder,
                };
            }
        }
        fail("a broker found no ports, or ends at once: is Java 17 installed?")
    }

    /// `host:port`. It stays the same over restarts.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The broker's process id.
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Kills it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.running.kill();
    }

    /// Starts it again on the same data and the same ports; kills it first where it still runs.
    #[track_caller]
    pub fn restart(&mut self) {
        for _ in 0..ATTEMPTS {
            self.running.restart();
            if answers(&mut self.running, self.port) {
                return;
            }
        }
        fail(&format!(
            "the broker does not come back\n{}",
            self.running.tail()
        ));
    }

    /// Writes a record with `kcat`, as whoever uses Kafka in the cloud; headers are `name=value`.
    #[track_caller]
    pub fn produce(&self, topic: &str, key: &str, value: &str, headers: &[&str]) {
        let mut kcat = Command::new(tools::installed("kcat"))
            .args(["-P", "-K", "=", "-t", topic, "-b", &self.bootstrap()])
            .args(headers.iter().flat_map(|header| ["-H", header]))
            .stdin(Stdio::piped())
            .spawn()
            .expect("kcat runs");
        let line = format!("{key}={value}\n");
        let mut input = kcat.stdin.take().expect("it was asked for");
        input.write_all(line.as_bytes()).expect("kcat reads");
        drop(input);
        assert!(kcat.wait().expect("kcat ends").success(), "kcat failed");
    }

    /// All records of a topic from its beginning to its present end, read with `kcat`; none where there
    /// is no such topic. Transactions aside, this is what any other client sees.
    #[track_caller]
    pub fn records(&self, topic: &str) -> Vec<Record> {
        records(&self.bootstrap(), topic)
    }

    /// How many records a topic has taken, by the ends of its partitions 0 to `partitions`; 0 where there
    /// is no such topic, or no answer.
    pub fn count(&self, topic: &str, partitions: i32) -> i64 {
        count(&self.bootstrap(), topic, partitions)
    }
}

fn count(bootstrap: &str, topic: &str, partitions: i32) -> i64 {
    let mut kcat = Command::new(tools::installed("kcat"));
    kcat.args(["-Q", "-b", bootstrap]);
    for partition in 0..partitions {
        kcat.args(["-t", &format!("{topic}:{partition}:-1")]);
    }
    let output = kcat.output().expect("kcat runs");
    // A line is: topic [partition] offset N
    let ends = String::from_utf8_lossy(&output.stdout).into_owned();
    ends.lines()
        .filter_map(|line| line.rsplit(' ').next()?.parse::<i64>().ok())
        .filter(|end| *end > 0)
        .sum()
}

/// How many partitions a topic has; 0 where there is no such topic, or no answer.
fn partitions(bootstrap: &str, topic: &str) -> i32 {
    let output = Command::new(tools::installed("kcat"))
        .args(["-L", "-b", bootstrap, "-t", topic])
        .output()
        .expect("kcat runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text
        .lines()
        .filter(|line| line.trim_start().starts_with("partition "));
    i32::try_from(lines.count()).unwrap_or(i32::MAX)
}

/// The same for a broker that the test did not start.
///
/// Reads up to the ends that the topic has at the call: under load there is always one more record, and
/// `kcat -e` would never see the end.
#[track_caller]
pub fn records(bootstrap: &str, topic: &str) -> Vec<Record> {
    let ends = count(bootstrap, topic, partitions(bootstrap, topic)).to_string();
    if ends == "0" {
        return Vec::new();
    }
    let output = Command::new(tools::installed("kcat"))
        .args(["-C", "-q", "-e", "-J", "-o", "beginning", "-c", &ends])
        .args(["-b", bootstrap, "-t", topic])
        .output()
        .expect("kcat runs");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| {
            serde_json::from_str(line).unwrap_or_else(|e| fail(&format!("kcat wrote {line}: {e}")))
        })
        .collect()
}

// === impl Record ===

impl Record {
    /// The value of the header `name`.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (pairs, _) = self.headers.as_chunks::<2>();
        pairs
            .iter()
            .find(|[key, _]| key == name)
            .map(|[_, value]| value.as_str())
    }
}

fn free_ports() -> (u16, u16) {
    let listen = || TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
    let (one, other) = (listen(), listen());
    (port(&one), port(&other))
}

fn properties_text(port: u16, controller: u16, data: &Path) -> String {
    let data = data.display();
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=8388608
"
    )
}

#[track_caller]
fn format_storage(properties: &Path, further: &[String]) {
    let properties = properties.to_string_lossy();
    let arguments = ["format", "-t", CLUSTER, "-c", &properties, "--standalone"];
    let output = java("kafka.tools.StorageTool", &arguments)
        .args(further)
        .output()
        .unwrap_or_else(|e| fail(&format!("java does not start ({e}): run `make tools`")));
    if !output.status.success() {
        fail(&format!(
            "no storage: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
}

#[track_caller]
fn java(class: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(tools::installed("java"));
    command
        .args(JAVA)
        .arg("-cp")
        .arg(tools::kafka_jars().join("*"))
        .arg(class)
        .args(arguments);
    command
}

/// Waits until the broker answers; false where it ended instead.
#[track_caller]
fn answers(running: &mut Running, port: u16) -> bool {
    eventually(UP, || {
        if running.ended().is_some() {
            return Ok(false);
        }
        versions(port).map(|()| true)
    })
}

/// Asks for the versions the broker speaks (`ApiVersions` v0, key 18): the first request that any client sends.
fn versions(port: u16) -> Result<(), std::io::Error> {
    const REQUEST: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(&REQUEST)?;
    let mut answer = [0; 10];
    stream.read_exact(&mut answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_broker_comes_back_with_its_records() {
        let mut broker = Broker::with_properties("auto.create.topics.enable=true");
        broker.produce("t", "k", "one", &["a=b"]);
        broker.kill();
        broker.restart();
        broker.produce("t", "k", "two", &[]);
        let records = broker.records("t");
        let values: Vec<_> = records.iter().filter_map(|r| r.value.as_deref()).collect();
        assert_eq!(values, ["one", "two"]);
        assert_eq!(broker.count("t", 1), 2);
        assert_eq!(records[0].key.as_deref(), Some("k"));
        assert_eq!(records[0].header("a"), Some("b"));
    }
}
