//! The sessions of one modem: the one that is proven, the one before, and candidates.
//!
//! A hello can be replayed by anyone who heard it, so the session that it brings about is a candidate
//! until something sealed in it arrives. The proven one goes on meanwhile.
//!
//! A session outlives changes of address. A new address is proven by a challenge that the modem
//! answers; before that it gets answers only, never more bytes than came from it, and commands go on
//! to the address that is proven.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use umec_wire::uplink::session::OpenError;
use umec_wire::uplink::{Connection, Down, Lane, Now, Sealed, Session};
use umec_wire::{Boot, Timestamp};

#[derive(Debug, Default)]
pub(super) struct Sessions {
    proven: Option<Proven>,
    /// What was sealed in it may still be on its way.
    before: Option<Before>,
    /// The one before that, to know it by its name.
    retired: Option<Connection>,
    candidates: VecDeque<Candidate>,
}

/// The session that works.
#[derive(Debug)]
pub(super) struct Proven {
    session: Session,
    pub(super) boot: Boot,
    /// Where the modem has shown that it hears.
    pub(super) address: SocketAddr,
    /// Where it seems to have gone.
    trial: Option<Trial>,
    begun: Duration,
    pub(super) since: Timestamp,
    pub(super) heard: Now,
    /// The bytes of its largest datagram.
    pub(super) largest: usize,
}

/// An address from which the newest datagram came, and which may be anybody's: whoever can hold a
/// datagram up can send it on from anywhere.
#[derive(Debug)]
struct Trial {
    address: SocketAddr,
    number: u32,
    /// Bytes that came from there, and that went there: the second never exceeds the first.
    received: usize,
    sent: usize,
    challenged: Option<Duration>,
}

#[derive(Debug)]
struct Before {
    session: Session,
    boot: Boot,
    until: Duration,
}

#[derive(Debug)]
struct Candidate {
    session: Session,
    boot: Boot,
    /// Where its hello came from.
    address: SocketAddr,
    begun: Duration,
    /// The hello, to know it again when it is repeated, and the answer to it.
    hello: Bytes,
    welcome: Vec<u8>,
}

/// A message that was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) message: Bytes,
    /// The run of the uplink that sealed it.
    pub(super) boot: Boot,
    /// Whether it proved a session.
    pub(super) proved: bool,
}

/// Why a datagram was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotOpened {
    Replayed,
    Broken,
    /// Its session's time is over.
    Old,
}

/// How many candidates are kept; the oldest goes.
const CANDIDATES: usize = 4;

/// How long a candidate waits for its proof.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long after a new session what was sealed in the one before is taken: longer than a datagram
/// is on its way.
const OVERLAP: Duration = Duration::from_secs(30);

/// How long a session lasts. A modem makes new keys every hour; one that does not is told that its
/// session is unknown.
const LIFE: Duration = Duration::from_hours(3);

/// The pause between two challenges of one address.
const CHALLENGE: Duration = Duration::from_millis(200);

// === impl Sessions ===

impl Sessions {
    pub(super) const fn proven(&self) -> Option<&Proven> {
        self.proven.as_ref()
    }

    /// The answer to a hello that was answered before.
    pub(super) fn answered(&self, hello: &[u8]) -> Option<Vec<u8>> {
        let known = self.candidates.iter().find(|c| c.hello == hello);
        known.map(|candidate| candidate.welcome.clone())
    }

    /// Adds a candidate; gives the connection of one that went for it.
    pub(super) fn candidate(
        &mut self,
        now: Duration,
        address: SocketAddr,
        session: Session,
        boot: Boot,
        hello: &[u8],
        welcome: Vec<u8>,
    ) -> Option<Connection> {
        self.candidates.push_back(Candidate {
            session,
            boot,
            address,
            begun: now,
            hello: Bytes::copy_from_slice(hello),
            welcome,
        });
        if self.candidates.len() <= CANDIDATES {
            return None;
        }
        self.candidates.pop_front().map(|c| c.session.connection())
    }

    /// Opens a datagram of `length` bytes in whichever session it names. `drawn` becomes the number of
    /// the challenge, should one be needed.
    pub(super) fn open(
        &mut self,
        now: Now,
        from: SocketAddr,
        sealed: &Sealed<'_>,
        length: usize,
        drawn: u32,
    ) -> Result<Opened, NotOpened> {
        let named = |session: &Session| session.connection() == sealed.connection;
        if let Some(proven) = self.proven.as_mut().filter(|p| named(&p.session)) {
            if now.steady >= proven.begun + LIFE {
                return Err(NotOpened::Old);
            }
            let (message, newest) = proven.session.open(sealed)?;
            proven.heard = now;
            proven.arrived(from, newest, length, drawn);
            return Ok(Opened {
                message,
                boot: proven.boot,
                proved: false,
            });
        }
        if let Some(before) = self.before.as_mut().filter(|b| named(&b.session)) {
            if now.steady >= before.until {
                return Err(NotOpened::Old);
            }
            let (message, _) = before.session.open(sealed)?;
            return Ok(Opened {
                message,
                boot: before.boot,
                proved: false,
            });
        }
        if self.retired == Some(sealed.connection) {
            return Err(NotOpened::Old);
        }
        let place = self.candidates.iter().position(|c| named(&c.session));
        let candidate = place.and_then(|place| self.candidates.get_mut(place));
        let (message, newest) = candidate.ok_or(NotOpened::Broken)?.session.open(sealed)?;
        let candidate = place.and_then(|place| self.candidates.remove(place));
        let candidate = candidate.ok_or(NotOpened::Broken)?;
        let boot = candidate.boot;
        self.prove(now, candidate);
        if let Some(proven) = &mut self.proven {
            proven.arrived(from, newest, length, drawn);
        }
        Ok(Opened {
            message,
            boot,
            proved: true,
        })
    }

