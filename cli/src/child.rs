//! `umec child`: becomes another program, after asking the kernel to end it together with its parent.
//!
//! Asked for between fork and exec this would need unsafe code; asked for by a process of its own, which
//! then turns into the program, it does not: the wish outlives `execve` (prctl(2), `PR_SET_PDEATHSIG`).

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::getppid;

use crate::arguments::Child;
use crate::failure::Failure;

/// Turns this process into the program. Returns only where that fails.
pub fn run(arguments: &Child) -> Failure {
    if let Err(error) = nix::sys::prctl::set_pdeathsig(Signal::SIGTERM) {
        return Failure::other(format!("cannot be tied to its parent: {error}"));
    }
    if getppid().as_raw() != arguments.parent {
        return Failure::other("the process that started this one has already ended");
    }
    let Some((program, rest)) = arguments.program.split_first() else {
        return Failure::bad_input("no program is given");
    };
    let error = Command::new(program).args(rest).exec();
    Failure::other(format!("cannot start {}: {error}", program.display()))
}
