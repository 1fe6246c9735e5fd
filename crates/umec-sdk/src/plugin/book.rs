//! The book of commands of a process: the ledger in memory, and the journal from which a later run knows it.
//!
//! Before a device is written to, the journal has on the disk that it begins; before a result is told, that it has
//! ended. What cannot be noted down is not begun. The disk is asked from threads of its own and with a deadline.

mod journal;
mod line;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::timeout;
use tracing::{info, warn};
use umec_wire::command::{CommandRequest, CommandResult};
use umec_wire::topic::CommandTopic;
use umec_wire::{DeviceName, Reason, Span};

use self::journal::{Journal, JournalError};
use super::device::Device;
use super::ledger::{Ledger, Order, Record, Verdict};
use crate::clock::Clock;
use crate::health::Part;
use crate::metrics::Counter;
use crate::node::Node;
use crate::telemetry::chain;

/// How long the disk may take. A command waits for it, and so do the reads of its link.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause after which a folder that could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// What a process knows of its commands. Copies are of the same book.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    ledger: Arc<Mutex<Ledger>>,
    clock: Clock,
    kept: Option<Arc<Kept>>,
}

/// The part of it that outlives the process.
#[derive(Debug)]
struct Kept {
    journal: Arc<AsyncMutex<Paper>>,
    /// Whether the last attempt to write was good.
    is_well: AtomicBool,
    part: Part,
    damaged: Counter,
}

#[derive(Debug)]
struct Paper {
    journal: Journal,
    /// Whether it is known what an earlier run has left.
    is_read: bool,
}

