//! Original modems: version 1 of the protocol, as a state machine beside that of version 2.
//!
//! The protocol has no names, numbers or proofs. So a modem is known by where it may send from and by
//! its devices (`modem`), and a request by being the only one on its way to that modem (`switch`).
//! `record` is what all of it becomes in Kafka. Only `run` has a socket, a clock and a Kafka.
//!
//! What it promises: a datagram that was taken is written to each of its topics once, as long as Kafka
//! takes it and this process lives; there is nothing in it by which a loss or a double on the way could
//! be noticed. A request ends in one result; one that a killed gateway had begun is begun again.

mod figures;
mod modem;
mod offsets;
mod record;
mod run;
mod switch;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use umec_spec::settings::original::{OriginalModem, OriginalSettings, Rebind, Switch};
use umec_wire::command::Outcome;
use umec_wire::original::kafka::{self, RequestError};
use umec_wire::original::{Answer, Packet, Sample, Verdict};
use umec_wire::uplink::Now;
use umec_wire::{NodeName, Reason};

use crate::kafka::Incoming;
use modem::{Modem, Records, Sender};
use offsets::Open;
use switch::{Heard, Step};

pub use record::Record;
pub(crate) use run::start;

/// A record of `downstream-request`: partition and offset.
pub type Place = (i32, i64);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this to a modem.
    Send {
        /// Where to.
        to: SocketAddr,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// Write this; it may be dropped where there is no room.
    Write(Record),
    /// Write this, and tell [`Machine::written`] or [`Machine::not_written`] with the token.
    WriteSurely {
        /// What comes back.
        token: u64,
        /// The record.
        record: Record,
    },
    /// Requests of this partition need not be read again below this offset.
    Commit {
        /// The partition.
        partition: i32,
        /// The next offset.
        offset: i64,
    },
}

/// What has come in, and what has become of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Data packets that were taken.
    pub samples: u64,
    /// Data whose value or time SenML does not hold exactly: they are in the original topics alone.
    pub not_in_readings: u64,
    /// Datagrams that were dropped, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Modems that have moved to another address.
    pub moves: u64,
    /// Requests that ended, by outcome.
    pub requests: BTreeMap<&'static str, u64>,
    /// Packets that told a modem to switch.
    pub performs: u64,
}

/// The state machine.
#[derive(Debug)]
pub struct Machine {
    modems: Vec<Modem>,
    rebind: Rebind,
    switch: Switch,
    open: Open,
    unwritten: HashMap<u64, (Place, Record)>,
    next_token: u64,
    actions: VecDeque<Action>,
    counters: Counters,
}

/// Requests that may be open at once; more stay in Kafka.
const OPEN: usize = 256;

// === impl Machine ===

