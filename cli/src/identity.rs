//! Which process a process id means: ids are used again, an id together with its start time is not.

use std::fs;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// One process among all that have run since the machine started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Its id.
    pub pid: u32,
    /// When it started, in clock ticks since the machine did (proc(5), `/proc/pid/stat` field 22).
    pub started: u64,
}

impl ProcessIdentity {
    /// The process that has this id now.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (state, started) = parse(&stat)?;
        // A zombie has ended; only its parent has not asked yet.
        (state != 'Z').then_some(Self { pid, started })
    }

    /// Whether it still runs.
    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends a signal to the process and to the group that it leads, if it is still the same.
    pub fn signal(self, signal: Signal) {
        let Ok(pid) = i32::try_from(self.pid) else {
            return;
        };
        if self.is_alive() && killpg(Pid::from_raw(pid), signal).is_err() {
            // A process that has ended in the meantime is what the signal was for.
            kill(Pid::from_raw(pid), signal).unwrap_or_default();
        }
    }
}

/// State and start time out of `/proc/pid/stat`. The second field, the name, is in brackets and may hold any
/// character, so that fields are counted from its end.
fn parse(stat: &str) -> Option<(char, u64)> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_time_is_found_behind_any_name() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 10 11";
        assert_eq!(parse(stat), Some(('S', 98_765)));
        assert_eq!(parse("42 (a"), None);
    }

    #[test]
    fn this_process_is_alive_and_its_id_with_another_start_is_not() {
        let this = ProcessIdentity::of(std::process::id()).unwrap();
        assert!(this.is_alive());
        let other = ProcessIdentity {
            started: this.started + 1,
            ..this
        };
        assert!(!other.is_alive());
    }
}
