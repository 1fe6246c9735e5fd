//! Version 1 of the protocol, towards an original server, as a state machine.
//!
//! What it promises is what the protocol can: a reading counts as sent when the socket has taken it,
//! for nobody acknowledges it; the order is kept; no more than the rate goes out, which is what an
//! original server takes, so that a backlog is not lost there. The server's wish for another carrier is
//! answered at once, with the carrier that is truly in force.

mod run;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use umec_spec::settings::uplink::{OriginalSeries, OriginalUplink, SwitchPolicy};
use umec_wire::original::{
    Answer, Carrier, DeviceId, Integer, Packet, Sample, TimeError, Verdict, WIDTH,
};
use umec_wire::{DeviceName, MetricName, Pack, Reading, Value};

pub(crate) use run::run;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this to the server; where the socket does not take it, tell [`Machine::not_sent`].
    Send(Vec<u8>),
    /// Send this to the server; it asks again where it gets lost.
    Answer(Vec<u8>),
    /// The message at this position of the stream is on its way.
    Acknowledge(u64),
}

/// What has become of readings and datagrams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Readings that did not go up, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Wishes of the server, by what was answered.
    pub answered: BTreeMap<&'static str, u64>,
    /// Datagrams that were dropped, by reason.
    pub refused: BTreeMap<&'static str, u64>,
}

/// The state machine.
#[derive(Debug)]
pub struct Machine {
    series: HashMap<(DeviceName, MetricName), Number>,
    carrier: Carrier,
    policy: SwitchPolicy,
    /// The time that one datagram takes at the highest rate.
    pace: Duration,
    /// When the next one may go.
    next: Duration,
    waiting: VecDeque<Waiting>,
    actions: VecDeque<Action>,
    counters: Counters,
}

/// What waits, in the order of the stream.
#[derive(Debug)]
enum Waiting {
    Datagram(Vec<u8>),
    /// All datagrams of the message at this position went before.
    End(u64),
}

/// How a series becomes integers.
#[derive(Debug, Clone, Copy)]
struct Number {
    id: DeviceId,
    scale: f64,
    offset: f64,
}

/// Datagrams and messages that may wait; more stay in the stream.
const WAITING: usize = 512;

/// How far sending may lag behind the rate and still catch up: what timers need.
const SLACK: Duration = Duration::from_millis(20);

/// How long a socket that is full is left alone.
const FULL: Duration = Duration::from_millis(5);

// === impl Machine ===

impl Machine {
    /// Nothing was sent yet.
    pub fn new(settings: &OriginalUplink) -> Self {
        let number = |series: &OriginalSeries| {
            let name = (series.device.clone(), series.metric.clone());
            let number = Number {
                id: DeviceId(series.id),
                scale: series.scale.unwrap_or(1.0),
                offset: series.offset.unwrap_or(0.0),
            };
            (name, number)
        };
        Self {
            series: settings.series.iter().map(number).collect(),
            carrier: settings.carrier,
            policy: settings.switch,
            pace: Duration::from_secs(1) / settings.rate.max(1),
            next: Duration::ZERO,
            waiting: VecDeque::new(),
            actions: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// What has become of readings and datagrams.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The carrier in force.
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// Whether another message of the stream may be offered.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < WAITING
    }

    /// How many datagrams wait.
    pub fn waiting(&self) -> usize {
        let datagrams = self.waiting.iter();
        datagrams
            .filter(|w| matches!(w, Waiting::Datagram(_)))
            .count()
    }

    /// Takes the readings of the message at `position`.
    pub fn offer(&mut self, position: u64, pack: &Pack) {
        for reading in &pack.readings {
            match self.packet(&pack.device, reading) {
                Ok(bytes) => self.waiting.push_back(Waiting::Datagram(bytes)),
                Err(reason) => *self.counters.skipped.entry(reason).or_default() += 1,
            }
        }
        self.waiting.push_back(Waiting::End(position));
    }

    fn packet(&self, device: &DeviceName, reading: &Reading) -> Result<Vec<u8>, &'static str> {
        if reading.series.aggregate.is_some() {
            return Err("no-series");
        }
        let name = (device.clone(), reading.series.metric.clone());
        let number = self.series.get(&name).ok_or("no-series")?;
        let value = number.of(&reading.value)?.to_be_bytes();
        let sample = Sample {
            device: number.id,
            time: reading.time,
            value: Integer::new(&value).ok_or("out-of-range")?,
        };
        Packet::Data(sample).encode().map_err(TimeError::reason)
    }

    /// Takes a datagram from the server.
    pub fn datagram(&mut self, bytes: &[u8]) {
        let carrier = match Packet::decode(bytes) {
            Ok(Packet::Perform(carrier)) => carrier,
            Ok(_) => return self.refuse("wrong-direction"),
            Err(error) => return self.refuse(error.reason()),
        };
        let verdict = match self.policy {
            SwitchPolicy::Refuse => Verdict::Nack,
            SwitchPolicy::Simulate => {
                self.carrier = carrier;
                Verdict::Ack
            }
        };
        *self.counters.answered.entry(verdict.as_str()).or_default() += 1;
        let carrier = self.carrier;
        // Only a time can be impossible to write.
        if let Ok(bytes) = Packet::Answer(Answer { verdict, carrier }).encode() {
            self.actions.push_back(Action::Answer(bytes));
        }
    }

    /// Takes the word that a datagram came from somebody else.
    pub fn stranger(&mut self) {
        self.refuse("not-the-server");
    }

    fn refuse(&mut self, reason: &'static str) {
        *self.counters.refused.entry(reason).or_default() += 1;
    }

    /// Takes the word that the socket had no room: the datagram goes first, a little later.
    pub fn not_sent(&mut self, now: Duration, bytes: Vec<u8>) {
        self.waiting.push_front(Waiting::Datagram(bytes));
        self.next = now + FULL;
    }

    /// What is to be done next.
    pub fn next_action(&mut self, now: Duration) -> Option<Action> {
        if let Some(answer) = self.actions.pop_front() {
            return Some(answer);
        }
        match self.waiting.front()? {
            Waiting::Datagram(_) if now < self.next => None,
            _ => match self.waiting.pop_front()? {
                Waiting::End(position) => Some(Action::Acknowledge(position)),
                Waiting::Datagram(bytes) => {
                    self.next = self.next.max(now.saturating_sub(SLACK)) + self.pace;
                    Some(Action::Send(bytes))
                }
            },
        }
    }

    /// When something is due.
    pub fn wake(&self) -> Duration {
        match (self.waiting.front(), self.actions.is_empty()) {
            (None, true) => Duration::MAX,
            (Some(Waiting::Datagram(_)), true) => self.next,
            _ => Duration::ZERO,
        }
    }
}

// === impl Number ===

impl Number {
    /// The integer of a value; halves are rounded away from zero.
    fn of(self, value: &Value) -> Result<i32, &'static str> {
        let value = match value {
            Value::Number(number) => number.get(),
            Value::Boolean(is_true) => return Ok(i32::from(*is_true)),
            Value::Text(_) | Value::Opaque(_) => return Err("not-a-number"),
        };
        let steps = ((value - self.offset) / self.scale).round();
        if !(f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&steps) {
            return Err("out-of-range");
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
        let steps = steps as i32;
        Ok(steps)
    }
}

const _: () = assert!(WIDTH == size_of::<i32>(), "original senders use four bytes");

#[cfg(test)]
mod tests;