impl Machine {
    /// Nobody was heard yet.
    pub fn new(settings: &OriginalSettings) -> Self {
        let modem = |modem: &OriginalModem| Modem::new(modem.clone());
        Self {
            modems: settings.modems.iter().map(modem).collect(),
            rebind: settings.rebind,
            switch: settings.switch,
            open: Open::default(),
            unwritten: HashMap::new(),
            next_token: 0,
            actions: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// The topics in which its records lie, but for those of the platform.
    pub fn topics(settings: &OriginalSettings) -> Vec<String> {
        let devices = settings.modems.iter().flat_map(|modem| &modem.devices);
        let nicknames = devices.map(|device| device.nickname.to_string());
        let both = |name: String| [format!("{name}{}", kafka::GRAFANA_SUFFIX), name];
        let mut topics: Vec<_> = nicknames
            .chain([kafka::UNKNOWN.to_owned()])
            .flat_map(both)
            .chain([kafka::DOWNSTREAM_REQUEST, kafka::CARRIER_SWITCH_ACK].map(str::to_owned))
            .collect();
        topics.sort();
        topics.dedup();
        topics
    }

    /// What has come in so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many modems have an address.
    pub fn known(&self) -> usize {
        self.modems.iter().filter(|m| m.address().is_some()).count()
    }

    /// Whether another request may be taken.
    pub fn has_room(&self) -> bool {
        self.open.count() < OPEN
    }

    /// Takes a datagram.
    pub fn datagram(&mut self, now: Now, from: SocketAddr, bytes: &[u8]) {
        let done = match Packet::decode(bytes) {
            Ok(Packet::Data(sample)) => self.sample(now, from, &sample),
            Ok(Packet::Answer(answer)) => self.answer(now, from, answer),
            Ok(Packet::Status(status)) => match self.at(from) {
                Some(modem) => {
                    modem.status(now, status);
                    Ok(())
                }
                None => Err("stranger"),
            },
            Ok(Packet::Perform(_)) => Err("wrong-direction"),
            Err(error) => Err(error.reason()),
        };
        if let Err(reason) = done {
            self.refuse(reason, 1);
        }
    }

    fn sample(
        &mut self,
        now: Now,
        from: SocketAddr,
        sample: &Sample<'_>,
    ) -> Result<(), &'static str> {
        let of_network = |modem: &Modem| modem.settings.may_send_from(from.ip());
        let own = |m: &Modem| of_network(m) && m.settings.device(sample.device).is_some();
        let place = self.modems.iter().position(own);
        let place = place.or_else(|| self.modems.iter().position(of_network));
        let modem = place.and_then(|place| self.modems.get_mut(place));
        let modem = modem.ok_or("network")?;
        let sender = modem.heard(now, from, self.rebind);
        if matches!(sender, Sender::Stranger) {
            return Err("not-its-address");
        }
        let records = modem.records(now.wall, sample);
        match sender {
            Sender::Itself | Sender::Stranger => {}
            Sender::Contender => return modem.hold(records).ok_or("not-its-address"),
            Sender::Refuted { refused } => self.refuse("not-its-address", refused),
            Sender::Moved { held, refused } => {
                self.counters.moves += 1;
                self.refuse("not-its-address", refused);
                self.take_all(held);
            }
        }
        self.take(records);
        Ok(())
    }

    fn take_all(&mut self, held: VecDeque<Records>) {
        for records in held {
            self.take(records);
        }
    }

    fn take(&mut self, records: Records) {
        self.counters.samples += 1;
        self.counters.not_in_readings += u64::from(records.reading.is_none());
        let records = records.original.into_iter().chain(records.reading);
        self.actions.extend(records.map(Action::Write));
    }

    /// Takes a modem's answer to what it was told.
    fn answer(&mut self, now: Now, from: SocketAddr, answer: Answer) -> Result<(), &'static str> {
        let retry = self.switch.retry.duration();
        let modem = self.at(from).ok_or("stranger")?;
        modem.carrier(now, answer.carrier);
        let node = modem.settings.node.clone();
        match modem.switching.answer(now.steady, answer, retry) {
            Heard::Ends(place) => {
                let (outcome, reason) = match answer.verdict {
                    Verdict::Ack => (Outcome::Done, None),
                    Verdict::Nack => {
                        let text = format!("the modem stays with {}", answer.carrier);
                        (Outcome::Refused, Some(Reason::new("nack", text)))
                    }
                };
                self.write_surely(place, record::answer(answer));
                self.end(now, place, &node, outcome, reason);
                Ok(())
            }
            Heard::Late => Err("late-answer"),
            Heard::Unasked => Err("unasked-answer"),
        }
    }

    /// The modem that speaks from an address.
    fn at(&mut self, from: SocketAddr) -> Option<&mut Modem> {
        let mut modems = self.modems.iter_mut();
        modems.find(|modem| modem.answers_from(from))
    }

    /// Takes a record of `downstream-request`.
    pub fn request(&mut self, now: Now, record: &Incoming) {
        let place = (record.partition, record.offset);
        self.open.begin(place);
        let read = kafka::read_request(record.value.as_deref().unwrap_or_default());
        let first = self.modems.first_mut();
        let chosen = match &read {
            Ok(request) => match &request.modem {
                Some(name) => {
                    let mut modems = self.modems.iter_mut();
                    modems.find(|modem| modem.settings.node.as_str() == name)
                }
                None => first,
            },
            Err(_) => first,
        };
        let Some(modem) = chosen else {
            let reason = Reason::new("unknown-modem", "no modem has this name");
            return self.refuse_request(now, place, reason);
        };
        match read {
            Ok(request) => {
                let asked = record.time.map(umec_wire::Timestamp::from_millis);
                let asked = asked.unwrap_or(now.wall);
                let expires = asked.saturating_add(self.switch.expires.duration());
                modem.switching.ask(place, request.carrier, expires);
            }
            Err(error) => self.refuse_request(now, place, refusal(&error)),
        }
    }

