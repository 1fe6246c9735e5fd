//! How many bytes may be on their way, and how fast they go out.
//!
//! The signal is delay, not loss: the window grows as long as the path's queue, as the round trips
//! show it, holds less than [`TARGET`], and shrinks in proportion to what is above it (LEDBAT, RFC
//! 6817, with the slow start, the multiplicative decrease and the periodic slowdowns of LEDBAT++,
//! draft-irtf-iccrg-ledbat-plus-plus). Radio loses datagrams for no reason of load, so only a round
//! of which more than half is lost counts as overload. `docs/decisions` has the reasons.

mod delay;

use std::time::Duration;

use delay::Delay;

/// The window of one uplink.
#[derive(Debug)]
pub(super) struct Window {
    /// The bytes of a full datagram.
    datagram: f64,
    /// How many bytes may be on their way.
    size: f64,
    /// Where growth by doubling ends.
    threshold: f64,
    in_flight: usize,
    /// When it was full last.
    full: Duration,
    delay: Delay,
    phase: Phase,
    round: Round,
    /// When the next datagram may go out.
    next: Duration,
}

/// What the window is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// It doubles each round trip, up to the threshold.
    Start {
        /// When the slowdown began after which it starts again.
        since: Option<Duration>,
    },
    /// It follows the delay.
    Steady {
        /// When it is to get out of the way for a moment, to see the path without itself.
        slowdown: Duration,
    },
    /// It is out of the way until this moment.
    Slow { since: Duration, until: Duration },
}

/// What became of the datagrams of late.
#[derive(Debug, Default)]
struct Round {
    since: Duration,
    arrived: u32,
    lost: u32,
}

/// How long the path's queue may get by this uplink's doing. RFC 6817 section 2.5 allows 100 ms at
/// most; at 100 kbit/s that is one datagram of 1,200 bytes.
pub(super) const TARGET: Duration = Duration::from_millis(100);

/// The least window: two datagrams of 1,200 bytes, or as many bytes in smaller ones, so that flows of
/// both kinds share a path evenly, and a loss shows by what came after it.
const LEAST: f64 = 2_400.0;

/// The greatest, in datagrams: 300 kB with 1,200 bytes each, some 24 Mbit/s at 100 ms.
const GREATEST: f64 = 256.0;

/// The first window, in datagrams, before anything is known of the path: 0.4 s at 100 kbit/s. RFC 6928
/// allows ten.
const INITIAL: f64 = 4.0;

/// What is left of the window when more than half of a round was lost (RFC 9438 section 4.6).
const KEPT: f64 = 0.7;

/// How many datagrams tell whether more than half are lost: where three of ten are lost by chance, one
/// round in 40 looks like it.
const SAMPLE: u32 = 16;

/// A slowdown takes a tenth of the time at most (LEDBAT++, section 4.4).
const SLOWDOWN: u32 = 9;

/// How far ahead of its time a datagram may go out: the resolution of the timer that wakes the machine.
const AHEAD: Duration = Duration::from_millis(2);

/// Beyond this round trip the window does not grow, however the delay is measured.
const ENDLESS: Duration = Duration::from_secs(3);

// === impl Window ===

impl Window {
    pub(super) fn new(datagram: usize) -> Self {
        let datagram = float(datagram);
        Self {
            datagram,
            size: (INITIAL * datagram).max(LEAST),
            threshold: f64::INFINITY,
            in_flight: 0,
            full: Duration::ZERO,
            delay: Delay::default(),
            phase: Phase::Start { since: None },
            round: Round::default(),
            next: Duration::ZERO,
        }
    }

    /// Takes the size of a full datagram, when that changes.
    pub(super) fn resize(&mut self, datagram: usize) {
        self.datagram = float(datagram);
    }

    /// Whether another batch may begin. One that is larger than the window goes alone.
    pub(super) fn admits(&self) -> bool {
        self.holds(self.in_flight)
    }

    /// Whether it is larger than `bytes`.
    pub(super) fn holds(&self, bytes: usize) -> bool {
        float(bytes) < self.size
    }

    /// When the next datagram may go out.
    pub(super) fn next(&self) -> Duration {
        self.next.saturating_sub(AHEAD)
    }

    /// Spaces what goes out: a datagram of `bytes` does so `now`.
    pub(super) fn paced(&mut self, now: Duration, bytes: usize) {
        let Some(trip) = self.delay.recent() else {
            return;
        };
        // Faster than the window turns over, or the pace itself would bound it.
        let gain = match self.phase {
            Phase::Start { .. } => 2.0,
            Phase::Steady { .. } | Phase::Slow { .. } => 1.25,
        };
        let pause = trip.mul_f64((float(bytes) / (self.size * gain)).min(1.0));
        self.next = self.next.max(now) + pause;
    }

    /// Takes the beginning of a batch of `bytes`.
    pub(super) fn sent(&mut self, now: Duration, bytes: usize) {
        self.in_flight += bytes;
        if !self.admits() {
            self.full = now;
        }
    }

