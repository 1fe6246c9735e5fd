//! A store that found its disk full takes messages again when there is room.
//!
//! nats-server (2.15) keeps the first failed write of a stream in mind and stores nothing more, also when
//! there is room again, until it has opened the stream anew. It does that when it starts, and when its
//! store is closed and opened by two changes of its configuration, which clients do not even notice.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::statvfs::statvfs;
use reqwest::Client;
use serde::Deserialize;
use umec_spec::plan::BusPlan;

use super::probe;
use super::run::{Asked, Running};
use super::service::{CLIENT, MONITOR, NATS, Role};
use crate::addresses::Face;
use crate::http;
use crate::identity::ProcessIdentity;
use crate::state::write_private;
use crate::supervisor::{Moment, PartId};

/// What the system says of a full disk (`ENOSPC`), in nats-server's words.
const FULL: &str = "no space left on device";

/// How much room is worth trying again for: some thousand messages.
const ENOUGH: u64 = 1 << 20;

/// The time between two attempts: a disk on which room comes and goes costs no more than this.
const PAUSE: Duration = Duration::from_mins(1);

/// How long a store may take to close or to open: a gibibyte opens within seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is asked meanwhile.
const ASK: Duration = Duration::from_millis(20);

/// What is done about a store that found its disk full; pure.
#[derive(Debug, Default)]
pub(super) struct Mending {
    /// What was done last, unless it has helped.
    tried: Option<Cure>,
    /// Before then nothing is done.
    again: Moment,
}

/// What lets a store take messages again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cure {
    /// The server opens its store anew; connections stay.
    Reopen,
    /// The server itself is started anew.
    Restart,
}

/// A server that is to open its store anew.
#[derive(Debug)]
pub(super) struct Reopening {
    client: SocketAddr,
    monitor: SocketAddr,
    config: PathBuf,
    process: ProcessIdentity,
}

/// How the store is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Closed,
    Open,
}

/// What nats-server's `/jsz` tells.
#[derive(Debug, Deserialize)]
struct Store {
    #[serde(default)]
    disabled: bool,
}

// === impl Mending ===

impl Mending {
    /// What is to be done about a store that found its disk full, of which `room` bytes are free.
    fn due(&mut self, room: u64, now: Moment) -> Option<Cure> {
        if room < ENOUGH || now < self.again {
            return None;
        }
        let cure = match self.tried {
            None => Cure::Reopen,
            Some(_) => Cure::Restart,
        };
        self.tried = Some(cure);
        self.again = now + PAUSE;
        Some(cure)
    }

    /// The store is well.
    fn well(&mut self) {
        self.tried = None;
    }
}

// === impl Running ===

impl Running {
    /// Takes how a process is. Where it is the bus on a full disk, sees to it that it goes on when there is
    /// room, and tells what is done.
    pub(super) fn mend(&mut self, id: PartId, health: Result<(), String>) -> Result<(), String> {
        let service = self.mission.services.get(id.0);
        if service.is_none_or(|(service, _)| service.role != Role::Nats) {
            return health;
        }
        let reason = match health {
            Ok(()) => {
                self.mending.well();
                return Ok(());
            }
            Err(reason) => reason,
        };
        if !reason.contains(FULL) {
            return Err(reason);
        }
        let store = self.mission.folder.layout.nats();
        let room = room(&store);
        let told = match self.mending.due(room, self.began.elapsed()) {
            Some(Cure::Reopen) if self.reopen(id) => {
                "there is room on the disk again: the store is opened anew".to_owned()
            }
            Some(_) => {
                self.children.signal(id, Signal::SIGTERM);
                "there is room on the disk again: nats-server is started anew".to_owned()
            }
            None if room < ENOUGH => format!(
                "the disk is full: nothing is stored until {} has room, and what is stored stays ({reason})",
                store.display()
            ),
            None => format!("there is room on the disk again: the store is tried soon ({reason})"),
        };
        Err(told)
    }

