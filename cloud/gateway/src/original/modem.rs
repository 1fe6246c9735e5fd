//! One original modem: where it is, and how nobody else becomes it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use umec_spec::settings::original::{OriginalModem, Rebind};
use umec_wire::Timestamp;
use umec_wire::modem::{Heard, ModemState, Protocol};
use umec_wire::original::{Carrier, IotStatus, Sample};
use umec_wire::uplink::Now;

use super::record::{self, Record, Topics};
use super::switch::Switching;

/// One modem.
#[derive(Debug)]
pub(super) struct Modem {
    pub(super) settings: OriginalModem,
    pub(super) switching: Switching,
    topics: Topics,
    here: Option<Here>,
    contender: Option<Contender>,
    carrier: Option<Carrier>,
    status: Option<IotStatus>,
    /// Whether `umec.modems` does not tell yet how it is.
    is_news: bool,
    is_up: bool,
}

#[derive(Debug)]
struct Here {
    address: SocketAddr,
    heard: Duration,
    since: Timestamp,
    last_seen: Timestamp,
}

/// Somebody at another address, who may be the modem after a change of its address.
#[derive(Debug)]
struct Contender {
    address: SocketAddr,
    held: VecDeque<Records>,
}

/// What a sample becomes in Kafka.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) original: [Record; 2],
    /// None where SenML does not hold its time.
    pub(super) reading: Option<Record>,
}

/// Who sent a sample.
#[derive(Debug)]
pub(super) enum Sender {
    /// The modem.
    Itself,
    /// The modem, which is still there: what the contender sent is refused.
    Refuted { refused: u64 },
    /// The modem, from a new address; what it had sent from there before is taken.
    Moved {
        held: VecDeque<Records>,
        refused: u64,
    },
    /// Perhaps the modem.
    Contender,
    /// Somebody else.
    Stranger,
}

/// Samples of a contender that are held.
const HELD: usize = 256;

// === impl Modem ===

impl Modem {
    pub(super) fn new(settings: OriginalModem) -> Self {
        Self {
            topics: Topics::of(&settings),
            settings,
            switching: Switching::default(),
            here: None,
            contender: None,
            carrier: None,
            status: None,
            is_news: false,
            is_up: false,
        }
    }

