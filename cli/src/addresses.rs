//! Where the faces of processes are: read from the files that they write, kept so that a later run finds
//! them at the same ports.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

use crate::state::{Layout, write_shared};

/// A face of a process, such as the one at which the edge API serves HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Face {
    /// The process.
    pub process: String,
    /// Which of its faces.
    pub face: String,
}

/// The addresses that are in use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    known: BTreeMap<Face, SocketAddr>,
    kept: BTreeMap<String, SocketAddr>,
}

/// The protocol of a face, for asking whether its port is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// What an address is to whoever learns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Nothing new.
    Known,
    /// The face is served, where it was before if it was.
    Found,
    /// The face is served somewhere else than here, where it was before.
    Moved(SocketAddr),
}

// === impl Face ===

impl Face {
    /// A face of a process.
    pub fn new(process: &str, face: &str) -> Self {
        Self {
            process: process.to_owned(),
            face: face.to_owned(),
        }
    }

    fn key(&self) -> String {
        format!("{}.{}", self.process, self.face)
    }
}

// === impl Addresses ===

impl Addresses {
    /// The addresses that an earlier run has kept.
    pub fn load(layout: &Layout) -> Self {
        // Without them, or with spoilt ones, other ports are taken: no harm is done.
        let text = fs::read_to_string(layout.ports()).unwrap_or_default();
        Self {
            known: BTreeMap::new(),
            kept: serde_json::from_str(&text).unwrap_or_default(),
        }
    }

    /// Keeps the addresses for a later run.
    pub fn save(&self, layout: &Layout) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(&self.kept)?;
        write_shared(&layout.ports(), &text)
    }

    /// The address at which a face is served now.
    pub fn of(&self, face: &Face) -> Option<SocketAddr> {
        self.known.get(face).copied()
    }

    /// The address to listen at: the one of before where it is free, else any port of this machine alone.
    pub fn wish(&self, face: &Face, carrier: Carrier) -> SocketAddr {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let before = self.kept.get(&face.key()).copied();
        let before = before.filter(|address| match carrier {
            Carrier::Tcp => TcpListener::bind(address).is_ok(),
            Carrier::Udp => UdpSocket::bind(address).is_ok(),
        });
        before.unwrap_or(any)
    }

    /// Takes an address, and tells whether it is news.
    pub fn learn(&mut self, face: Face, address: SocketAddr) -> News {
        let before = self.kept.insert(face.key(), address);
        if self.known.insert(face, address) == Some(address) {
            return News::Known;
        }
        match before.filter(|before| *before != address) {
            Some(before) => News::Moved(before),
            None => News::Found,
        }
    }

    /// Forgets that a process has faces, as it is about to start.
    pub fn forget(&mut self, process: &str) {
        self.known.retain(|face, _| face.process != process);
    }
}

/// Reads an address that a process has written, where it has.
pub fn read(file: &Path) -> Option<SocketAddr> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StateFolder;

    #[test]
    fn an_address_is_used_again_unless_somebody_else_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(folder.path()).unwrap();
        let face = Face::new("edge-api", "http");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut addresses = Addresses::load(&state.layout);
        assert_eq!(addresses.wish(&face, Carrier::Tcp).port(), 0);
        assert_eq!(addresses.learn(face.clone(), address), News::Found);
        assert_eq!(addresses.learn(face.clone(), address), News::Known);
        addresses.save(&state.layout).unwrap();
        let again = Addresses::load(&state.layout);
        assert_eq!(again.of(&face), None);
        assert_eq!(again.wish(&face, Carrier::Tcp).port(), 0);
        drop(listener);
        assert_eq!(again.wish(&face, Carrier::Tcp), address);
        let mut moved = again;
        let elsewhere = SocketAddr::from(([127, 0, 0, 1], 1));
        assert_eq!(moved.learn(face, elsewhere), News::Moved(address));
    }
}