    fn refuse_request(&mut self, now: Now, place: Place, reason: Reason) {
        let first = self.modems.first();
        let Some(node) = first.map(|modem| modem.settings.node.clone()) else {
            return;
        };
        self.end(now, place, &node, Outcome::Refused, Some(reason));
    }

    /// Does what is due.
    pub fn poll(&mut self, now: Now) {
        for index in 0..self.modems.len() {
            let Some(modem) = self.modems.get_mut(index) else {
                return;
            };
            if let Some(held) = modem.moves(now, self.rebind) {
                self.counters.moves += 1;
                self.take_all(held);
            }
            self.poll_switch(now, index);
            let modem = self.modems.get_mut(index);
            let record = modem.and_then(|modem| modem.report(now, self.rebind));
            self.actions.extend(record.map(Action::Write));
        }
    }

    fn poll_switch(&mut self, now: Now, index: usize) {
        while let Some(modem) = self.modems.get_mut(index) {
            let address = modem.address();
            let node = modem.settings.node.clone();
            match modem.switching.poll(now, address.is_some(), self.switch) {
                None => return,
                Some(Step::Send(carrier)) => {
                    let bytes = Packet::Perform(carrier).encode();
                    if let (Some(to), Ok(bytes)) = (address, bytes) {
                        self.counters.performs += 1;
                        self.actions.push_back(Action::Send { to, bytes });
                    }
                }
                Some(Step::Silent { place, sent }) => {
                    let text = format!("it was told {sent} times and did not answer");
                    let reason = Reason::new("modem-silent", text);
                    self.end(now, place, &node, Outcome::Failed, Some(reason));
                }
                Some(Step::Expired { place, text }) => {
                    let reason = Reason::new("expired", text);
                    self.end(now, place, &node, Outcome::Expired, Some(reason));
                }
            }
        }
    }

    fn end(
        &mut self,
        now: Now,
        place: Place,
        node: &NodeName,
        outcome: Outcome,
        reason: Option<Reason>,
    ) {
        *self.counters.requests.entry(outcome.as_str()).or_default() += 1;
        let result = record::result(now.wall, place, node, outcome, reason);
        self.write_surely(place, result);
    }

    fn write_surely(&mut self, place: Place, record: Record) {
        self.next_token += 1;
        let token = self.next_token;
        self.unwritten.insert(token, (place, record.clone()));
        self.actions
            .push_back(Action::WriteSurely { token, record });
    }

    /// Takes the word that Kafka has a record.
    pub fn written(&mut self, token: u64) {
        let Some((place, _)) = self.unwritten.remove(&token) else {
            return;
        };
        if self.unwritten.values().all(|(other, _)| *other != place)
            && let Some((partition, offset)) = self.open.end(place)
        {
            self.actions.push_back(Action::Commit { partition, offset });
        }
    }

    /// Takes the word that Kafka has not taken a record: it is handed out again.
    pub fn not_written(&mut self, token: u64) {
        if let Some((_, record)) = self.unwritten.get(&token) {
            let record = record.clone();
            self.actions
                .push_back(Action::WriteSurely { token, record });
        }
    }

    /// The moment at which [`Machine::poll`] is due.
    pub fn wake(&self) -> Duration {
        let wakes = self.modems.iter().map(|modem| modem.wake(self.rebind));
        wakes.min().unwrap_or(Duration::MAX)
    }

    /// What is to be done next.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn refuse(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.counters.refused.entry(reason).or_default() += count;
        }
    }
}

fn refusal(error: &RequestError) -> Reason {
    let code = match error {
        RequestError::Shape(_) => "bad-request",
        RequestError::Type(_) => "unknown-type",
        RequestError::Carrier(_) => "unknown-carrier",
    };
    Reason::new(code, umec_sdk::chain(error))
}

#[cfg(test)]
mod tests;
