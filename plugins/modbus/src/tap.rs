//! A tap on the bytes of a line: before each request it throws away what still lies there unread, since that
//! can only be the answer to an older one, and it counts what came since.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A transport with a tap on it.
#[derive(Debug)]
pub(crate) struct Tapped<T> {
    inner: T,
    tap: Arc<Tap>,
}

/// What is known of the bytes, for whoever gave the transport away.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    begins: AtomicBool,
    received: AtomicUsize,
}

// === impl Tap ===

impl Tap {
    /// Says that the next bytes written begin a request.
    pub(crate) fn begin(&self) {
        self.received.store(0, Ordering::Relaxed);
        self.begins.store(true, Ordering::Relaxed);
    }

    /// How many bytes came since the request.
    pub(crate) fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }
}

// === impl Tapped ===

impl<T> Tapped<T> {
    pub(crate) fn new(inner: T) -> (Self, Arc<Tap>) {
        let tap = Arc::new(Tap::default());
        let tapped = Self {
            inner,
            tap: Arc::clone(&tap),
        };
        (tapped, tap)
    }
}

impl<T: AsyncRead + Unpin> Tapped<T> {
    /// Reads until nothing lies there any more.
    fn drain(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut room = [0; 512];
        loop {
            let mut stale = ReadBuf::new(&mut room);
            match Pin::new(&mut self.inner).poll_read(cx, &mut stale) {
                Poll::Pending => return Ok(()),
                Poll::Ready(read) => read?,
            }
            if stale.filled().is_empty() {
                return Err(closed());
            }
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "closed by the other side")
}

impl<T: AsyncRead + Unpin> AsyncRead for Tapped<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let came = buf.filled().len() - before;
        if came == 0 && buf.remaining() > 0 {
            return Poll::Ready(Err(closed()));
        }
        self.tap.received.fetch_add(came, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Tapped<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.tap.begins.swap(false, Ordering::Relaxed) {
            self.drain(cx)?;
        }
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
