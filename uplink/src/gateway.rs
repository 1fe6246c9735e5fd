//! Where the gateway is: its name looked up, and looked up again when it does not answer.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};
use tokio::sync::mpsc;
use tracing::{info_span, warn};
use umec_sdk::{Tasks, chain};

/// The socket towards the gateway. Until the name was found there is none.
#[derive(Debug)]
pub(crate) struct Gateway {
    name: String,
    tasks: Tasks,
    found: mpsc::Receiver<Vec<SocketAddr>>,
    finder: mpsc::Sender<Vec<SocketAddr>>,
    is_looking: bool,
    place: Option<(UdpSocket, SocketAddr)>,
}

/// How long an answer of the resolver may take.
const ANSWER: Duration = Duration::from_secs(5);

/// The pause after a name was not found.
const PAUSE: Duration = Duration::from_secs(2);

/// What can happen on the way to the gateway.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A datagram of this length is in the buffer.
    Datagram(usize),
    /// Its address is known, or has changed.
    Found(SocketAddr),
}

// === impl Gateway ===

impl Gateway {
    pub(crate) fn new(name: String, tasks: Tasks) -> Self {
        let (finder, found) = mpsc::channel(1);
        let mut gateway = Self {
            name,
            tasks,
            found,
            finder,
            is_looking: false,
            place: None,
        };
        gateway.resolve();
        gateway
    }

    /// The address in use.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.place.as_ref().map(|(_, address)| *address)
    }

    /// Looks the name up, unless that is being done.
    pub(crate) fn resolve(&mut self) {
        if std::mem::replace(&mut self.is_looking, true) {
            return;
        }
        let (name, finder, tasks) = (self.name.clone(), self.finder.clone(), self.tasks.clone());
        let looking = async move {
            tokio::select! {
                addresses = look_up(&name) => drop(finder.send(addresses).await),
                () = tasks.stopped() => {}
            }
        };
        drop(self.tasks.spawn(info_span!("resolver"), looking));
    }

    /// Sends a datagram, or loses it.
    pub(crate) fn send(&self, bytes: &[u8]) {
        if let Some((socket, address)) = &self.place {
            // What the kernel does not take is lost, like any datagram on its way.
            drop(socket.try_send_to(bytes, *address));
        }
    }

    /// Waits for what comes next. Cancel safe: a datagram is taken as the last step.
    pub(crate) async fn next(&mut self, buffer: &mut [u8]) -> std::io::Result<Arrival> {
        tokio::select! {
            Some(addresses) = self.found.recv() => self.move_to(&addresses),
            length = receive(self.place.as_ref(), buffer) => Ok(Arrival::Datagram(length)),
        }
    }

    /// A datagram that is there already.
    pub(crate) fn ready(&self, buffer: &mut [u8]) -> Option<usize> {
        let (socket, _) = self.place.as_ref()?;
        socket.try_recv_from(buffer).ok().map(|(length, _)| length)
    }

    fn move_to(&mut self, addresses: &[SocketAddr]) -> std::io::Result<Arrival> {
        self.is_looking = false;
        let known = self.address();
        // An address that is still among those found is kept.
        let address = known.filter(|known| addresses.contains(known));
        let Some(address) = address.or_else(|| addresses.first().copied()) else {
            return Err(std::io::ErrorKind::NotFound.into());
        };
        let fits = |socket: &UdpSocket| {
            let local = socket.local_addr();
            local.is_ok_and(|local| local.is_ipv4() == address.is_ipv4())
        };
        self.place = match self.place.take().filter(|(socket, _)| fits(socket)) {
            Some((socket, _)) => Some((socket, address)),
            None => Some((bind(address)?, address)),
        };
        Ok(Arrival::Found(address))
    }
}

fn bind(towards: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: SocketAddr = match towards {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = std::net::UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

async fn receive(place: Option<&(UdpSocket, SocketAddr)>, buffer: &mut [u8]) -> usize {
    let Some((socket, _)) = place else {
        return std::future::pending().await;
    };
    loop {
        // An error of a socket without a peer is an ICMP message about some datagram: weather.
        if let Ok((length, _)) = socket.recv_from(buffer).await {
            return length;
        }
    }
}

/// Looks a name up until it is found.
pub(crate) async fn look_up(name: &str) -> Vec<SocketAddr> {
    let mut was_told = false;
    loop {
        let error = match tokio::time::timeout(ANSWER, lookup_host(name)).await {
            Ok(Ok(addresses)) => {
                let addresses: Vec<_> = addresses.collect();
                if !addresses.is_empty() {
                    return addresses;
                }
                "no address".to_owned()
            }
            Ok(Err(error)) => chain(&error),
            Err(error) => chain(&error),
        };
        if !std::mem::replace(&mut was_told, true) {
            warn!(address = name, error, "the gateway's name is not found");
        }
        tokio::time::sleep(PAUSE).await;
    }
}
