//! When what is read: metrics of one device with one interval together, devices one after another, without
//! drift; pure.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

/// The groups of one link.
#[derive(Debug)]
pub(crate) struct Schedule {
    groups: Vec<Group>,
    /// Metrics, by device, whose groups are read out of turn.
    extra: BTreeSet<(usize, usize)>,
    /// The intervals that were given at first, by device and metric.
    configured: Vec<Vec<Duration>>,
    /// How many devices of the process have their places before these.
    before: usize,
    /// When everything was due at once.
    start: Instant,
}

/// The metrics of one device that are read together.
#[derive(Debug)]
struct Group {
    device: usize,
    every: Duration,
    metrics: Vec<usize>,
    next: Instant,
    /// How long after the first reading the second is due: at most the interval.
    phase: Duration,
    /// Whether the next reading is the first.
    is_first: bool,
}

/// A group whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) group: usize,
    pub(crate) device: usize,
    /// How many times it should have been read since, and was not.
    pub(crate) skipped: u64,
}

impl Schedule {
    /// Groups the intervals of each device's metrics. All are due at `start`; from then on, devices with
    /// equal intervals take turns within them, so that they do not meet on the line, the bus and the disk.
    /// `before` tells how many devices of the process have had their place in that before.
    pub(crate) fn new(devices: &[Vec<Duration>], before: usize, start: Instant) -> Self {
        let mut schedule = Self {
            groups: Vec::new(),
            extra: BTreeSet::new(),
            configured: devices.to_vec(),
            before,
            start,
        };
        for (device, intervals) in devices.iter().enumerate() {
            schedule.add(device, intervals);
        }
        schedule
    }

    /// Adds the groups of a device.
    fn add(&mut self, device: usize, intervals: &[Duration]) {
        for (metric, every) in intervals.iter().enumerate() {
            let same = |group: &&mut Group| group.device == device && group.every == *every;
            match self.groups.iter_mut().find(same) {
                Some(group) => group.metrics.push(metric),
                None => self.groups.push(Group {
                    device,
                    every: *every,
                    metrics: vec![metric],
                    next: self.start,
                    phase: every.mul_f64(phase(self.before + device)),
                    is_first: true,
                }),
            }
        }
    }

    /// From `now` on reads all metrics of a device together at one interval, or as it was at first. The device keeps
    /// its turn among those with the same interval: it is read within one from `now`, and never twice for the change.
    pub(crate) fn set_every(&mut self, device: usize, every: Option<Duration>, now: Instant) {
        let Some(configured) = self.configured.get(device) else {
            return;
        };
        let intervals = configured
            .iter()
            .map(|own| every.unwrap_or(*own))
            .collect::<Vec<_>>();
        let own = self.groups.iter().filter(|group| group.device == device);
        // What waits for its first reading, as after a pause for a dead device, goes on waiting for it.
        let first = own
            .filter(|group| group.is_first)
            .map(|group| group.next)
            .min();
        self.groups.retain(|group| group.device != device);
        self.add(device, &intervals);
        let start = self.start;
        for group in self.groups.iter_mut().filter(|g| g.device == device) {
            match first {
                Some(first) => group.begin(first),
                None => group.fall_in(start, now),
            }
        }
    }

    /// When something is due next; `None` when nothing ever is.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        if self.extra.is_empty() {
            self.groups.iter().map(|group| group.next).min()
        } else {
            Some(now)
        }
    }

    /// Takes the group that has been due longest. It is due again at the first of its times that is still
    /// to come: one that was missed is not made up for.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Due> {
        if let Some((device, metric)) = self.extra.pop_first() {
            let group = self.group(device, metric)?;
            return Some(Due {
                group,
                device,
                skipped: 0,
            });
        }
        let groups = self.groups.iter_mut().enumerate();
        let (index, group) = groups.min_by_key(|(_, group)| group.next)?;
        let late = now.checked_duration_since(group.next)?;
        let step = if group.is_first {
            group.phase
        } else {
            group.every
        };
        group.is_first = false;
        let every = group.every.as_nanos().max(1);
        let missed = late.checked_sub(step).map(|late| late.as_nanos() / every);
        let skipped = missed.map_or(0, |missed| u64::try_from(missed + 1).unwrap_or(u64::MAX));
        let steps = u32::try_from(skipped).unwrap_or(u32::MAX);
        group.next += step + group.every.saturating_mul(steps);
        Some(Due {
            group: index,
            device: group.device,
            skipped,
        })
    }

    /// The metrics of a group, in rising order.
    pub(crate) fn metrics(&self, group: usize) -> &[usize] {
        self.groups.get(group).map_or(&[], |group| &group.metrics)
    }

    /// Reads nothing of a device before `until`.
    pub(crate) fn hold(&mut self, device: usize, until: Instant) {
        for group in self.groups.iter_mut().filter(|g| g.device == device) {
            if group.next < until {
                group.begin(until);
            }
        }
    }

    /// Ends a hold: what would have been due without it is due now.
    pub(crate) fn release(&mut self, device: usize, now: Instant) {
        for group in self.groups.iter_mut().filter(|g| g.device == device) {
            if group.next > now + group.every {
                group.begin(now);
            }
        }
    }

    /// Reads the group of a metric once out of turn; its turn stays what it was.
    pub(crate) fn once_more(&mut self, device: usize, metric: usize) {
        let group = self.group(device, metric).and_then(|g| self.groups.get(g));
        // The first metric stands for its group.
        let first = group.and_then(|group| group.metrics.first());
        self.extra.extend(first.map(|first| (device, *first)));
    }

    fn group(&self, device: usize, metric: usize) -> Option<usize> {
        let holds = |group: &Group| group.device == device && group.metrics.contains(&metric);
        self.groups.iter().position(holds)
    }

    /// Begins anew: everything is due at `start`, and nothing was missed.
    pub(crate) fn restart(&mut self, start: Instant) {
        self.extra.clear();
        self.start = start;
        for group in &mut self.groups {
            group.begin(start);
        }
    }
}

impl Group {
    fn begin(&mut self, start: Instant) {
        self.next = start;
        self.is_first = true;
    }

    /// Takes its place among those that began at `start`: the first of its times after `now`.
    fn fall_in(&mut self, start: Instant, now: Instant) {
        self.is_first = false;
        let first = start + self.phase;
        self.next = match now.checked_duration_since(first) {
            None => first,
            Some(since) => {
                let over = since.as_nanos() % self.every.as_nanos().max(1);
                let over = Duration::from_nanos(u64::try_from(over).unwrap_or(u64::MAX));
                now + self.every.saturating_sub(over)
            }
        };
    }
}

/// The share of its interval after which a device is read for the second time, above 0 and 1 for the
/// first: multiples of the golden ratio divide a circle evenly, however many there are.
#[expect(
    clippy::cast_precision_loss,
    reason = "a place among devices is far below 2^52"
)]
fn phase(place: usize) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    1.0 - (place as f64 * GOLDEN).fract()
}

#[cfg(test)]
mod tests;
