//! What is kept of one metric in one window.

use umec_wire::{Reading, Statistic, Timestamp, Unit, Value};

use super::number;

/// The sum of one metric's readings in one window: a few numbers, whatever their count.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    count: u64,
    /// What only numbers have; nothing as soon as one value is none.
    numbers: Option<Numbers>,
    last: Value,
    unit: Option<Unit>,
    last_time: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Numbers {
    mean: f64,
    min: f64,
    max: f64,
}

// === impl Tally ===

impl Tally {
    pub(super) fn new(reading: &Reading) -> Self {
        Self {
            count: 1,
            numbers: reading.value.as_number().map(|number| Numbers {
                mean: number,
                min: number,
                max: number,
            }),
            last: reading.value.clone(),
            unit: reading.unit,
            last_time: reading.time,
        }
    }

    pub(super) fn add(&mut self, reading: &Reading) {
        self.count += 1;
        let both = self.numbers.zip(reading.value.as_number());
        self.numbers = both.map(|(numbers, number)| numbers.add(self.count, number));
        // Of two samples of one time the one that came later is the last.
        if reading.time >= self.last_time {
            self.last = reading.value.clone();
            self.unit = reading.unit;
            self.last_time = reading.time;
        }
    }

    /// The statistics in the order of [`Statistic::ALL`]; a count has no unit.
    pub(super) fn statistics(&self) -> Vec<(Statistic, Option<Unit>, Value)> {
        let mut all = vec![(Statistic::Count, None, number(self.count))];
        if let Some(numbers) = self.numbers {
            let three = [
                (Statistic::Mean, numbers.mean),
                (Statistic::Min, numbers.min),
                (Statistic::Max, numbers.max),
            ];
            all.extend(three.into_iter().filter_map(|(statistic, number)| {
                Some((statistic, self.unit, Value::number(number).ok()?))
            }));
        }
        all.push((Statistic::Last, self.unit, self.last.clone()));
        all
    }
}

// === impl Numbers ===

impl Numbers {
    /// Takes the `count`th number. The mean moves by its share of the difference, halved first, so
    /// that neither a long sum nor two numbers at opposite ends of the range can overflow.
    #[expect(clippy::cast_precision_loss, reason = "no window counts to 2^53")]
    fn add(self, count: u64, number: f64) -> Self {
        let half_step = (number / 2.0 - self.mean / 2.0) / count as f64;
        Self {
            mean: (self.mean + half_step + half_step)
                .clamp(self.min.min(number), self.max.max(number)),
            min: self.min.min(number),
            max: self.max.max(number),
        }
    }
}