    fn reopen(&mut self, id: PartId) -> bool {
        let of = |face| self.addresses.of(&Face::new(NATS, face));
        let (Some(client), Some(monitor)) = (of(CLIENT), of(MONITOR)) else {
            return false;
        };
        let Some(process) = self.children.identity(id) else {
            return false;
        };
        let config = self.mission.folder.layout.config(NATS, "conf");
        self.asked.insert(id, Asked::Waiting);
        self.inquiries.reopen(
            id,
            Reopening {
                client,
                monitor,
                config,
                process,
            },
        );
        true
    }
}

/// How many bytes may still be written where `folder` lies; 0 where that cannot be told.
fn room(folder: &Path) -> u64 {
    statvfs(folder).map_or(0, |disk| {
        wide(disk.blocks_available()).saturating_mul(wide(disk.fragment_size()))
    })
}

/// A count of the system's, which has 32 bits on small machines.
fn wide(count: impl Into<u64>) -> u64 {
    count.into()
}

// === impl Reopening ===

impl Reopening {
    /// Closes the store and opens it; tells how the bus is then.
    pub(super) async fn run(self, client: &Client) -> Result<(), String> {
        let open = fs::read_to_string(&self.config).map_err(|error| self.cannot(&error))?;
        let closed = BusPlan::with_store_closed(&open);
        let closed = self.read_anew(client, &closed, Wanted::Closed).await;
        // Also after a failure the configuration has to be one with a store.
        let opened = self.read_anew(client, &open, Wanted::Open).await;
        closed.and(opened)?;
        probe::bus(client, self.client, Some(self.monitor)).await
    }

    /// Lets the server read `config`, and waits until its store is as that says.
    async fn read_anew(&self, client: &Client, config: &str, wanted: Wanted) -> Result<(), String> {
        write_private(&self.config, config.as_bytes()).map_err(|error| self.cannot(&error))?;
        self.process.signal(Signal::SIGHUP);
        let turned = async {
            while state(client, self.monitor).await != Some(wanted) {
                tokio::time::sleep(ASK).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, turned).await;
        in_time.map_err(|_| format!("the store is not {wanted:?} within {PATIENCE:?}"))
    }

    fn cannot(&self, error: &std::io::Error) -> String {
        format!("{}: {error}", self.config.display())
    }
}

/// How the store is; `None` where that is not told.
async fn state(client: &Client, monitor: SocketAddr) -> Option<Wanted> {
    let asked = http::text(client, &format!("http://{monitor}/jsz")).await;
    let (_, text) = asked.ok()?;
    let store: Store = serde_json::from_str(&text).ok()?;
    Some(if store.disabled {
        Wanted::Closed
    } else {
        Wanted::Open
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_tried_when_there_is_room_at_most_once_a_minute_and_gently_first() {
        let mut mending = Mending::default();
        let mut now = Duration::from_secs(100);
        assert_eq!(mending.due(ENOUGH - 1, now), None);
        assert_eq!(mending.due(ENOUGH, now), Some(Cure::Reopen));
        now += PAUSE / 2;
        assert_eq!(mending.due(u64::MAX, now), None);
        now += PAUSE / 2;
        assert_eq!(mending.due(u64::MAX, now), Some(Cure::Restart));
        now += PAUSE;
        assert_eq!(mending.due(u64::MAX, now), Some(Cure::Restart));
        // What has helped is tried first the next time.
        mending.well();
        now += PAUSE / 2;
        assert_eq!(mending.due(u64::MAX, now), None);
        now += PAUSE / 2;
        assert_eq!(mending.due(u64::MAX, now), Some(Cure::Reopen));
    }

    #[test]
    fn the_room_of_a_folder_is_told_and_of_none_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(room(folder.path()) > 0);
        assert_eq!(room(&folder.path().join("absent")), 0);
    }
}
