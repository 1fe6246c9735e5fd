//! Cookies: what a modem returns to show that it hears at the address from which it calls.
//!
//! The gateway makes them of a secret, the address and the time, and keeps none: whoever returns one
//! has received it, and until then nothing is remembered of him and nothing is computed for him but
//! one MAC. There are two kinds:
//!
//! | first byte | kind | bound to | dies |
//! |---|---|---|---|
//! | `00`, `01` | retry | address, port | with its slot of 30 s or the next |
//! | `80`, `81` | resumption | address, modem | with its slot of a day or the next |
//!
//! The lowest bit of the first byte is that of the slot's number, so that checking takes one MAC. The
//! other 16 bytes are HMAC-BLAKE2s (RFC 2104, RFC 7693), cut, over first byte, slot, address and
//! port or name. The slot is part of what is authenticated: that is how the key rotates.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use snow::params::HashChoice;
use snow::resolvers::{CryptoResolver as _, DefaultResolver};

use crate::label::ModemName;
use crate::time::Timestamp;

/// What the gateway hands out and wants back.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cookie(pub [u8; SIZE]);

/// The bytes of a cookie.
pub const SIZE: usize = 17;

/// The secret of which cookies are made. Gateways behind one address share it.
#[derive(Clone)]
pub struct Cookies {
    secret: [u8; 32],
}

/// How long a slot of a retry cookie is: it is good for one to two of them.
const RETRY: Duration = Duration::from_secs(30);

/// How long a slot of a resumption cookie is. A session is renewed every hour and brings a new one.
const RESUMPTION: Duration = Duration::from_hours(24);

/// Marks the resumption cookie.
const RESUMES: u8 = 0x80;

// === impl Cookies ===

impl Cookies {
    /// Cookies of this secret.
    pub const fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// The cookie for a caller of whom nothing is known.
    pub fn retry(&self, now: Timestamp, from: SocketAddr) -> Cookie {
        let slot = slot(now, RETRY);
        self.make(parity(slot), slot, from.ip(), &from.port().to_be_bytes())
    }

    /// The cookie with which a modem asks for its next session in one round trip.
    pub fn resumption(&self, now: Timestamp, from: IpAddr, modem: &ModemName) -> Cookie {
        let slot = slot(now, RESUMPTION);
        let name = modem.as_str().as_bytes();
        self.make(RESUMES | parity(slot), slot, from, name)
    }

    /// Whether a cookie shows that `modem` hears at `from`.
    pub fn check(
        &self,
        now: Timestamp,
        from: SocketAddr,
        modem: &ModemName,
        cookie: &Cookie,
    ) -> bool {
        let first = cookie.0[0];
        let resumes = first & RESUMES != 0;
        let present = slot(now, if resumes { RESUMPTION } else { RETRY });
        let slot = if parity(present) == first & 1 {
            present
        } else {
            present.saturating_sub(1)
        };
        let port = from.port().to_be_bytes();
        let bound: &[u8] = if resumes {
            modem.as_str().as_bytes()
        } else {
            &port
        };
        let expected = self.make(first, slot, from.ip(), bound);
        // Looks at every byte, so that the time tells nothing.
        let pairs = expected.0.iter().zip(&cookie.0);
        pairs.fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }

    fn make(&self, first: u8, slot: i64, from: IpAddr, bound: &[u8]) -> Cookie {
        // An IPv4 caller on a socket of both families is the same caller.
        let address = match from {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let said = [&[first][..], &slot.to_be_bytes(), &address.octets(), bound].concat();
        let mut cookie = [0; SIZE];
        let mut mac = [0; 32];
        let hash = DefaultResolver.resolve_hash(&HashChoice::Blake2s);
        let mut hash = hash.expect("the handshake needs the same hash");
        hash.hmac(&self.secret, &said, &mut mac);
        for (to, from) in cookie.iter_mut().zip([first].iter().chain(&mac)) {
            *to = *from;
        }
        Cookie(cookie)
    }
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookies(…)")
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cookie({})", data_encoding::HEXLOWER.encode(&self.0))
    }
}

fn slot(now: Timestamp, length: Duration) -> i64 {
    let length = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
    now.as_micros().div_euclid(length)
}

fn parity(slot: i64) -> u8 {
    u8::from(slot.rem_euclid(2) == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies() -> Cookies {
        Cookies::new([3; 32])
    }

    fn modem(name: &str) -> ModemName {
        ModemName::new(name).unwrap()
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000).saturating_add(Duration::from_secs(seconds))
    }

    #[test]
    fn a_retry_cookie_is_good_at_its_address_and_port_for_a_minute_at_most() {
        let from: SocketAddr = "192.0.2.1:4000".parse().unwrap();
        let cookie = cookies().retry(at(0), from);
        let check = |seconds, from: &str, cookie: &Cookie| {
            cookies().check(at(seconds), from.parse().unwrap(), &modem("a"), cookie)
        };
        assert!(check(0, "192.0.2.1:4000", &cookie));
        assert!(check(31, "192.0.2.1:4000", &cookie));
        assert!(check(0, "[::ffff:192.0.2.1]:4000", &cookie));
        assert!(!check(61, "192.0.2.1:4000", &cookie));
        assert!(!check(0, "192.0.2.1:4001", &cookie));
        assert!(!check(0, "192.0.2.2:4000", &cookie));
        for place in 0..SIZE {
            let mut flipped = cookie;
            flipped.0[place] ^= 1;
            assert!(!check(0, "192.0.2.1:4000", &flipped), "byte {place}");
        }
        assert!(!Cookies::new([4; 32]).check(at(0), from, &modem("a"), &cookie));
    }

    #[test]
    fn a_resumption_cookie_is_good_for_its_modem_at_any_port_for_a_day() {
        let from: SocketAddr = "192.0.2.1:4000".parse().unwrap();
        let cookie = cookies().resumption(at(0), from.ip(), &modem("a"));
        let check = |hours: u64, from: &str, name: &str| {
            let now = at(hours * 3_600);
            cookies().check(now, from.parse().unwrap(), &modem(name), &cookie)
        };
        assert!(check(0, "192.0.2.1:4000", "a"));
        assert!(check(24, "192.0.2.1:9999", "a"));
        assert!(!check(48, "192.0.2.1:4000", "a"));
        assert!(!check(0, "192.0.2.1:4000", "b"));
        assert!(!check(0, "192.0.2.2:4000", "a"));
    }
}
