//! One connection: bytes come, requests are answered in their time.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use umec_sdk::exact::Exact;
use umec_spec::settings::modbus::Serial;

use crate::frame::{Frame, FrameError};
use crate::line::{Line, Reply};

/// A line that several connections share, and when it was started.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) line: Mutex<Line>,
    pub(crate) begin: Instant,
}

/// Takes one request off the bytes that came.
pub(crate) type Take = fn(&mut Vec<u8>) -> Result<Option<Frame>, FrameError>;

/// How long bytes take on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    character: Duration,
    silence: Duration,
}

/// Answers that are not sent yet, the next one last, and when the wire is free again.
#[derive(Debug)]
struct Outgoing {
    due: Vec<(Instant, Vec<u8>)>,
    free: Instant,
    pace: Option<Pace>,
}

/// Half a request that nothing follows for so long is none. Generous, since a machine may be busy.
const STALE: Duration = Duration::from_millis(100);

/// A silent interval may look this much too short, since the kernel wakes us late.
const TOLERANCE: Duration = Duration::from_micros(100);

/// Converses until the other side hangs up, or a fault has us hang up.
pub(crate) async fn converse<S>(
    mut stream: S,
    take: Take,
    shared: Arc<Shared>,
    pace: Option<Pace>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let exact = Exact::new()?;
    let mut outgoing = Outgoing::new(pace);
    let (mut bytes, mut latest) = (Vec::new(), Instant::now());
    let mut room = [0; 512];
    loop {
        let due = outgoing.due.last().map(|(at, _)| *at);
        // Both arms are cancel safe: a read that is dropped has read nothing.
        let read = tokio::select! {
            biased;
            () = wait(&exact, due) => None,
            read = stream.read(&mut room) => Some(read?),
        };
        let Some(read) = read else {
            if let Some((_, frame)) = outgoing.due.pop() {
                stream.write_all(&frame).await?;
            }
            continue;
        };
        let now = Instant::now();
        if read == 0 {
            return Ok(());
        }
        if now.duration_since(latest) > STALE {
            bytes.clear();
        }
        latest = now;
        bytes.extend(room.get(..read).unwrap_or_default());
        loop {
            let before = bytes.len();
            match take(&mut bytes) {
                Ok(Some(request)) => {
                    let size = before - bytes.len();
                    if outgoing.answer(&shared, &request, size, now) == Outcome::HangUp {
                        return Ok(());
                    }
                }
                Ok(None) => break,
                Err(FrameError::Checksum) => bytes.clear(),
                Err(FrameError::Header) => return Ok(()),
            }
        }
        while let Some((_, frame)) = outgoing.due.pop_if(|(at, _)| *at <= now) {
            stream.write_all(&frame).await?;
        }
    }
}

async fn wait(exact: &Exact, due: Option<Instant>) {
    let waited = match due {
        Some(due) => exact.until(due).await,
        None => std::future::pending().await,
    };
    if let Err(error) = waited {
        tracing::warn!(error = %error, "a timer failed, an answer comes early");
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    GoOn,
    HangUp,
}

// === impl Outgoing ===

impl Outgoing {
    fn new(pace: Option<Pace>) -> Self {
        Self {
            due: Vec::new(),
            free: Instant::now(),
            pace,
        }
    }

    /// Has a request of `size` bytes answered that came at `now`.
    fn answer(&mut self, shared: &Shared, request: &Frame, size: usize, now: Instant) -> Outcome {
        let mut line = shared.line.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = line.handle(request, now.duration_since(shared.begin));
        line.counted.bytes += u64::try_from(size).unwrap_or(0);
        let mut at = now;
        if let Some(pace) = self.pace {
            line.counted.crowded += u64::from(now + TOLERANCE < self.free);
            let taken = pace.characters(size) + pace.silence;
            line.counted.busy += taken;
            at = now.max(self.free) + taken;
            self.free = at;
        }
        match reply {
            Reply::Nothing => Outcome::GoOn,
            Reply::HangUp => Outcome::HangUp,
            Reply::Answer { frame, delay } => {
                line.counted.bytes += u64::try_from(frame.len()).unwrap_or(0);
                if let Some(pace) = self.pace {
                    line.counted.busy += pace.characters(frame.len()) + pace.silence;
                }
                self.send(frame, at + delay);
                Outcome::GoOn
            }
        }
    }

    /// Has a frame sent from `at` on, on a paced line in the pieces that a receiver sees grow.
    fn send(&mut self, frame: Vec<u8>, at: Instant) {
        if let Some(pace) = self.pace {
            let mut at = at;
            for piece in frame.chunks(pace.piece()) {
                at += pace.characters(piece.len());
                self.due.push((at, piece.to_vec()));
            }
            self.free = self.free.max(at + pace.silence);
        } else {
            self.due.push((at, frame));
        }
        self.due.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    }
}

// === impl Pace ===

impl Pace {
    pub(crate) fn new(baud: u32) -> Self {
        Self {
            character: Serial::character(baud),
            silence: Serial::silence(baud),
        }
    }

    fn characters(self, count: usize) -> Duration {
        self.character * u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// The characters that a driver hands over at once: those of 4 ms, at least one.
    fn piece(self) -> usize {
        let piece = 4_000_000 / self.character.as_nanos().max(1);
        usize::try_from(piece).unwrap_or(usize::MAX).max(1)
    }
}
