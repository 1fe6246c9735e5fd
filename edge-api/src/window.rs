//! Windows: readings in, aggregates out. Pure: no clock, no bus, no task.
//!
//! A window is aligned to the epoch: one of 10 s begins at :00, :10, :20. A reading belongs to the
//! window in which it was *sampled*. A device's window is closed when a reading of the same device
//! shows that the device has come past its end plus the lateness, or when [`Windows::advance`] says
//! that the clock has: whichever is first. What comes for a closed window is *late*: it is in no
//! aggregate, and the next aggregate of the same metric and length says how many there were.
//!
//! Memory is bounded: an open window holds a few numbers per metric, a device has at most
//! [`MAX_METRICS`] metrics, there are at most [`MAX_DEVICES`] devices, and a reading from the future
//! opens no window.

mod tally;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use umec_wire::{DeviceName, MetricName, Pack, Reading, Series, Span, Statistic, Timestamp, Value};

use tally::Tally;

/// Metrics per device and window; more are not aggregated, and counted.
pub const MAX_METRICS: usize = 1_000;

/// Devices; readings of more are not aggregated, and counted. A node serves some hundreds.
pub const MAX_DEVICES: usize = 4_096;

/// The windows of all devices.
#[derive(Debug)]
pub struct Windows {
    lengths: Vec<Span>,
    lateness: Duration,
    /// Windows that begin before this are another run's.
    since: Timestamp,
    /// Up to where the clock has closed windows.
    clock: Timestamp,
    mode: Mode,
    devices: BTreeMap<DeviceName, Device>,
}

/// Whether readings come from the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// They are read again to rebuild what a restart has forgotten: none of them is late.
    Replay,
    /// They come as they are published.
    Live,
}

/// One closed window of one device: what is published as one message.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    /// The device.
    pub device: DeviceName,
    /// The window's length.
    pub length: Span,
    /// When the window began.
    pub start: Timestamp,
    /// Its aggregates: series `<metric>/<window>/<statistic>`, time = the window's start.
    pub readings: Vec<Reading>,
}

/// What became of the readings of a pack.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taken {
    /// The windows that it closed, oldest end first.
    pub closed: Vec<Closed>,
    /// Readings that came after their window was closed, counted once for each length.
    pub late: u64,
    /// Readings whose time lies further in the future than the lateness.
    pub early: u64,
    /// Readings beyond [`MAX_METRICS`] and [`MAX_DEVICES`].
    pub crowded: u64,
}

#[derive(Debug)]
struct Device {
    /// The latest sample seen.
    seen: Timestamp,
    /// One for each length, in the same order.
    lanes: Vec<Lane>,
}

/// The windows of one device and one length.
#[derive(Debug)]
struct Lane {
    /// Windows that begin before this are closed.
    closed: Timestamp,
    open: BTreeMap<Timestamp, BTreeMap<MetricName, Tally>>,
    /// Late readings that no aggregate has told yet.
    late: BTreeMap<MetricName, u64>,
}

// === impl Windows ===

impl Windows {
    /// Windows of these lengths, of which only those count that begin at `since` or later. Readings
    /// are taken as read again until [`Self::caught_up`].
    pub fn new(lengths: Vec<Span>, lateness: Span, since: Timestamp) -> Self {
        Self {
            lengths,
            lateness: lateness.duration(),
            since,
            clock: since,
            mode: Mode::Replay,
            devices: BTreeMap::new(),
        }
    }

    /// Takes note that a window is in the stream already, with all before it.
    pub fn published(&mut self, device: &DeviceName, length: Span, start: Timestamp) {
        let Some(index) = self.lengths.iter().position(|l| *l == length) else {
            return;
        };
        let Some(device) = self.device(device) else {
            return;
        };
        if let Some(lane) = device.lanes.get_mut(index) {
            lane.closed = lane.closed.max(start.saturating_add(length.duration()));
        }
    }

    /// Takes note that what comes from here on is new.
    pub fn caught_up(&mut self) {
        self.mode = Mode::Live;
    }

    /// Takes the readings of one message that the stream stored at `stored_at`.
    pub fn take(&mut self, pack: &Pack, stored_at: Timestamp) -> Taken {
        let mut taken = Taken::default();
        let (mode, lateness) = (self.mode, self.lateness);
        let lengths = self.lengths.clone();
        let limit = stored_at.saturating_add(lateness);
        let Some(device) = self.device(&pack.device) else {
            taken.crowded = pack.readings.len() as u64;
            return taken;
        };
        for reading in pack
            .readings
            .iter()
            .filter(|r| r.series.aggregate.is_none())
        {
            if reading.time > limit {
                taken.early += 1;
                continue;
            }
            for (length, lane) in lengths.iter().zip(&mut device.lanes) {
                match lane.take(*length, reading) {
                    Fit::In => {}
                    Fit::Crowded => taken.crowded += 1,
                    Fit::Late if mode == Mode::Replay => {}
                    Fit::Late => {
                        taken.late += 1;
                        lane.note_late(&reading.series.metric);
                    }
                }
            }
            // A clock that runs ahead within the lateness must not close windows before their time.
            device.seen = device.seen.max(reading.time.min(stored_at));
        }
        for (length, lane) in lengths.iter().zip(&mut device.lanes) {
            lane.close(
                &pack.device,
                *length,
                device.seen,
                lateness,
                &mut taken.closed,
            );
        }
        in_order(&mut taken.closed);
        taken
    }

