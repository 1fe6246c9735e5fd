//! What is known of one device: up or down, its problems, what was last published; pure.

use std::time::Duration;

use umec_spec::settings::plugin::{DeviceSettings, Protocol, Report};
use umec_wire::status::{Identity, Limits, MetricBirth, State};
use umec_wire::{
    MetricName, PluginName, Reading, Reason, Series, Span, Status, Timestamp, Unit, Value,
};

use super::Samples;

/// One lost answer is weather; as many as these in a row are a dead device.
pub(crate) const FAILURES_UNTIL_DOWN: u32 = 2;

/// A problem is shown with the first bad value and withdrawn after as many good ones, so that a value
/// on the edge of its range does not change the status with every sample.
const GOOD_UNTIL_SOUND: u8 = 3;

/// A status is published again after this, before a bounded stream forgets it.
const REFRESH: Duration = Duration::from_mins(10);

/// One device.
#[derive(Debug)]
pub(crate) struct Device {
    metrics: Vec<Metric>,
    life: Life,
    since: Timestamp,
    failures: u32,
    identity: Identity,
    announced: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Life {
    /// It was not read yet.
    Unknown,
    Up,
    Down(Reason),
}

#[derive(Debug)]
struct Metric {
    series: Series,
    unit: Option<Unit>,
    range: Option<Limits>,
    report: Option<Report>,
    birth: MetricBirth,
    /// How often it is sampled where nobody has told the device otherwise.
    configured: Span,
    problem: Option<Problem>,
    /// The last value that was read and good.
    value: Option<Value>,
    /// What was published last, and when.
    published: Option<(Value, Timestamp)>,
}

#[derive(Debug)]
struct Problem {
    reason: Reason,
    /// How many good values came since.
    good: u8,
}

/// What came of a sample.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The status has changed.
    pub(crate) changed: bool,
    /// How many values were bad.
    pub(crate) bad: u64,
    /// The device was down until this sample.
    pub(crate) came_back: bool,
}

