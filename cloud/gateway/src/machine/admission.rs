//! Who gets a session: callers that hear at their address, at a bounded rate, in a bounded number.
//!
//! What a stranger costs is one MAC and one short answer, and nothing of him is kept.

use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use umec_wire::uplink::datagram::{Hello, Retry};
use umec_wire::uplink::session::{self, Welcome};
use umec_wire::uplink::{Connection, Datagram, Key, Now};
use umec_wire::{ModemName, NodeName};

use super::modem::Modem;
use super::{Action, Machine};

/// How many sessions may begin, and how many modems there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Handshakes a second. Each takes two multiplications on Curve25519, some 100 µs.
    pub handshakes: u32,
    /// Handshakes a minute of one modem.
    pub of_one: u32,
    /// Modems that are known at a time.
    pub modems: usize,
}

/// Tokens that come back with time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// Full when this moment lies in the past; each token taken moves it on.
    full: Duration,
}

// === impl Admission ===

impl Default for Admission {
    /// A site's 10,000 modems are back 5 s after a restart, and a flood takes a fifth of a core.
    fn default() -> Self {
        Self {
            handshakes: 2_000,
            of_one: 30,
            modems: 100_000,
        }
    }
}

// === impl Bucket ===

impl Bucket {
    pub(super) const fn new() -> Self {
        Self {
            full: Duration::ZERO,
        }
    }

    /// Takes a token of a bucket that holds `size` and is filled within `time`.
    fn take(&mut self, now: Duration, size: u32, time: Duration) -> bool {
        let token = time / size.max(1);
        let full = self.full.max(now) + token;
        let is_there = full <= now + time;
        if is_there {
            self.full = full;
        }
        is_there
    }
}

impl Machine {
    /// Takes a hello. `find` tells the key of a modem and the node for which it speaks; it is asked
    /// only for callers that are let in.
    pub fn hello(
        &mut self,
        now: Now,
        from: SocketAddr,
        hello: &Hello<'_>,
        find: impl FnOnce(&ModemName) -> Option<(Key, NodeName)>,
    ) {
        if !self.hears(now, from, hello) {
            self.counters.no_cookie += 1;
            let retry = Retry {
                echo: hello.echo(),
                cookie: self.cookies.retry(now.wall, from),
            };
            let bytes = Datagram::Retry(retry).encode();
            self.actions.push_back(Action::Send { to: from, bytes });
            return;
        }
        let known = self.modems.get(&hello.modem);
        if let Some(bytes) = known.and_then(|m| m.sessions.answered(hello.noise)) {
            self.actions.push_back(Action::Send { to: from, bytes });
            return;
        }
        if !self.admits(now.steady, &hello.modem) {
            self.counters.not_admitted += 1;
            return;
        }
        match find(&hello.modem) {
            Some((key, node)) => self.answer(now, from, hello, &key, node),
            None => self.counters.wrong_key += 1,
        }
    }

    /// Whether the caller hears at its address: it shows a cookie, or the modem's session is there.
    fn hears(&self, now: Now, from: SocketAddr, hello: &Hello<'_>) -> bool {
        if let Some(cookie) = &hello.cookie
            && self.cookies.check(now.wall, from, &hello.modem, cookie)
        {
            return true;
        }
        // A modem that has restarted calls from another port of the address at which it was heard.
        let proven = self.modems.get(&hello.modem);
        let proven = proven.and_then(|modem| modem.sessions.proven());
        proven.is_some_and(|proven| proven.address.ip() == from.ip())
    }

    fn admits(&mut self, now: Duration, name: &ModemName) -> bool {
        let Admission {
            handshakes,
            of_one,
            modems,
        } = self.admission;
        let is_full = self.modems.len() >= modems;
        let has_its_share = match self.modems.get_mut(name) {
            Some(modem) => modem.calls.take(now, of_one, Duration::from_mins(1)),
            None => !is_full,
        };
        has_its_share && self.calls.take(now, handshakes, Duration::from_secs(1))
    }

    fn answer(&mut self, now: Now, from: SocketAddr, hello: &Hello<'_>, key: &Key, node: NodeName) {
        let name = hello.modem.clone();
        let welcome = Welcome {
            connection: self.free_connection(),
            node: node.clone(),
            gateway: self.boot,
            resumption: self.cookies.resumption(now.wall, from.ip(), &name),
        };
        let ephemeral = self.random.random();
        let Ok((session, bytes, boot)) = session::answer(hello, key, &welcome, ephemeral) else {
            self.counters.wrong_key += 1;
            return;
        };
        let modem = self
            .modems
            .entry(name.clone())
            .or_insert_with(|| Modem::new(node.clone()));
        modem.node = node;
        let gone =
            modem
                .sessions
                .candidate(now.steady, from, session, boot, hello.noise, bytes.clone());
        if let Some(gone) = gone {
            self.connections.remove(&gone);
        }
        self.connections.insert(welcome.connection, name);
        self.actions.push_back(Action::Send { to: from, bytes });
    }

    fn free_connection(&mut self) -> Connection {
        loop {
            let connection = Connection(self.random.random());
            if !self.connections.contains_key(&connection) {
                return connection;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_as_much_as_flows_in() {
        let mut bucket = Bucket::new();
        let second = Duration::from_secs(1);
        let mut taken = |at: u64| {
            let now = Duration::from_millis(at);
            (0..100).filter(|_| bucket.take(now, 10, second)).count()
        };
        assert_eq!(taken(0), 10);
        assert_eq!(taken(500), 5);
        assert_eq!(taken(10_000), 10);
    }
}
