//! How a command of `umec` fails: the exit code for programs, the words for people.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// Why a command did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    text: String,
}

/// The exit codes, after `sysexits.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All else.
    Other = 1,
    /// What was given is wrong (`EX_USAGE`).
    BadInput = 64,
    /// What is needed does not run or cannot be reached (`EX_UNAVAILABLE`).
    Unavailable = 69,
}

// === impl Failure ===

impl Failure {
    /// What was given is wrong.
    pub fn bad_input(text: impl Into<String>) -> Self {
        Self {
            exit: Exit::BadInput,
            text: text.into(),
        }
    }

    /// What is needed does not run or cannot be reached.
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self {
            exit: Exit::Unavailable,
            text: text.into(),
        }
    }

    /// All else.
    pub fn other(text: impl Into<String>) -> Self {
        Self {
            exit: Exit::Other,
            text: text.into(),
        }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Failure {}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
