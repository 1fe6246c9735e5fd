//! Lines that are being played, and the handle on them.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, debug, info_span, warn};
use umec_spec::settings::modbus::Table;
use umec_spec::settings::modbus_line::{Fault, ModbusLineSettings, Offer};

use crate::config::{self, ConfigError};
use crate::converse::{Pace, Shared, Take, converse};
use crate::frame;
use crate::line::{Line, LineUse};
use crate::pty::Pty;

/// Lines that are being played until this is dropped.
#[derive(Debug)]
pub struct Running {
    /// The lines, in the order of the settings.
    pub lines: Vec<RunningLine>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

/// One line that is being played.
#[derive(Debug, Clone)]
pub struct RunningLine {
    /// Where it is.
    pub place: Place,
    shared: Arc<Shared>,
}

/// Where a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A link to a pseudo-terminal.
    Serial(PathBuf),
}

/// Why a line cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings contradict themselves.
    #[error("the settings")]
    Config(#[from] ConfigError),
    /// The port is not to be had.
    #[error("cannot listen on {listen}")]
    Listen {
        /// `host:port`
        listen: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The pseudo-terminal is not to be had.
    #[error("cannot offer a serial line at {}", link.display())]
    Serial {
        /// Where its link should be.
        link: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file for the address cannot be written.
    #[error("cannot write the address to {}", file.display())]
    AddressFile {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Starts all lines; on return they answer.
pub async fn start(settings: &ModbusLineSettings) -> Result<Running, StartError> {
    config::check(settings)?;
    let mut running = Running {
        lines: Vec::new(),
        stop: CancellationToken::new(),
        tracker: TaskTracker::new(),
    };
    for line in &settings.lines {
        let shared = Arc::new(Shared {
            line: Mutex::new(Line::new(&line.units)),
            begin: Instant::now(),
        });
        let place = running.offer(&line.offer, &shared).await?;
        running.lines.push(RunningLine { place, shared });
    }
    Ok(running)
}

// === impl Running ===

impl Running {
    async fn offer(&self, offer: &Offer, shared: &Arc<Shared>) -> Result<Place, StartError> {
        let (listen, address_file, take): (_, _, Take) = match offer {
            Offer::Tcp {
                listen,
                address_file,
            } => (listen, address_file, frame::take_tcp),
            Offer::RtuOverTcp {
                listen,
                address_file,
            } => (listen, address_file, frame::take_rtu),
            Offer::Serial {
                link, baud, paced, ..
            } => {
                let pace = paced.then(|| Pace::new(*baud));
                let wrong = |source| StartError::Serial {
                    link: link.clone(),
                    source,
                };
                let pty = Pty::open(link).map_err(wrong)?;
                let playing = play(pty, link.clone(), Arc::clone(shared), pace);
                self.spawn(playing.instrument(info_span!("line", link = %link.display())));
                return Ok(Place::Serial(link.clone()));
            }
        };
        let refused = |source| StartError::Listen {
            listen: listen.clone(),
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        if let Some(file) = address_file {
            let failed = |source| StartError::AddressFile {
                file: file.clone(),
                source,
            };
            umec_sdk::write_address(file, address).map_err(failed)?;
        }
        let accepting = self
            .clone_for_task()
            .accept(listener, take, Arc::clone(shared));
        self.spawn(accepting.instrument(info_span!("line", %address)));
        Ok(Place::Tcp(address))
    }

    fn clone_for_task(&self) -> Accepting {
        Accepting {
            stop: self.stop.clone(),
            tracker: self.tracker.clone(),
        }
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker
            .spawn(async move { stop.run_until_cancelled_owned(future).await });
    }

    /// Ends all lines and waits until they have.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

// === impl RunningLine ===

impl RunningLine {
    /// Replaces the faults of a unit; their count of requests begins anew.
    pub fn afflict(&self, unit: u8, faults: Vec<Fault>) {
        self.line().afflict(unit, faults);
    }

    /// How long the line has been played: the time that its waves go by.
    pub fn elapsed(&self) -> Duration {
        self.shared.begin.elapsed()
    }

    /// What a unit shows in these registers `at` a time since the start; nothing for strange addresses.
    pub fn show(
        &self,
        unit: u8,
        table: Table,
        address: u16,
        count: u16,
        at: Duration,
    ) -> Option<Vec<u16>> {
        self.line().show(unit, table, address, count, at)
    }

    /// What happened on the line so far.
    pub fn counted(&self) -> LineUse {
        self.line().counted
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Line> {
        self.shared
            .line
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the task that accepts connections needs of [`Running`].
#[derive(Debug)]
struct Accepting {
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Accepting {
    async fn accept(self, listener: TcpListener, take: Take, shared: Arc<Shared>) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let talk = talk(stream, take, Arc::clone(&shared));
                    let talk = talk.instrument(info_span!("connection", %peer));
                    let stop = self.stop.clone();
                    self.tracker
                        .spawn(async move { stop.run_until_cancelled_owned(talk).await });
                }
                Err(error) => warn!(%error, "a connection could not be accepted"),
            }
        }
    }
}

async fn talk(stream: TcpStream, take: Take, shared: Arc<Shared>) {
    let talked = match stream.set_nodelay(true) {
        Ok(()) => converse(stream, take, shared, None).await,
        Err(error) => Err(error),
    };
    if let Err(error) = talked {
        debug!(%error, "a connection ended");
    }
}

/// Plays a serial line; one that hangs up is plugged in again.
async fn play(mut pty: Pty, link: PathBuf, shared: Arc<Shared>, pace: Option<Pace>) {
    loop {
        if let Err(error) = converse(pty, frame::take_rtu, Arc::clone(&shared), pace).await {
            warn!(%error, "the serial line failed");
        }
        pty = match Pty::open(&link) {
            Ok(pty) => pty,
            Err(error) => return warn!(%error, "the serial line cannot be offered again"),
        };
    }
}
