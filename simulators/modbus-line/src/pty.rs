//! A pseudo-terminal, whose other end looks like a serial line.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::{OpenptyResult, openpty};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The device's end of a pseudo-terminal; the link to the other end goes with it.
#[derive(Debug)]
pub(crate) struct Pty {
    device: AsyncFd<OwnedFd>,
    /// Held open, so that nobody having the line open is silence and no error.
    _line: OwnedFd,
    link: PathBuf,
}

impl Pty {
    /// Opens one and puts a symbolic link to it at `link`; a link that lies there is replaced.
    #[expect(
        deprecated,
        reason = "the descriptor is owned and never replaced, which is all that the unsafe successor asks"
    )]
    pub(crate) fn open(link: &Path) -> io::Result<Self> {
        let OpenptyResult { master, slave } = openpty(None, None)?;
        let mut mode = tcgetattr(&slave)?;
        cfmakeraw(&mut mode);
        tcsetattr(&slave, SetArg::TCSANOW, &mode)?;
        let flags = OFlag::from_bits_retain(fcntl(&master, FcntlArg::F_GETFL)?);
        fcntl(&master, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        if link.is_symlink() {
            std::fs::remove_file(link)?;
        }
        std::os::unix::fs::symlink(unistd::ttyname(&slave)?, link)?;
        Ok(Self {
            device: AsyncFd::new(master)?,
            _line: slave,
            link: link.to_owned(),
        })
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // Somebody may have taken the link away; then there is nothing left to do.
        drop(std::fs::remove_file(&self.link));
    }
}

impl AsyncRead for Pty {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.device.poll_read_ready(cx))?;
            let room = buf.initialize_unfilled();
            let read = ready.try_io(|fd| unistd::read(fd.get_ref(), room).map_err(Into::into));
            if let Ok(read) = read {
                buf.advance(read?);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Pty {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.device.poll_write_ready(cx))?;
            let written = ready.try_io(|fd| unistd::write(fd.get_ref(), bytes).map_err(Into::into));
            if let Ok(written) = written {
                return Poll::Ready(written);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
