//! The session with the gateway: begun, renewed, and begun again when the gateway is silent.

use std::time::Duration;

use bytes::Bytes;
use umec_wire::uplink::datagram::{MAX_HEADER, Retry, TAG};
use umec_wire::uplink::session::OpenError;
use umec_wire::uplink::{Connection, Cookie, Initiation, Key, Lane, Sealed, Session, Up};
use umec_wire::{Boot, ModemName, NodeName, Reason};

use super::{Action, Random};

/// How the gateway is, seen from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// There has been no session yet.
    Connecting {
        /// How often it was asked for.
        tries: u32,
    },
    /// The session works.
    Up {
        /// The node for which the gateway takes this modem.
        node: NodeName,
    },
    /// There was a session, and the gateway does not answer.
    Silent {
        /// When it was last heard.
        heard: Duration,
        /// How often a new session was asked for.
        tries: u32,
    },
}

/// Why a datagram was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotOpened {
    Session,
    Replayed,
    Broken,
}

/// The session and what it takes to have one.
#[derive(Debug)]
pub(super) struct Link {
    modem: ModemName,
    key: Key,
    boot: Boot,
    random: Random,
    session: Option<Current>,
    /// The session before: what the gateway sealed in it may still arrive.
    previous: Option<Session>,
    attempt: Option<Attempt>,
    /// What the gateway gave to show with the next hello.
    cookie: Option<Cookie>,
    renewal: Renewal,
    refusing: Option<Reason>,
}

#[derive(Debug)]
struct Current {
    session: Session,
    node: NodeName,
    begun: Duration,
    heard: Duration,
    sent: Duration,
    /// When the first datagram was sent since the gateway was last heard.
    unanswered: Option<Duration>,
    /// When the gateway was told the round trip last.
    told: Option<Duration>,
}

#[derive(Debug)]
struct Attempt {
    initiation: Initiation,
    tries: u32,
    next: Duration,
    /// Whether the gateway's wish for another cookie was followed since the last pause.
    retried: bool,
    /// Whether the session before works, and only gets old.
    is_renewal: bool,
}

/// What goes up, as far as the link needs to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unanswered {
    /// Whether something waits for an answer.
    pub(super) is_waiting: bool,
    /// How many messages wait for acknowledgement.
    pub(super) waiting: u64,
    /// The smoothed time from sending to acknowledgement.
    pub(super) round_trip: Option<Duration>,
}

/// When new keys are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// After this time.
    pub after: Duration,
    /// After so many datagrams were sealed.
    pub datagrams: u64,
}

/// The first pause between two hellos; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The greatest pause between two hellos: how late a gateway that comes back may be noticed.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long the gateway may owe an answer before a new session is asked for.
const SILENCE: Duration = Duration::from_secs(5);

/// How long nothing is heard, while something waits for an answer, before a keepalive asks for one.
const PROBE: Duration = Duration::from_secs(1);

/// How long nothing is sent before a keepalive holds address translation open: below the 30 s
/// after which some forget a binding (RFC 4787 section 4.3 asks for 2 minutes and is not always heard).
const KEEPALIVE: Duration = Duration::from_secs(20);

/// How often the gateway is told of the queue and the round trip where data leaves no room for keepalives:
/// with its answer that is 117 bytes, headers of IP and UDP included, 34 kB a day.
const TELLING: Duration = Duration::from_mins(5);

/// How long after a hello anyone's "unknown" is not listened to.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(1);

// === impl Renewal ===

impl Default for Renewal {
    /// An hour, or before numbers take more than four bytes (`USUAL_HEADER`).
    fn default() -> Self {
        Self {
            after: Duration::from_hours(1),
            datagrams: 1 << 29,
        }
    }
}

// === impl Link ===

impl Link {
    pub(super) fn new(
        modem: ModemName,
        key: Key,
        boot: Boot,
        renewal: Renewal,
        random: Random,
    ) -> Self {
        Self {
            modem,
            key,
            boot,
            random,
            session: None,
            previous: None,
            attempt: None,
            cookie: None,
            renewal,
            refusing: None,
        }
    }