    /// Where it is told things.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        let learned = self.here.as_ref().map(|here| here.address);
        self.settings.address.or(learned)
    }

    /// Whether what comes from an address is its own word.
    pub(super) fn answers_from(&self, from: SocketAddr) -> bool {
        match self.settings.address {
            Some(_) => self.settings.may_send_from(from.ip()),
            None => self.here.as_ref().is_some_and(|here| here.address == from),
        }
    }

    /// The records of a sample.
    pub(super) fn records(&self, now: Timestamp, sample: &Sample<'_>) -> Records {
        self.topics.records(&self.settings, now, sample)
    }

    /// Takes note that a sample came from an address.
    pub(super) fn heard(&mut self, now: Now, from: SocketAddr, rebind: Rebind) -> Sender {
        let is_fixed = self.settings.address.is_some();
        let Some(here) = self.here.as_mut() else {
            self.settle(now, from);
            return Sender::Itself;
        };
        if is_fixed || here.address == from {
            here.heard = now.steady;
            here.last_seen = now.wall;
            if !self.is_up {
                self.is_up = true;
                self.is_news = true;
            }
            return match self.contender.take() {
                None => Sender::Itself,
                Some(Contender { held, .. }) => Sender::Refuted {
                    refused: held.len() as u64,
                },
            };
        }
        if now.steady >= here.heard + patience(here.address, from, rebind) {
            let (held, refused) = match self.contender.take() {
                Some(Contender { address, held }) if address == from => (held, 0),
                Some(Contender { held, .. }) => (VecDeque::new(), held.len() as u64),
                None => (VecDeque::new(), 0),
            };
            self.settle(now, from);
            return Sender::Moved { held, refused };
        }
        let contender = self.contender.get_or_insert_with(|| Contender {
            address: from,
            held: VecDeque::new(),
        });
        if contender.address == from {
            Sender::Contender
        } else {
            Sender::Stranger
        }
    }

    fn settle(&mut self, now: Now, address: SocketAddr) {
        self.here = Some(Here {
            address,
            heard: now.steady,
            since: now.wall,
            last_seen: now.wall,
        });
        self.is_up = true;
        self.is_news = true;
    }

    /// Keeps a sample of the contender until it is known who that is; `None` where there are too many.
    pub(super) fn hold(&mut self, records: Records) -> Option<()> {
        let contender = self.contender.as_mut();
        let contender = contender.filter(|contender| contender.held.len() < HELD)?;
        contender.held.push_back(records);
        Some(())
    }

    /// Makes the contender the modem when the old address has been silent for long enough; what it had
    /// sent is taken.
    pub(super) fn moves(&mut self, now: Now, rebind: Rebind) -> Option<VecDeque<Records>> {
        if now.steady < self.move_due(rebind)? {
            return None;
        }
        let Contender { address, held } = self.contender.take()?;
        self.settle(now, address);
        Some(held)
    }

    fn move_due(&self, rebind: Rebind) -> Option<Duration> {
        let (here, contender) = (self.here.as_ref()?, self.contender.as_ref()?);
        Some(here.heard + patience(here.address, contender.address, rebind))
    }

    /// Takes note of the carrier in force.
    pub(super) fn carrier(&mut self, now: Now, carrier: Carrier) {
        self.is_news |= self.carrier.replace(carrier) != Some(carrier);
        self.seen(now);
    }

    /// Takes note of what the modem says of itself.
    pub(super) fn status(&mut self, now: Now, status: IotStatus) {
        self.is_news |= self.status.replace(status) != Some(status);
        self.seen(now);
    }

    fn seen(&mut self, now: Now) {
        if let Some(here) = self.here.as_mut() {
            here.last_seen = now.wall;
        }
    }

    /// How it is; `None` before it was heard.
    pub(super) fn state(&self) -> Option<ModemState> {
        let here = self.here.as_ref()?;
        Some(ModemState {
            modem: self.settings.node.as_label().clone().into(),
            node: self.settings.node.clone(),
            protocol: Protocol::V1,
            state: if self.is_up { Heard::Up } else { Heard::Down },
            address: here.address,
            since: here.since,
            last_seen: here.last_seen,
            carrier: self.carrier,
            largest_datagram: None,
            loss: None,
            told: None,
        })
    }

    /// The record of how it is, where that has changed.
    pub(super) fn report(&mut self, now: Now, rebind: Rebind) -> Option<Record> {
        let here = self.here.as_ref()?;
        if self.is_up && now.steady >= here.heard + rebind.host.duration() {
            self.is_up = false;
            self.is_news = true;
        }
        std::mem::take(&mut self.is_news).then(|| {
            record::modem(
                now.wall,
                &record::ModemRecord {
                    node: self.settings.node.clone(),
                    state: if self.is_up { "up" } else { "down" },
                    protocol: "v1",
                    address: here.address.to_string(),
                    since: here.since,
                    last_seen: here.last_seen,
                    carrier: self.carrier,
                    status: self.status.map(IotStatus::as_str),
                },
            )
        })
    }

    pub(super) fn wake(&self, rebind: Rebind) -> Duration {
        let switch = self.switching.wake(self.address().is_some());
        let moves = self.move_due(rebind).unwrap_or(Duration::MAX);
        let here = self.here.as_ref().filter(|_| self.is_up);
        let silent = here.map_or(Duration::MAX, |here| here.heard + rebind.host.duration());
        switch.min(moves).min(silent)
    }
}

impl super::Machine {
    /// How modems that were heard are.
    pub fn modems(&self) -> Vec<ModemState> {
        self.modems.iter().filter_map(Modem::state).collect()
    }
}

/// How long an address must be silent until another one is believed.
fn patience(old: SocketAddr, new: SocketAddr, rebind: Rebind) -> Duration {
    if old.ip() == new.ip() {
        rebind.port.duration()
    } else {
        rebind.host.duration()
    }
}
