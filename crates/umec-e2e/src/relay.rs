//! A bad network: a UDP relay that loses, doubles, swaps and breaks datagrams on their way.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng};

/// The largest UDP payload.
const LARGEST: usize = 65_535;

/// How long a thread waits for a datagram before it looks after those it holds back.
const TICK: Duration = Duration::from_millis(2);

/// What happens to datagrams: the shares of them, from 0 to 1, in each direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weather {
    /// Vanish.
    pub loss: f64,
    /// Arrive twice.
    pub duplication: f64,
    /// Are held back, so that later ones overtake them.
    pub reordering: f64,
    /// Arrive with a byte changed.
    pub corruption: f64,
    /// How long the slowed ones are held back.
    pub delay: Duration,
}

/// What has happened to datagrams so far, both directions together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Came in.
    pub taken: u64,
    /// Vanished.
    pub lost: u64,
    /// Went out a second time.
    pub doubled: u64,
    /// Were held back.
    pub held: u64,
    /// Went out with a byte changed.
    pub corrupted: u64,
    /// Bytes that came in.
    pub bytes: u64,
}

/// A relay on a loopback port in front of a target.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    stop: AtomicBool,
}

#[derive(Debug)]
struct State {
    weather: Weather,
    target: SocketAddr,
    count: Count,
    /// Rises when all clients shall get a new port towards the target.
    binding: u64,
}

/// One client, and the socket that stands for it towards the target.
struct Client {
    socket: UdpSocket,
    binding: u64,
    up: Direction,
    down: Direction,
}

/// One direction of one client, with its own dice: what befalls it depends on the seed and on nothing else.
struct Direction {
    dice: StdRng,
    held: Vec<(Instant, Vec<u8>)>,
}

// === impl Weather ===

impl Weather {
    /// Everything arrives, in order, once, and whole.
    pub const FAIR: Self = Self {
        loss: 0.0,
        duplication: 0.0,
        reordering: 0.0,
        corruption: 0.0,
        delay: Duration::from_millis(20),
    };

    /// 30 % lost, 10 % doubled, 20 % overtaken, 5 % broken.
    pub const STORM: Self = Self {
        loss: 0.3,
        duplication: 0.1,
        reordering: 0.2,
        corruption: 0.05,
        ..Self::FAIR
    };

    /// Nothing arrives.
    pub const CUT: Self = Self {
        loss: 1.0,
        ..Self::FAIR
    };
}

// === impl Relay ===

impl Relay {
    /// Starts a relay to `target`. The same seed throws the same dice.
    pub fn start(target: SocketAddr, weather: Weather, seed: u64) -> Self {
        let front = listen();
        let address = front.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                weather,
                target,
                count: Count::default(),
                binding: 0,
            }),
            stop: AtomicBool::new(false),
        });
        let inner = Arc::clone(&shared);
        let thread = std::thread::spawn(move || relay(&front, &inner, seed));
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    /// Where clients send to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the weather.
    pub fn set(&self, weather: Weather) {
        self.shared.state().weather = weather;
    }

    /// Changes the target, as when it has come back on another port.
    pub fn aim(&self, target: SocketAddr) {
        self.shared.state().target = target;
    }

    /// Gives every client a new port towards the target, as an address translator does that has forgotten.
    pub fn rebind(&self) {
        self.shared.state().binding += 1;
    }

    /// What has happened so far.
    pub fn count(&self) -> Count {
        self.shared.state().count
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the relay has already been printed.
            drop(thread.join());
        }
    }
}

// === impl Shared ===

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Direction ===

impl Direction {
    fn new(seed: u64) -> Self {
        Self {
            dice: StdRng::seed_from_u64(seed),
            held: Vec::new(),
        }
    }

    /// What of `datagram` goes out now.
    fn pass(&mut self, mut datagram: Vec<u8>, shared: &Shared) -> Vec<Vec<u8>> {
        let mut state = shared.state();
        let weather = state.weather;
        state.count.taken += 1;
        state.count.bytes += datagram.len() as u64;
        if self.dice.random_bool(weather.loss) {
            state.count.lost += 1;
            return Vec::new();
        }
        if self.dice.random_bool(weather.corruption) && !datagram.is_empty() {
            let at = self.dice.random_range(0..datagram.len());
            if let Some(byte) = datagram.get_mut(at) {
                *byte ^= self.dice.random_range(1..=u8::MAX);
            }
            state.count.corrupted += 1;
        }
        let mut out = Vec::new();
        if self.dice.random_bool(weather.duplication) {
            state.count.doubled += 1;
            out.push(datagram.clone());
        }
        if self.dice.random_bool(weather.reordering) {
            state.count.held += 1;
            self.held.push((Instant::now() + weather.delay, datagram));
        } else {
            out.push(datagram);
        }
        out
    }

    /// What has been held back for long enough.
    fn due(&mut self) -> Vec<Vec<u8>> {
        let now = Instant::now();
        self.held
            .extract_if(.., |(until, _)| *until <= now)
            .map(|(_, datagram)| datagram)
            .collect()
    }
}

