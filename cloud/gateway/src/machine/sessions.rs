//! The sessions of one modem: the one that is proven, the one before, and candidates.
//!
//! A hello can be replayed by anyone who heard it, so the session that it brings about is a candidate
//! until something sealed in it arrives. The proven one goes on meanwhile.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use umec_wire::uplink::session::OpenError;
use umec_wire::uplink::{Connection, Lane, Now, Sealed, Session};
use umec_wire::{Boot, Timestamp};

#[derive(Debug, Default)]
pub(super) struct Sessions {
    proven: Option<Proven>,
    /// What was sealed in it may still be on its way.
    before: Option<(Session, Boot)>,
    candidates: VecDeque<Candidate>,
}

/// The session that works.
#[derive(Debug)]
pub(super) struct Proven {
    session: Session,
    pub(super) boot: Boot,
    pub(super) address: SocketAddr,
    pub(super) since: Timestamp,
    pub(super) heard: Now,
}

#[derive(Debug)]
struct Candidate {
    session: Session,
    boot: Boot,
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
    /// Whether the modem has a new address.
    pub(super) moved: bool,
}

/// How many candidates are kept; the oldest goes.
const CANDIDATES: usize = 4;

/// How long a candidate waits for its proof.
const PATIENCE: Duration = Duration::from_secs(30);

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
        session: Session,
        boot: Boot,
        hello: &[u8],
        welcome: Vec<u8>,
    ) -> Option<Connection> {
        self.candidates.push_back(Candidate {
            session,
            boot,
            begun: now,
            hello: Bytes::copy_from_slice(hello),
            welcome,
        });
        if self.candidates.len() <= CANDIDATES {
            return None;
        }
        self.candidates.pop_front().map(|c| c.session.connection())
    }

    /// Opens a datagram in whichever session it names.
    pub(super) fn open(
        &mut self,
        now: Now,
        from: SocketAddr,
        sealed: &Sealed<'_>,
    ) -> Result<Opened, OpenError> {
        let opened = |(message, _), boot| Opened {
            message,
            boot,
            proved: false,
            moved: false,
        };
        if let Some(proven) = &mut self.proven
            && proven.session.connection() == sealed.connection
        {
            let (message, newest) = proven.session.open(sealed)?;
            proven.heard = now;
            let moved = newest && proven.address != from;
            if moved {
                proven.address = from;
            }
            return Ok(Opened {
                moved,
                ..opened((message, newest), proven.boot)
            });
        }
        if let Some((session, boot)) = &mut self.before
            && session.connection() == sealed.connection
        {
            return session.open(sealed).map(|o| opened(o, *boot));
        }
        let place = self
            .candidates
            .iter()
            .position(|c| c.session.connection() == sealed.connection);
        let candidate = place.and_then(|place| self.candidates.get_mut(place));
        let candidate = candidate.ok_or(OpenError::Broken)?;
        let (message, newest) = candidate.session.open(sealed)?;
        let candidate = place.and_then(|place| self.candidates.remove(place));
        let candidate = candidate.ok_or(OpenError::Broken)?;
        let boot = candidate.boot;
        let proven = Proven {
            session: candidate.session,
            boot,
            address: from,
            since: now.wall,
            heard: now,
        };
        self.before = self
            .proven
            .replace(proven)
            .map(|before| (before.session, before.boot));
        Ok(Opened {
            proved: true,
            ..opened((message, newest), boot)
        })
    }

    /// Seals a message for the modem; where to send it, and what.
    pub(super) fn seal(&mut self, lane: Lane, message: &[u8]) -> Option<(SocketAddr, Vec<u8>)> {
        let proven = self.proven.as_mut()?;
        let datagram = proven.session.seal(lane, message)?;
        Some((proven.address, datagram))
    }

    /// The names of all sessions.
    pub(super) fn connections(&self) -> impl Iterator<Item = Connection> + '_ {
        let proven = self.proven.iter().map(|p| p.session.connection());
        let before = self.before.iter().map(|(session, _)| session.connection());
        let candidates = self.candidates.iter().map(|c| c.session.connection());
        proven.chain(before).chain(candidates)
    }

    /// Forgets candidates that were never proven.
    pub(super) fn forget(&mut self, now: Duration) {
        self.candidates
            .retain(|candidate| now < candidate.begun + PATIENCE);
    }
}