    /// Closes what the clock has come past, of all devices.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Closed> {
        self.clock = self.clock.max(now);
        let mut closed = Vec::new();
        for (name, device) in &mut self.devices {
            for (length, lane) in self.lengths.iter().zip(&mut device.lanes) {
                lane.close(name, *length, self.clock, self.lateness, &mut closed);
            }
        }
        in_order(&mut closed);
        closed
    }

    /// When the clock will next close a window that has readings.
    pub fn next_close(&self) -> Option<Timestamp> {
        let ends = self.devices.values().flat_map(|device| {
            let lanes = self.lengths.iter().zip(&device.lanes);
            lanes.filter_map(|(length, lane)| {
                let (start, _) = lane.open.first_key_value()?;
                Some(start.saturating_add(length.duration() + self.lateness))
            })
        });
        ends.min()
    }

    /// The device's windows; none where there are too many devices.
    fn device(&mut self, name: &DeviceName) -> Option<&mut Device> {
        if !self.devices.contains_key(name) {
            if self.devices.len() >= MAX_DEVICES {
                return None;
            }
            let lanes = self.lengths.iter().map(|length| Lane {
                closed: first_start(*length, self.since).max(closed_by(
                    *length,
                    self.clock,
                    self.lateness,
                )),
                open: BTreeMap::new(),
                late: BTreeMap::new(),
            });
            let device = Device {
                seen: self.since,
                lanes: lanes.collect(),
            };
            self.devices.insert(name.clone(), device);
        }
        self.devices.get_mut(name)
    }
}

/// Whether a reading found its window open.
enum Fit {
    In,
    Late,
    Crowded,
}

// === impl Lane ===

impl Lane {
    fn take(&mut self, length: Span, reading: &Reading) -> Fit {
        let start = start_of(length, reading.time);
        if start < self.closed {
            return Fit::Late;
        }
        let metrics = self.open.entry(start).or_default();
        let metric = &reading.series.metric;
        if let Some(tally) = metrics.get_mut(metric) {
            tally.add(reading);
        } else if metrics.len() >= MAX_METRICS {
            return Fit::Crowded;
        } else {
            metrics.insert(metric.clone(), Tally::new(reading));
        }
        Fit::In
    }

    fn note_late(&mut self, metric: &MetricName) {
        if let Some(count) = self.late.get_mut(metric) {
            *count += 1;
        } else if self.late.len() < MAX_METRICS {
            self.late.insert(metric.clone(), 1);
        }
    }

    /// Closes the windows that ended more than the lateness before `time`.
    fn close(
        &mut self,
        device: &DeviceName,
        length: Span,
        time: Timestamp,
        lateness: Duration,
        into: &mut Vec<Closed>,
    ) {
        self.closed = self.closed.max(closed_by(length, time, lateness));
        while let Some(entry) = self.open.first_entry() {
            if *entry.key() >= self.closed {
                return;
            }
            let (start, metrics) = entry.remove_entry();
            into.push(Closed {
                device: device.clone(),
                length,
                start,
                readings: aggregates(length, start, &metrics, std::mem::take(&mut self.late)),
            });
        }
    }
}

/// The aggregates of one window, metric by metric.
fn aggregates(
    length: Span,
    start: Timestamp,
    metrics: &BTreeMap<MetricName, Tally>,
    mut late: BTreeMap<MetricName, u64>,
) -> Vec<Reading> {
    let mut readings = Vec::with_capacity(metrics.len() * Statistic::ALL.len());
    let mut push = |metric: &MetricName, statistic, unit, value| {
        readings.push(Reading {
            series: Series {
                metric: metric.clone(),
                aggregate: Some((length, statistic)),
            },
            time: start,
            unit,
            value,
        });
    };
    for (metric, tally) in metrics {
        for (statistic, unit, value) in tally.statistics() {
            push(metric, statistic, unit, value);
        }
        if let Some(count) = late.remove(metric) {
            push(metric, Statistic::Late, None, number(count));
        }
    }
    for (metric, count) in late {
        push(&metric, Statistic::Late, None, number(count));
    }
    readings
}

/// A count as a value. Exact up to 2^53, which no window reaches.
#[expect(clippy::cast_precision_loss, reason = "no window counts to 2^53")]
fn number(count: u64) -> Value {
    Value::number(count as f64).unwrap_or(Value::Boolean(false))
}

/// The oldest end first, so that what is published last in a run is the newest that was closed.
fn in_order(closed: &mut [Closed]) {
    closed.sort_by_key(|window| {
        let end = window.start.saturating_add(window.length.duration());
        (end, window.length)
    });
}

fn micros(length: Span) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}

/// When the window that holds `time` began.
pub fn start_of(length: Span, time: Timestamp) -> Timestamp {
    let time = time.as_micros();
    Timestamp::from_micros(time.saturating_sub(time.rem_euclid(micros(length))))
}

/// The start of the first window that begins at `since` or later.
fn first_start(length: Span, since: Timestamp) -> Timestamp {
    let start = start_of(length, since);
    if start == since {
        start
    } else {
        start.saturating_add(length.duration())
    }
}

/// The start of the first window that is still open at `time`.
fn closed_by(length: Span, time: Timestamp, lateness: Duration) -> Timestamp {
    let lateness = i64::try_from(lateness.as_micros()).unwrap_or(i64::MAX);
    start_of(
        length,
        Timestamp::from_micros(time.as_micros().saturating_sub(lateness)),
    )
}