/// How a record fared that somebody waits for.
const WAITING: u8 = 0;
const WRITTEN: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Book {
    /// Opens the book in a folder; without one it is in memory alone. A folder that cannot be written is tried again
    /// and again; until then commands are refused.
    pub(crate) async fn open(folder: Option<PathBuf>, node: &Node) -> Self {
        let kept = folder.map(|folder| {
            let paper = Paper {
                journal: Journal::new(folder),
                is_read: false,
            };
            Arc::new(Kept {
                journal: Arc::new(AsyncMutex::new(paper)),
                is_well: AtomicBool::new(true),
                part: node.health.part("commands"),
                damaged: node.metrics.counter(
                    "umec_plugin_journal_damaged_lines",
                    "Lines of the journal of commands that could not be read",
                ),
            })
        });
        let book = Self {
            ledger: Arc::default(),
            clock: node.clock.clone(),
            kept,
        };
        if let Some(kept) = book.kept.clone() {
            book.mend(&kept).await;
            let tending = book.clone().tend(Arc::clone(&kept), node.tasks.stopping());
            drop(node.tasks.spawn(tracing::info_span!("book"), tending));
        }
        book
    }

    /// Looks at a command that a device is given, and takes it in unless it is known.
    pub(crate) fn admit(
        &self,
        topic: &CommandTopic,
        request: &CommandRequest,
        device: &Device,
    ) -> Verdict {
        let now = self.clock.now();
        self.ledger().admit(topic, request, device, now)
    }

    /// Notes that a command begins; where that cannot be noted, it must not.
    pub(crate) async fn begin(&self, order: &Order) -> Result<(), Reason> {
        self.keep(Record::Begun(order.clone())).await
    }

    /// Notes a command that is done as soon as it is noted.
    pub(crate) async fn conclude(
        &self,
        order: &Order,
        result: &CommandResult,
    ) -> Result<(), Reason> {
        let (order, result) = (order.clone(), result.clone());
        self.keep(Record::Ended { order, result }).await
    }

    /// Notes how a command has ended. What cannot be noted on the disk is known to this run alone.
    pub(crate) async fn end(&self, order: Order, result: CommandResult) {
        let id = order.id.clone();
        let record = Record::Ended { order, result };
        self.ledger().apply(record.clone(), self.clock.now());
        if let Err(reason) = self.keep(record).await {
            warn!(command = %id, reason = %reason, "a result is not kept, another run would not know it");
        }
    }

    /// How often a device is sampled, where it was told.
    pub(crate) fn interval(&self, device: &DeviceName) -> Option<Span> {
        self.ledger().interval(device)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a record on the disk, then in memory.
    async fn keep(&self, record: Record) -> Result<(), Reason> {
        let Some(kept) = &self.kept else {
            self.ledger().apply(record, self.clock.now());
            return Ok(());
        };
        if !kept.is_well.load(Ordering::Acquire) {
            // Whoever asks is not to wait for a disk that hangs; `tend` does.
            return Err(Kept::unwell());
        }
        let fate = Arc::new(AtomicU8::new(WAITING));
        let (book, known) = (self.clone(), Arc::clone(&fate));
        let journal = Arc::clone(&kept.journal);
        let work = async move {
            let mut paper = journal.lock_owned().await;
            let written =
                tokio::task::spawn_blocking(move || book.write(&mut paper, record, &known));
            written.await
        };
        let error = match timeout(PATIENCE, work).await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => chain(&error),
            Ok(Err(broken_off)) => broken_off.to_string(),
            Err(_) => match settle(&fate, GIVEN_UP) {
                Ok(()) => format!("the disk has not answered within {PATIENCE:?}"),
                Err(()) => return Ok(()),
            },
        };
        Err(kept.fails(&error))
    }

    /// What a thread for blocking work does with a record.
    fn write(
        &self,
        paper: &mut Paper,
        record: Record,
        fate: &AtomicU8,
    ) -> Result<(), JournalError> {
        if fate.load(Ordering::Acquire) == GIVEN_UP {
            return Ok(());
        }
        self.read(paper)?;
        if paper.journal.is_full() {
            let records = self.ledger().records();
            paper.journal.write_anew(&records)?;
        }
        paper.journal.append(&record)?;
        match settle(fate, WRITTEN) {
            // In memory it is as long as the journal is held, so that one that is written anew has it.
            Ok(()) => self.ledger().apply(record, self.clock.now()),
            Err(()) => paper.journal.take_back(&record),
        }
        Ok(())
    }

    /// Reads what an earlier run has left, where that is not known yet.
    fn read(&self, paper: &mut Paper) -> Result<(), JournalError> {
        if paper.is_read {
            return Ok(());
        }
        let content = paper.journal.read()?;
        if let Some(kept) = self.kept.as_ref().filter(|_| content.damaged > 0) {
            kept.damaged.inc_by(content.damaged);
            let (file, copy) = (paper.journal.path(), paper.journal.damaged());
            warn!(file = %file.display(), lines = ?content.lines, damaged = content.damaged, copy = %copy.display(),
                "lines of the journal cannot be read; the commands in them may be carried out again");
        }
        if content.is_torn {
            info!(file = %paper.journal.path().display(), "the last line of the journal was cut off and is left out");
        }
        self.ledger().add(content.records, self.clock.now());
        paper.is_read = true;
        Ok(())
    }

    /// Writes the journal anew, so that it can be appended to; tells how that went.
    async fn mend(&self, kept: &Kept) {
        let (book, journal) = (self.clone(), Arc::clone(&kept.journal));
        let work = async move {
            let mut paper = journal.lock_owned().await;
            let written = tokio::task::spawn_blocking(move || {
                book.read(&mut paper)?;
                let records = book.ledger().records();
                paper.journal.write_anew(&records)
            });
            written.await
        };
        match timeout(PATIENCE, work).await {
            Ok(Ok(Ok(()))) => kept.recovers(),
            Ok(Ok(Err(error))) => drop(kept.fails(&chain(&error))),
            Ok(Err(broken_off)) => drop(kept.fails(&broken_off.to_string())),
            Err(_) => drop(kept.fails(&format!("the disk has not answered within {PATIENCE:?}"))),
        }
    }

    /// Tries again what did not go well, until the process stops.
    async fn tend(self, kept: Arc<Kept>, stopping: tokio_util::sync::CancellationToken) {
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
            if !kept.is_well.load(Ordering::Acquire) {
                self.mend(&kept).await;
            }
        }
    }
}

impl Kept {
    fn recovers(&self) {
        if !self.is_well.swap(true, Ordering::AcqRel) {
            info!("commands can be noted down again");
        }
        self.part.ready();
    }

    fn fails(&self, error: &str) -> Reason {
        let reason = Reason::new("not-kept", error);
        if self.is_well.swap(false, Ordering::AcqRel) {
            warn!(reason = %reason, "commands cannot be noted down and are refused; it is tried again and again");
        }
        self.part.unready(reason);
        Self::unwell()
    }

    /// Why a command is refused.
    fn unwell() -> Reason {
        let text = "its plugin cannot note it down, and would not know it after a restart; the part `commands` of its \
                    health tells why";
        Reason::new("not-kept", text)
    }
}

/// Decides the fate of a record, unless it is decided.
fn settle(fate: &AtomicU8, decided: u8) -> Result<(), ()> {
    let decided = fate.compare_exchange(WAITING, decided, Ordering::AcqRel, Ordering::Acquire);
    decided.map(drop).map_err(drop)
}

#[cfg(test)]
mod tests;