    pub(super) const fn has_session(&self) -> bool {
        self.session.is_some()
    }

    pub(super) const fn refusing(&self) -> Option<&Reason> {
        self.refusing.as_ref()
    }

    pub(super) fn state(&self) -> LinkState {
        let tries = self.attempt.as_ref().map_or(0, |attempt| attempt.tries);
        match &self.session {
            None => LinkState::Connecting { tries },
            // One hello is a renewal; a second one means that the first was not answered.
            Some(current) if tries > 1 => LinkState::Silent {
                heard: current.heard,
                tries,
            },
            Some(current) => LinkState::Up {
                node: current.node.clone(),
            },
        }
    }

    /// Takes the answer to a hello. `Some(true)` when the session before was lost, `Some(false)`
    /// when it was only renewed, `None` when the answer is not one.
    pub(super) fn welcome(&mut self, now: Duration, noise: &[u8]) -> Option<bool> {
        let attempt = self.attempt.as_mut()?;
        let welcome = attempt.initiation.welcome(noise).ok()?;
        let attempt = self.attempt.take()?;
        let is_renewal = attempt.is_renewal;
        let session = attempt.initiation.session(welcome.connection).ok()?;
        self.cookie = Some(welcome.resumption);
        let recovered = !is_renewal
            || self
                .session
                .as_ref()
                .is_none_or(|c| c.unanswered.is_some_and(|since| now >= since + SILENCE));
        let current = Current {
            session,
            node: welcome.node,
            begun: now,
            heard: now,
            // So old that a keepalive is due, which proves the session to the gateway.
            sent: now.saturating_sub(KEEPALIVE),
            unanswered: None,
            told: None,
        };
        self.previous = self.session.replace(current).map(|before| before.session);
        Some(recovered)
    }

    /// Takes the gateway's wish to see a cookie; says whether it was one. It is followed once in a
    /// pause: whoever overhears hellos could else make the modem call without end.
    pub(super) fn retry(&mut self, now: Duration, retry: &Retry) -> bool {
        let meant = |attempt: &&mut Attempt| attempt.initiation.is_meant(&retry.echo);
        let Some(attempt) = self.attempt.as_mut().filter(meant) else {
            return false;
        };
        if !std::mem::replace(&mut attempt.retried, true) {
            let (tries, is_renewal) = (attempt.tries, attempt.is_renewal);
            self.cookie = Some(retry.cookie);
            self.begin(now, is_renewal);
            if let Some(attempt) = &mut self.attempt {
                attempt.tries = tries.saturating_sub(1);
                attempt.retried = true;
            }
        }
        true
    }

    /// Hears that the gateway does not know a session.
    pub(super) fn unknown(&mut self, now: Duration, connection: Connection) {
        let ours = self.session.as_ref().is_some_and(|c| {
            c.session.connection() == connection && now >= c.begun + UNKNOWN_PAUSE
        });
        if ours && self.attempt.is_none() {
            self.begin(now, false);
        }
    }

    pub(super) fn open(&mut self, now: Duration, sealed: &Sealed<'_>) -> Result<Bytes, NotOpened> {
        let named = |session: &Session| session.connection() == sealed.connection;
        let opened = match (&mut self.session, &mut self.previous) {
            (Some(current), _) if named(&current.session) => {
                let opened = current.session.open(sealed);
                if opened.is_ok() {
                    current.heard = now;
                    current.unanswered = None;
                }
                opened
            }
            (_, Some(previous)) if named(previous) => previous.open(sealed),
            _ => return Err(NotOpened::Session),
        };
        match opened {
            Ok((message, _)) => Ok(message),
            Err(OpenError::Replayed(_)) => Err(NotOpened::Replayed),
            Err(OpenError::Broken) => Err(NotOpened::Broken),
        }
    }

    /// Takes what the gateway says of itself; says whether it has just stopped refusing.
    pub(super) fn alive(&mut self, refusing: Option<Reason>) -> bool {
        let before = std::mem::replace(&mut self.refusing, refusing);
        before.is_some() && self.refusing.is_none()
    }

