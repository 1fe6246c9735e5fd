//! When what is read: metrics of one device with one interval together, devices one after another, without
//! drift; pure.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

/// The groups of one link.
#[derive(Debug)]
pub(crate) struct Schedule {
    groups: Vec<Group>,
    /// Groups that are read out of turn.
    extra: BTreeSet<usize>,
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
        let mut groups: Vec<Group> = Vec::new();
        for (device, intervals) in devices.iter().enumerate() {
            for (metric, every) in intervals.iter().enumerate() {
                let same = |group: &&mut Group| group.device == device && group.every == *every;
                match groups.iter_mut().find(same) {
                    Some(group) => group.metrics.push(metric),
                    None => groups.push(Group {
                        device,
                        every: *every,
                        metrics: vec![metric],
                        next: start,
                        phase: every.mul_f64(phase(before + device)),
                        is_first: true,
                    }),
                }
            }
        }
        Self {
            groups,
            extra: BTreeSet::new(),
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
        if let Some(group) = self.extra.pop_first() {
            let device = self.groups.get(group)?.device;
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
        let holds = |group: &Group| group.device == device && group.metrics.contains(&metric);
        self.extra.extend(self.groups.iter().position(holds));
    }

    /// Begins anew: everything is due at `start`, and nothing was missed.
    pub(crate) fn restart(&mut self, start: Instant) {
        self.extra.clear();
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
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    const fn due(group: usize, device: usize, skipped: u64) -> Due {
        Due {
            group,
            device,
            skipped,
        }
    }

    #[test]
    fn metrics_with_one_interval_are_read_together() {
        let start = Instant::now();
        let devices = [vec![SECOND, 10 * SECOND, SECOND], vec![SECOND]];
        let mut schedule = Schedule::new(&devices, 0, start);
        assert_eq!(schedule.take(start), Some(due(0, 0, 0)));
        assert_eq!(schedule.metrics(0), [0, 2]);
        assert_eq!(schedule.take(start), Some(due(1, 0, 0)));
        assert_eq!(schedule.metrics(1), [1]);
        assert_eq!(schedule.take(start), Some(due(2, 1, 0)));
        assert_eq!(schedule.take(start), None);
        let second = start + SECOND.mul_f64(phase(1));
        assert_eq!(schedule.next(start), Some(second));
        schedule.once_more(0, 2);
        assert_eq!(schedule.next(start), Some(start));
        assert_eq!(schedule.take(start), Some(due(0, 0, 0)));
        assert_eq!(schedule.next(start), Some(second));
    }

    #[test]
    fn a_late_tick_is_skipped_and_the_next_one_is_on_time() {
        let start = Instant::now();
        let mut schedule = Schedule::new(&[vec![SECOND]], 0, start);
        assert_eq!(schedule.take(start), Some(due(0, 0, 0)));
        let late = start + 3 * SECOND + SECOND / 2;
        assert_eq!(schedule.take(late), Some(due(0, 0, 2)));
        assert_eq!(schedule.take(late), None);
        assert_eq!(schedule.next(late), Some(start + 4 * SECOND));
    }

    #[test]
    fn a_slow_group_does_not_starve_the_others() {
        let start = Instant::now();
        let devices = [vec![SECOND], vec![SECOND]];
        let mut schedule = Schedule::new(&devices, 0, start);
        let mut reads = [0, 0];
        let mut now = start;
        while now < start + 20 * SECOND {
            if let Some(due) = schedule.take(now) {
                reads[due.device] += 1;
                now += 2 * SECOND;
            } else {
                now += SECOND / 10;
            }
        }
        assert_eq!(reads, [5, 5]);
    }

    #[test]
    fn a_device_on_hold_is_left_in_peace() {
        let start = Instant::now();
        let mut schedule = Schedule::new(&[vec![SECOND], vec![SECOND]], 0, start);
        schedule.hold(0, start + 5 * SECOND);
        assert_eq!(schedule.take(start), Some(due(1, 1, 0)));
        assert_eq!(schedule.take(start), None);
        schedule.release(0, start);
        assert_eq!(schedule.take(start), Some(due(0, 0, 0)));
    }

    #[test]
    fn devices_with_one_interval_take_turns_after_their_first_reading() {
        const DEVICES: u32 = 100;
        let start = Instant::now();
        let devices: Vec<_> = (0..DEVICES).map(|_| vec![SECOND]).collect();
        let mut schedule = Schedule::new(&devices, 0, start);
        for _ in 0..DEVICES {
            assert!(schedule.take(start).is_some(), "each is read at once");
        }
        let mut times = Vec::new();
        while let Some(next) = schedule.next(start).filter(|next| *next <= start + SECOND) {
            times.push(next);
            assert_eq!(schedule.take(next).map(|due| due.skipped), Some(0));
        }
        assert_eq!(
            times.len(),
            devices.len(),
            "each is read once in an interval"
        );
        let gaps = times.windows(2).map(|pair| pair[1].duration_since(pair[0]));
        let (least, most) = gaps.fold((SECOND, Duration::ZERO), |(least, most), gap| {
            (least.min(gap), most.max(gap))
        });
        assert!(least > SECOND / DEVICES / 3, "{least:?}");
        assert!(most < SECOND / DEVICES * 3, "{most:?}");
    }
}
