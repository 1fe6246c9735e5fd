//! The journal of commands in the state folder: appended to and written through, and now and then written anew. It
//! blocks; whoever has an async runtime calls it from a thread of its own.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::line::{Content, decode, encode};
use crate::plugin::ledger::Record;

/// How much may be appended before the journal is written anew, beyond what it had then.
const GROWTH: u64 = 1 << 20;

/// The journal of one process.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    /// Held as long as the process lives, so that no other writes to the same journal.
    lock: Option<File>,
    /// Where records are appended; none where the journal is to be written anew first.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    length: u64,
    /// The length at which it is written anew.
    full: u64,
}

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum JournalError {
    #[error("the folder {} cannot be made", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("another process has {}", path.display())]
    Taken { path: PathBuf },
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} is to be written anew first", path.display())]
    Closed { path: PathBuf },
}

impl Journal {
    /// The journal in a folder, which is not touched yet.
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            lock: None,
            open: None,
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join("commands.journal")
    }

    /// Where a journal with damaged lines is kept for whoever wants to look.
    pub(super) fn damaged(&self) -> PathBuf {
        self.folder.join("commands.journal.damaged")
    }

    /// Takes the folder, and reads what an earlier run has left. A journal with damaged lines is copied.
    pub(super) fn read(&mut self) -> Result<Content, JournalError> {
        self.take()?;
        let path = self.path();
        let read = |source| JournalError::Read {
            path: path.clone(),
            source,
        };
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            bytes => bytes.map_err(read)?,
        };
        let content = decode(&bytes);
        if content.damaged > 0 {
            let path = self.damaged();
            fs::copy(self.path(), &path).map_err(|source| JournalError::Write { path, source })?;
        }
        Ok(content)
    }

    fn take(&mut self) -> Result<(), JournalError> {
        if self.lock.is_some() {
            return Ok(());
        }
        let path = self.folder.clone();
        let mut folder = fs::DirBuilder::new();
        let made = folder.recursive(true).mode(0o700).create(&path);
        made.map_err(|source| JournalError::Folder { path, source })?;
        let path = self.folder.join("lock");
        let write = |source| JournalError::Write {
            path: path.clone(),
            source,
        };
        let lock = create(&path).map_err(write)?;
        match lock.try_lock() {
            Ok(()) => self.lock = Some(lock),
            Err(TryLockError::WouldBlock) => {
                let path = self.folder.clone();
                return Err(JournalError::Taken { path });
            }
            Err(TryLockError::Error(error)) => return Err(write(error)),
        }
        Ok(())
    }

    /// Whether it is to be written anew before anything is appended.
    pub(super) fn is_full(&self) -> bool {
        self.open.as_ref().is_none_or(|o| o.length >= o.full)
    }

    /// Replaces the journal; it is the old or the new one whenever the power goes.
    pub(super) fn write_anew(&mut self, records: &[Record]) -> Result<(), JournalError> {
        self.open = None;
        self.take()?;
        let path = self.folder.join("commands.journal.new");
        let written = self.replace(&path, records);
        self.open = Some(written.map_err(|source| JournalError::Write { path, source })?);
        Ok(())
    }

    fn replace(&self, path: &Path, records: &[Record]) -> io::Result<Open> {
        let mut file = create(path)?;
        file.set_len(0)?;
        let text: String = records.iter().map(encode).collect();
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        fs::rename(path, self.path())?;
        // The new name itself is written through with its folder.
        File::open(&self.folder)?.sync_all()?;
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        Ok(Open {
            file,
            length,
            full: length.saturating_mul(2).saturating_add(GROWTH),
        })
    }

    /// Appends a record and writes it through to the disk. After an error the journal is written anew first.
    pub(super) fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let path = self.path();
        let Some(mut open) = self.open.take() else {
            return Err(JournalError::Closed { path });
        };
        let line = encode(record);
        let written = open.file.write_all(line.as_bytes());
        match written.and_then(|()| open.file.sync_data()) {
            Ok(()) => {
                let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
                open.length = open.length.saturating_add(length);
                self.open = Some(open);
                Ok(())
            }
            Err(source) => {
                // What may have got there is not to be found by a later run. Where that fails as well, the journal
                // is written anew without it as soon as that is possible.
                drop(open.file.set_len(open.length));
                Err(JournalError::Write { path, source })
            }
        }
    }

    /// Takes the record back that was appended last.
    pub(super) fn take_back(&mut self, record: &Record) {
        if let Some(open) = self.open.take() {
            let line = u64::try_from(encode(record).len()).unwrap_or(u64::MAX);
            drop(open.file.set_len(open.length.saturating_sub(line)));
        }
    }
}

/// Opens a file to append to, readable by its owner alone.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests;