impl Device {
    pub(crate) fn new<P: Protocol>(settings: &DeviceSettings<P>, now: Timestamp) -> Self {
        let metrics = settings.metrics.iter().map(|metric| Metric {
            series: Series::raw(metric.name.clone()),
            unit: metric.unit,
            range: metric.range,
            report: metric.report,
            birth: MetricBirth {
                name: metric.name.clone(),
                unit: metric.unit,
                every: Some(metric.every),
                write: metric.write,
            },
            configured: metric.every,
            problem: None,
            value: None,
            published: None,
        });
        Self {
            metrics: metrics.collect(),
            life: Life::Unknown,
            since: now,
            failures: 0,
            identity: settings.identity.clone(),
            announced: None,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.life == Life::Up
    }

    /// How many reads failed in a row.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    /// The number of a metric.
    pub(crate) fn metric(&self, name: &str) -> Option<usize> {
        let names = self.metrics.iter().map(|m| m.birth.name.as_str());
        names.into_iter().position(|known| known == name)
    }

    /// What may be written to a metric.
    pub(crate) fn write_limits(&self, metric: usize) -> Option<Limits> {
        self.metrics.get(metric).and_then(|m| m.birth.write)
    }

    /// The last good value of a metric.
    pub(crate) fn value(&self, metric: usize) -> Option<&Value> {
        self.metrics.get(metric).and_then(|m| m.value.as_ref())
    }

    /// Samples all its metrics at one interval, or as configured.
    pub(crate) fn sample_every(&mut self, every: Option<Span>) {
        for metric in &mut self.metrics {
            metric.birth.every = Some(every.unwrap_or(metric.configured));
        }
    }

    /// Whether its status was ever published.
    pub(crate) const fn is_announced(&self) -> bool {
        self.announced.is_some()
    }

    /// Takes what the device says of itself; what it does not say stays as its profile has it.
    pub(crate) fn identify(&mut self, told: Identity) {
        let known = &mut self.identity;
        known.manufacturer = told.manufacturer.or_else(|| known.manufacturer.take());
        known.model = told.model.or_else(|| known.model.take());
        known.revision = told.revision.or_else(|| known.revision.take());
        known.serial = told.serial.or_else(|| known.serial.take());
    }

    /// Takes a read that the device answered; what is to be published is appended to `readings`.
    pub(crate) fn sampled(
        &mut self,
        samples: Samples,
        now: Timestamp,
        readings: &mut Vec<Reading>,
    ) -> Outcome {
        let mut outcome = Outcome {
            came_back: !self.is_up(),
            ..Outcome::default()
        };
        self.failures = 0;
        if outcome.came_back {
            self.enter(Life::Up, now);
            outcome.changed = true;
        }
        for (index, result) in samples {
            let Some(metric) = self.metrics.get_mut(index) else {
                continue;
            };
            match metric.judge(result) {
                Ok(value) => {
                    outcome.changed |= metric.sound();
                    metric.publish(value, now, readings);
                }
                Err(reason) => {
                    outcome.bad += 1;
                    outcome.changed |= metric.complain(reason);
                }
            }
        }
        outcome
    }

    /// Takes a read that the device did not answer; whether the status has changed.
    pub(crate) fn failed(&mut self, reason: &Reason, now: Timestamp) -> bool {
        self.failures = self.failures.saturating_add(1);
        let was_never_up = self.life == Life::Unknown;
        if was_never_up || self.failures >= FAILURES_UNTIL_DOWN {
            return self.down(reason, now);
        }
        false
    }

    /// Says that the device is down; whether the status has changed.
    pub(crate) fn down(&mut self, reason: &Reason, now: Timestamp) -> bool {
        if let Life::Down(known) = &self.life
            && known.code == reason.code
        {
            return false;
        }
        self.enter(Life::Down(reason.clone()), now);
        for metric in &mut self.metrics {
            metric.problem = None;
            metric.published = None;
        }
        true
    }

    /// Whether the status was not published for long.
    pub(crate) fn wants_refresh(&self, now: Timestamp) -> bool {
        let announced = |at: Timestamp| now.saturating_since(at) >= REFRESH;
        self.announced.is_some_and(announced)
    }

    /// The status, which is taken to be published.
    pub(crate) fn announce(&mut self, plugin: &PluginName, now: Timestamp) -> Status {
        self.announced = Some(now);
        let (state, reason) = match &self.life {
            Life::Up => (State::Up, None),
            Life::Down(reason) => (State::Down, Some(reason.clone())),
            Life::Unknown => (
                State::Down,
                Some(Reason::new("starting", "it was not read yet")),
            ),
        };
        let problems = self.metrics.iter().filter_map(|metric| {
            let problem = metric.problem.as_ref()?;
            Some((metric.birth.name.clone(), problem.reason.clone()))
        });
        Status {
            state,
            reason,
            since: self.since,
            plugin: plugin.clone(),
            identity: self.identity.clone(),
            metrics: self.metrics.iter().map(|m| m.birth.clone()).collect(),
            problems: problems.collect::<std::collections::BTreeMap<MetricName, Reason>>(),
        }
    }

    fn enter(&mut self, life: Life, now: Timestamp) {
        self.life = life;
        self.since = now;
    }
}

impl Metric {
    /// Believes a value that lies in its range.
    fn judge(&self, result: Result<Value, Reason>) -> Result<Value, Reason> {
        let value = result?;
        match (value.as_number(), &self.range) {
            (Some(number), Some(range)) if !range.contains(number) => {
                let text = format!("{number} lies outside {range}");
                Err(Reason::new("out-of-range", text))
            }
            _ => Ok(value),
        }
    }

    /// Notes a good value; whether it ends a problem.
    fn sound(&mut self) -> bool {
        let Some(problem) = &mut self.problem else {
            return false;
        };
        problem.good += 1;
        let ends = problem.good >= GOOD_UNTIL_SOUND;
        if ends {
            self.problem = None;
        }
        ends
    }

    /// Notes a bad value; whether it begins a problem.
    fn complain(&mut self, reason: Reason) -> bool {
        let begins = self
            .problem
            .as_ref()
            .is_none_or(|problem| problem.reason.code != reason.code);
        match &mut self.problem {
            Some(problem) if !begins => problem.good = 0,
            problem => *problem = Some(Problem { reason, good: 0 }),
        }
        begins
    }

    /// Appends the value to what is published, unless it is too much like the last.
    fn publish(&mut self, value: Value, now: Timestamp, readings: &mut Vec<Reading>) {
        self.value = Some(value.clone());
        if let (Some(report), Some((last, at))) = (&self.report, &self.published) {
            let silent = now.saturating_since(*at) < report.heartbeat.duration();
            if silent && !differs(last, &value, report.deadband) {
                return;
            }
        }
        if self.report.is_some() {
            self.published = Some((value.clone(), now));
        }
        readings.push(Reading {
            series: self.series.clone(),
            time: now,
            unit: self.unit,
            value,
        });
    }
}

fn differs(last: &Value, value: &Value, deadband: f64) -> bool {
    match (last.as_number(), value.as_number()) {
        (Some(last), Some(number)) => (number - last).abs() > deadband,
        _ => last != value,
    }
}