    /// Takes the word that nobody knows any more what became of `bytes`.
    pub(super) fn forgotten(&mut self, bytes: usize) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
    }

    /// The least round trip of late.
    pub(super) fn path(&self) -> Option<Duration> {
        self.delay.path()
    }

    /// Takes a round trip.
    pub(super) fn measured(&mut self, now: Duration, trip: Duration) {
        self.delay.measured(now, trip);
    }

    /// Takes the acknowledgement of a batch.
    pub(super) fn acknowledged(&mut self, now: Duration, bytes: usize) {
        self.forgotten(bytes);
        self.round.arrived += 1;
        self.turn(now);
        let Some((queue, recent)) = self.delay.queue().zip(self.delay.recent()) else {
            return;
        };
        // What is not used says nothing of the path.
        let is_used = now <= self.full + 2 * recent;
        if is_used && recent < ENDLESS || queue > TARGET {
            self.adapt(now, float(bytes), queue, recent);
        }
        let greatest = (GREATEST * self.datagram).max(LEAST);
        self.size = self.size.clamp(self.least(), greatest);
    }

    /// Takes the loss of a batch.
    pub(super) fn lost(&mut self, now: Duration, bytes: usize) {
        self.forgotten(bytes);
        self.round.lost += 1;
        let Round {
            since,
            arrived,
            lost,
        } = self.round;
        let trip = self.delay.recent().unwrap_or_default();
        if arrived + lost < SAMPLE || now < since + trip {
            return;
        }
        if lost > arrived {
            self.size = (self.size * KEPT).max(self.least());
            self.threshold = self.size;
            self.settle(now, trip);
        }
        self.round = Round {
            since: now,
            ..Round::default()
        };
    }

    fn least(&self) -> f64 {
        LEAST.max(2.0 * self.datagram)
    }

    /// Goes on to the next phase when it is time.
    fn turn(&mut self, now: Duration) {
        let trip = self.delay.recent().unwrap_or_default();
        if self.round.arrived >= SAMPLE.max(4 * self.round.lost) && now >= self.round.since + trip {
            self.round = Round {
                since: now,
                ..Round::default()
            };
        }
        match self.phase {
            Phase::Steady { slowdown } if now >= slowdown => {
                // Where the whole round trip is short, the queue in it is shorter.
                if trip < TARGET / 2 || self.size <= self.least() {
                    self.settle(now, trip);
                    return;
                }
                self.threshold = self.size;
                self.size = self.least();
                self.phase = Phase::Slow {
                    since: now,
                    until: now + 2 * trip,
                };
            }
            Phase::Slow { since, until } if now >= until => {
                self.phase = Phase::Start { since: Some(since) };
            }
            Phase::Start { .. } | Phase::Steady { .. } | Phase::Slow { .. } => {}
        }
    }

    fn adapt(&mut self, now: Duration, bytes: f64, queue: Duration, trip: Duration) {
        let full = queue.as_secs_f64() / TARGET.as_secs_f64();
        match self.phase {
            Phase::Slow { .. } => {}
            Phase::Start { since } => {
                if full < 0.75 && self.size < self.threshold {
                    self.size += bytes;
                    return;
                }
                let slow = since.map_or(2 * trip, |since| SLOWDOWN * now.saturating_sub(since));
                self.phase = Phase::Steady {
                    slowdown: now + slow,
                };
            }
            Phase::Steady { .. } => {
                // Per round trip: a datagram more, less the share of the window that is too much,
                // which is half of it at most.
                let surplus = (full - 1.0).max(0.0) * self.size;
                let change = (self.datagram - surplus).max(-self.size / 2.0);
                self.size += change * (bytes / self.size).min(1.0);
            }
        }
    }

    fn settle(&mut self, now: Duration, trip: Duration) {
        self.phase = Phase::Steady {
            slowdown: now + SLOWDOWN * 2 * trip.max(TARGET),
        };
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "bytes of a window are far below 2^52"
)]
fn float(bytes: usize) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: usize = 1_200;

    /// Acknowledges full windows, round trip by round trip.
    fn rounds(window: &mut Window, now: &mut Duration, trips: &[u64]) {
        for millis in trips {
            let trip = Duration::from_millis(*millis);
            let mut count = 0;
            while window.admits() {
                window.sent(*now, BATCH);
                count += 1;
            }
            *now += trip;
            for _ in 0..count {
                window.measured(*now, trip);
                window.acknowledged(*now, BATCH);
            }
        }
    }

    #[test]
    fn it_doubles_until_the_queue_shows_and_yields_to_it() {
        let (mut window, mut now) = (Window::new(BATCH), Duration::from_secs(1));
        rounds(&mut window, &mut now, &[50; 4]);
        let grown = window.size;
        assert!(grown > 40_000.0, "{grown}");
        rounds(&mut window, &mut now, &[400; 20]);
        assert!(window.size < 3_000.0, "{}", window.size);
    }

    #[test]
    fn losses_by_chance_leave_it_alone_and_overload_does_not() {
        let (mut window, mut now) = (Window::new(BATCH), Duration::from_secs(1));
        rounds(&mut window, &mut now, &[50; 4]);
        let grown = window.size;
        for number in 0..200 {
            now += Duration::from_millis(10);
            window.sent(now, BATCH);
            if number % 10 < 3 {
                window.lost(now, BATCH);
            } else {
                window.acknowledged(now, BATCH);
            }
        }
        assert!(window.size >= grown * 0.9, "{}", window.size);
        for _ in 0..400 {
            now += Duration::from_millis(10);
            window.sent(now, BATCH);
            window.lost(now, BATCH);
        }
        assert!(window.size < 3_000.0, "{}", window.size);
    }

    #[test]
    fn what_goes_out_is_spaced_over_the_round_trip() {
        let (mut window, mut now) = (Window::new(BATCH), Duration::from_secs(1));
        rounds(&mut window, &mut now, &[600; 2]);
        let begun = now;
        let mut left = window.size;
        while left >= 1_200.0 {
            left -= 1_200.0;
            now = now.max(window.next());
            window.paced(now, BATCH);
        }
        let took = now.saturating_sub(begun);
        assert!(took > Duration::from_millis(200) && took < Duration::from_millis(600));
    }
}
