//! Waiting for less than a millisecond, which a runtime's own timer is too coarse for.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Instant;

use nix::sys::timer::{Expiration, TimerSetTimeFlags};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use tokio::io::unix::AsyncFd;

/// A timer of the kernel, for the silent intervals of a wire.
#[derive(Debug)]
pub struct Exact(AsyncFd<Fd>);

#[derive(Debug)]
struct Fd(TimerFd);

impl Exact {
    /// Makes a timer.
    #[expect(
        deprecated,
        reason = "the descriptor is owned and never replaced, which is all that the unsafe successor asks"
    )]
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        Ok(Self(AsyncFd::new(Fd(timer))?))
    }

    /// Waits until `deadline`. Cancel safe: each call sets the timer anew.
    pub async fn until(&self, deadline: Instant) -> io::Result<()> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let timer = &self.0.get_ref().0;
            timer.set(Expiration::OneShot(left.into()), TimerSetTimeFlags::empty())?;
            let mut ready = self.0.readable().await?;
            ready.clear_ready();
        }
    }
}

impl AsRawFd for Fd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