    pub(super) fn seal(&mut self, now: Duration, lane: Lane, message: &[u8]) -> Option<Vec<u8>> {
        let current = self.session.as_mut()?;
        current.sent = now;
        current.unanswered.get_or_insert(now);
        current.session.seal(lane, message)
    }

    /// The bytes that sealing adds to the next message.
    pub(super) fn overhead(&self) -> usize {
        let current = self.session.as_ref();
        current.map_or(MAX_HEADER + TAG, |current| current.session.overhead())
    }

    /// Sends hellos and keepalives that are due.
    pub(super) fn poll(&mut self, now: Duration, outgoing: Unanswered) -> Vec<Action> {
        if self.attempt.is_none() && now >= self.next_attempt() {
            let is_owed = |c: &Current| c.unanswered.is_some_and(|since| now >= since + SILENCE);
            let is_renewal = self.session.as_ref().is_some_and(|c| !is_owed(c));
            self.begin(now, is_renewal);
        }
        let mut actions = Vec::new();
        if let Some(attempt) = self.attempt.as_mut().filter(|attempt| now >= attempt.next) {
            if attempt.tries > 0 {
                actions.push(Action::Resolve);
            }
            actions.push(Action::Send(attempt.initiation.hello().to_vec()));
            let doubled = FIRST_PAUSE.saturating_mul(1 << attempt.tries.min(8));
            attempt.next = now + self.random.jitter(doubled.min(LONGEST_PAUSE));
            attempt.tries = attempt.tries.saturating_add(1);
            attempt.retried &= attempt.tries <= 1;
        }
        if now >= self.next_keepalive(outgoing) {
            let round_trip = outgoing.round_trip;
            let message = Up::Keepalive {
                waiting: outgoing.waiting,
                round_trip,
            };
            if let Some(current) = self.session.as_mut().filter(|_| round_trip.is_some()) {
                current.told = Some(now);
            }
            let datagram = self.seal(now, message.lane(), &message.encode());
            actions.extend(datagram.map(Action::Send));
        }
        actions
    }

    pub(super) fn wake(&self, outgoing: Unanswered) -> Duration {
        let hello = match &self.attempt {
            Some(attempt) => attempt.next,
            None => self.next_attempt(),
        };
        hello.min(self.next_keepalive(outgoing))
    }

    /// When a session is to be asked for while none is being asked for.
    fn next_attempt(&self) -> Duration {
        let Some(current) = &self.session else {
            return Duration::ZERO;
        };
        if current.session.next_number() >= self.renewal.datagrams {
            return Duration::ZERO;
        }
        let renewal = current.begun + self.renewal.after;
        let silent = current.unanswered.map(|since| since + SILENCE);
        silent.map_or(renewal, |silent| silent.min(renewal))
    }

    fn next_keepalive(&self, outgoing: Unanswered) -> Duration {
        let Some(current) = &self.session else {
            return Duration::MAX;
        };
        let telling = match (current.told, outgoing.round_trip) {
            (_, None) => Duration::MAX,
            (None, Some(_)) => Duration::ZERO,
            (Some(told), Some(_)) => told + TELLING,
        };
        let idle = telling.min(current.sent + KEEPALIVE);
        if outgoing.is_waiting {
            // A probe a second after the last word heard, and each second after that.
            idle.min((current.heard + PROBE).max(current.sent + PROBE))
        } else {
            idle
        }
    }

    fn begin(&mut self, now: Duration, is_renewal: bool) {
        let ephemeral = self.random.key();
        let begun = Initiation::begin(&self.modem, &self.key, self.boot, self.cookie, ephemeral);
        // NNpsk0 with a key of 32 bytes cannot fail to begin; if it did, the next poll tries again.
        self.attempt = begun.ok().map(|initiation| Attempt {
            initiation,
            tries: 0,
            next: now,
            retried: false,
            is_renewal,
        });
    }
}
