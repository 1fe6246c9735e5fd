//! The original modem: it sends values, and answers when it is told to switch.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Moment, data};

/// Every request is granted.
pub const NACK_NEVER: usize = usize::MAX;

/// How soon the modem notices that it is to end.
const LOOK: Duration = Duration::from_millis(20);

/// A modem at a port of its own. It ends when this is dropped.
#[derive(Debug)]
pub struct Modem {
    socket: UdpSocket,
    server: SocketAddr,
    told: Arc<Mutex<Vec<u8>>>,
    is_over: Arc<AtomicBool>,
    answering: Option<JoinHandle<()>>,
}

// === impl Modem ===

impl Modem {
    /// Starts a modem that answers after `delay`, and refuses every request whose number is a multiple of
    /// `nack_each`.
    pub fn start(server: SocketAddr, delay: Duration, nack_each: usize) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.set_read_timeout(Some(LOOK)).expect("a timeout");
        let told = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let own = socket.try_clone().expect("a second handle");
        let (notes, over) = (Arc::clone(&told), Arc::clone(&is_over));
        let answering = std::thread::spawn(move || {
            let mut in_force = 0x0f;
            let mut buffer = [0; 1024];
            while !over.load(Ordering::Relaxed) {
                let Ok((2, from)) = own.recv_from(&mut buffer) else {
                    continue;
                };
                let [0x10, wanted] = buffer[..2] else {
                    continue;
                };
                let count = {
                    let mut notes = notes.lock().expect("no holder panics");
                    notes.push(wanted >> 4);
                    notes.len()
                };
                #[expect(clippy::disallowed_methods, reason = "the card takes its time")]
                std::thread::sleep(delay);
                let status = u8::from(count.is_multiple_of(nack_each));
                if status == 0 {
                    in_force = wanted >> 4;
                }
                // What does not go out is lost, as on any network.
                drop(own.send_to(&[0x11, status << 4 | in_force], from));
            }
        });
        Self {
            socket,
            server,
            told,
            is_over,
            answering: Some(answering),
        }
    }

    /// Where it sends from.
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket")
    }

    /// Sends a value.
    pub fn send(&self, device: u32, moment: Moment, value: i32) {
        self.send_raw(&data(device, moment, value));
    }

    /// Sends bytes.
    pub fn send_raw(&self, bytes: &[u8]) {
        let sent = self.socket.send_to(bytes, self.server);
        assert_eq!(sent.expect("loopback takes it"), bytes.len());
    }

    /// The numbers of the carriers that it was told to switch to.
    pub fn told(&self) -> Vec<u8> {
        self.told.lock().expect("no holder panics").clone()
    }
}

impl Drop for Modem {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(answering) = self.answering.take() {
            // A panic in it has failed the test already.
            drop(answering.join());
        }
    }
}
