//! The original server: whoever sent last is the modem, each packet is flushed to Kafka on its own, and a
//! packet that it does not understand ends it for ever.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::CARRIERS;

/// What takes a record: topic and value. It returns when Kafka has it.
pub type Sink = Box<dyn FnMut(&str, &str) + Send>;

/// How soon the server notices that it is to end.
const LOOK: Duration = Duration::from_millis(20);

/// A server at a port of its own. It ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    socket: UdpSocket,
    modem: Arc<Mutex<SocketAddr>>,
    is_over: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

// === impl Server ===

impl Server {
    /// Starts a server.
    pub fn start(mut sink: Sink) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.set_read_timeout(Some(LOOK)).expect("a timeout");
        // Before it has heard anybody it sends to a port of its own machine, where nobody is.
        let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
        let modem = Arc::new(Mutex::new(nobody));
        let is_over = Arc::new(AtomicBool::new(false));
        let own = socket.try_clone().expect("a second handle");
        let (last, over) = (Arc::clone(&modem), Arc::clone(&is_over));
        let serving = std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            while !over.load(Ordering::Relaxed) {
                let Ok((length, from)) = own.recv_from(&mut buffer) else {
                    continue;
                };
                *last.lock().expect("no holder panics") = from;
                take(&buffer[..length], &mut sink);
            }
        });
        Self {
            socket,
            modem,
            is_over,
            serving: Some(serving),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket")
    }

    /// Tells the modem, or whoever sent last, to switch to a carrier, by its number.
    pub fn perform(&self, carrier: u8) {
        let to = *self.modem.lock().expect("no holder panics");
        let sent = self.socket.send_to(&[0x10, carrier << 4], to);
        assert_eq!(sent.expect("loopback takes it"), 2);
    }

    /// Whether its receiving thread lives.
    pub fn is_alive(&self) -> bool {
        self.serving.as_ref().is_some_and(|s| !s.is_finished())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(serving) = self.serving.take() {
            // Its death is what `is_alive` tells.
            drop(serving.join());
        }
    }
}

/// What it makes of a packet; it dies of a wrong one.
fn take(bytes: &[u8], sink: &mut Sink) {
    match *bytes {
        [0x11, byte] => {
            let status = ["ACK", "NACK"][usize::from(byte >> 4)];
            let carrier = CARRIERS.iter().find(|(number, _)| *number == byte & 0x0f);
            let (_, carrier) = carrier.expect("a carrier that it knows");
            sink(
                "carrier-switch-ack",
                &format!(r#"{{"status": "{status}", "carrier": "{carrier}"}}"#),
            );
        }
        [0x00, ..] => {
            let device: [u8; 4] = bytes[1..5].try_into().expect("four bytes");
            let time: [u8; 8] = bytes[5..13].try_into().expect("eight bytes");
            let length = usize::from(bytes[13]);
            assert_eq!(bytes.len(), 14 + length, "it checks by assertion");
            let value: [u8; 4] = bytes[14..].try_into().expect("senders use four bytes");
            let (time, value) = (iso(u64::from_be_bytes(time)), i32::from_be_bytes(value));
            let name = match u32::from_be_bytes(device) {
                1 => "imu",
                2 => "gyro",
                3 => "temp",
                _ => "unknown",
            };
            let own = format!(r#"{{"timestamp": "{time}", "data": {value}}}"#);
            sink(name, &own);
            let grafana = format!(r#"{{"{name}": {value}}}"#);
            sink(&format!("{name}-grafana"), &grafana);
        }
        _ => crate::fail(&format!("the original dies of {bytes:02x?}")),
    }
}

/// A packed time as Python's `isoformat` writes it.
fn iso(word: u64) -> String {
    assert_eq!(word >> 60, 0b0101, "date and time in microseconds");
    let part = |shift: u32, width: u32| (word >> shift) & ((1 << width) - 1);
    let (year, month, day) = (part(48, 12), part(44, 4) + 1, part(39, 5) + 1);
    let (hour, minute, second) = (part(34, 5), part(28, 6), part(22, 6));
    let whole = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    match part(2, 20) {
        0 => whole,
        micros => format!("{whole}.{micros:06}"),
    }
}