    fn prove(&mut self, now: Now, candidate: Candidate) {
        let proven = Proven {
            session: candidate.session,
            boot: candidate.boot,
            address: candidate.address,
            trial: None,
            begun: now.steady,
            since: now.wall,
            heard: now,
            largest: 0,
        };
        // Hellos are answered in their order: what was begun earlier is of this run or of one that ended.
        self.candidates
            .retain(|other| other.begun >= candidate.begun);
        if let Some(gone) = self.before.take() {
            self.retired = Some(gone.session.connection());
        }
        let Some(before) = self.proven.replace(proven) else {
            return;
        };
        if before.boot == candidate.boot {
            self.before = Some(Before {
                session: before.session,
                boot: before.boot,
                until: now.steady + OVERLAP,
            });
        } else {
            // What an earlier run sealed is sent again by this one, which knows what has become of it: an
            // older state must not come after a newer one.
            self.retired = Some(before.session.connection());
        }
    }

    /// Seals a message for the modem; where to send it, and what. To an address that is not proven go
    /// answers only, and no more than came from there.
    pub(super) fn seal(&mut self, lane: Lane, message: &[u8]) -> Option<(SocketAddr, Vec<u8>)> {
        let proven = self.proven.as_mut()?;
        let datagram = proven.session.seal(lane, message)?;
        let trial = proven.trial.as_mut().filter(|_| lane == Lane::Data);
        match trial.filter(|trial| trial.affords(datagram.len())) {
            Some(trial) => Some((trial.spend(datagram.len()), datagram)),
            None => Some((proven.address, datagram)),
        }
    }

    /// The challenge that a new address is owed, as far as it may be sent.
    pub(super) fn challenge(&mut self, now: Duration) -> Option<(SocketAddr, Vec<u8>)> {
        let proven = self.proven.as_mut()?;
        let trial = proven.trial.as_mut()?;
        if trial.challenged.is_some_and(|at| now < at + CHALLENGE) {
            return None;
        }
        let message = Down::Challenge(trial.number);
        let datagram = proven.session.seal(message.lane(), &message.encode())?;
        if !trial.affords(datagram.len()) {
            return None;
        }
        trial.challenged = Some(now);
        Some((trial.spend(datagram.len()), datagram))
    }

    /// Takes the answer to a challenge; says whether the modem has moved.
    pub(super) fn settle(&mut self, number: u32) -> bool {
        let Some(proven) = &mut self.proven else {
            return false;
        };
        let trial = proven.trial.take_if(|trial| trial.number == number);
        if let Some(trial) = &trial {
            proven.address = trial.address;
        }
        trial.is_some()
    }

    /// The names of all sessions.
    pub(super) fn connections(&self) -> impl Iterator<Item = Connection> + '_ {
        let proven = self.proven.iter().map(|p| p.session.connection());
        let before = self.before.iter().map(|b| b.session.connection());
        let candidates = self.candidates.iter().map(|c| c.session.connection());
        proven.chain(before).chain(self.retired).chain(candidates)
    }

    /// Forgets candidates that were never proven, and keys whose time is over.
    pub(super) fn forget(&mut self, now: Duration) {
        self.candidates
            .retain(|candidate| now < candidate.begun + PATIENCE);
        if let Some(before) = self.before.take_if(|before| now >= before.until) {
            self.retired = Some(before.session.connection());
        }
        if let Some(proven) = self.proven.take_if(|proven| now >= proven.begun + LIFE) {
            self.retired = Some(proven.session.connection());
        }
    }
}

// === impl Proven ===

impl Proven {
    /// How many of the modem's last datagrams have not come, and of how many.
    pub(super) fn missing(&self) -> (u64, u64) {
        self.session.missing()
    }

    /// Notes where a datagram of the session came from.
    fn arrived(&mut self, from: SocketAddr, newest: bool, length: usize, drawn: u32) {
        self.largest = self.largest.max(length);
        match &mut self.trial {
            Some(trial) if trial.address == from => trial.received += length,
            _ if !newest => {}
            _ if from == self.address => self.trial = None,
            _ => {
                self.trial = Some(Trial {
                    address: from,
                    number: drawn,
                    received: length,
                    sent: 0,
                    challenged: None,
                });
            }
        }
    }
}

// === impl Trial ===

impl Trial {
    const fn affords(&self, length: usize) -> bool {
        self.sent + length <= self.received
    }

    fn spend(&mut self, length: usize) -> SocketAddr {
        self.sent += length;
        self.address
    }
}

impl From<OpenError> for NotOpened {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Replayed(_) => Self::Replayed,
            OpenError::Broken => Self::Broken,
        }
    }
}