fn relay(front: &UdpSocket, shared: &Shared, seed: u64) {
    let mut clients: HashMap<SocketAddr, Client> = HashMap::new();
    while !shared.stop.load(Ordering::Relaxed) {
        let (target, binding) = {
            let state = shared.state();
            (state.target, state.binding)
        };
        while let Some((datagram, from)) = receive(front) {
            let nth = clients.len() as u64;
            let client = clients.entry(from).or_insert_with(|| Client {
                socket: listen(),
                binding,
                up: Direction::new(seed.wrapping_add(2 * nth)),
                down: Direction::new(seed.wrapping_add(2 * nth + 1)),
            });
            if client.binding != binding {
                client.socket = listen();
                client.binding = binding;
            }
            for datagram in client.up.pass(datagram, shared) {
                send(&client.socket, &datagram, target);
            }
        }
        for (from, client) in &mut clients {
            for datagram in client.up.due() {
                send(&client.socket, &datagram, target);
            }
            while let Some((datagram, _)) = receive(&client.socket) {
                for datagram in client.down.pass(datagram, shared) {
                    send(front, &datagram, *from);
                }
            }
            for datagram in client.down.due() {
                send(front, &datagram, *from);
            }
        }
        crate::eventually::pause(TICK);
    }
}

fn listen() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket
        .set_nonblocking(true)
        .expect("a socket can be non-blocking");
    socket
}

fn receive(socket: &UdpSocket) -> Option<(Vec<u8>, SocketAddr)> {
    let mut buffer = vec![0; LARGEST];
    loop {
        match socket.recv_from(&mut buffer) {
            Ok((length, from)) => {
                buffer.truncate(length);
                return Some((buffer, from));
            }
            // The target is away, as an earlier datagram was told: that is weather, too.
            Err(e) if e.kind() == ErrorKind::ConnectionRefused => {}
            Err(_) => return None,
        }
    }
}

fn send(socket: &UdpSocket, datagram: &[u8], to: SocketAddr) {
    // A datagram that cannot be sent is a lost one.
    drop(socket.send_to(datagram, to));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::eventually;

    const SOON: Duration = Duration::from_secs(10);

    /// Sends `count` numbered datagrams one way and returns how often each arrived, in the order of arrival.
    fn sent_through(weather: Weather, count: u32) -> (Vec<Vec<u8>>, Count) {
        let target = listen();
        let relay = Relay::start(target.local_addr().unwrap(), weather, 7);
        let client = listen();
        let mut arrived = Vec::new();
        let mut drain = |whole: &dyn Fn(Count, u64) -> bool| {
            eventually(SOON, || {
                while let Some((datagram, _)) = receive(&target) {
                    arrived.push(datagram);
                }
                let count = relay.count();
                if whole(count, arrived.len() as u64) {
                    Ok(())
                } else {
                    Err(count)
                }
            });
        };
        for number in 0..count {
            client
                .send_to(&number.to_be_bytes(), relay.address())
                .unwrap();
            if number % 50 == 49 {
                drain(&|count, _| count.taken > u64::from(number));
            }
        }
        drain(&|count, arrived| arrived == count.taken - count.lost + count.doubled);
        (arrived, relay.count())
    }

    #[test]
    fn in_fair_weather_everything_arrives_in_order() {
        let (arrived, count) = sent_through(Weather::FAIR, 500);
        let sent: Vec<Vec<u8>> = (0_u32..500).map(|n| n.to_be_bytes().to_vec()).collect();
        assert_eq!(arrived, sent);
        assert_eq!(
            count,
            Count {
                taken: 500,
                bytes: 2000,
                ..Count::default()
            }
        );
    }

    #[test]
    fn a_storm_loses_doubles_swaps_and_breaks_the_same_for_the_same_seed() {
        let (arrived, count) = sent_through(Weather::STORM, 1000);
        assert!((250..350).contains(&count.lost), "{count:?}");
        assert!(
            count.doubled > 40 && count.held > 80 && count.corrupted > 20,
            "{count:?}"
        );
        assert!(!arrived.is_sorted());
        let tally = |all: Vec<Vec<u8>>| {
            all.into_iter()
                .fold(BTreeMap::new(), |mut tally, datagram| {
                    *tally.entry(datagram).or_insert(0) += 1;
                    tally
                })
        };
        let (again, recount) = sent_through(Weather::STORM, 1000);
        assert_eq!(count, recount);
        assert_eq!(tally(arrived), tally(again));
    }

    #[test]
    fn answers_find_their_client_and_a_new_port_is_seen_by_the_target() {
        let target = listen();
        let relay = Relay::start(target.local_addr().unwrap(), Weather::FAIR, 1);
        let client = listen();
        let ask = |text: &[u8]| {
            client.send_to(text, relay.address()).unwrap();
            let (got, from) = eventually(SOON, || receive(&target).ok_or("nothing"));
            assert_eq!(got, text);
            target.send_to(b"answer", from).unwrap();
            let (answer, _) = eventually(SOON, || receive(&client).ok_or("no answer"));
            assert_eq!(answer, b"answer");
            from
        };
        let before = ask(b"one");
        relay.rebind();
        assert_ne!(ask(b"two"), before);
    }
}
