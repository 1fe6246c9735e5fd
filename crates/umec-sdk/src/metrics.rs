//! Figures for Prometheus, thinly over `prometheus-client`: each is made once by name, and found again by it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
pub use prometheus_client::metrics::gauge::Gauge;
pub use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

/// The figures of a process. A clone writes into the same registry.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Mutex<Figures>>);

#[derive(Debug, Default)]
struct Figures {
    registry: Registry,
    counters: HashMap<&'static str, Counter>,
    gauges: HashMap<&'static str, Gauge>,
    histograms: HashMap<&'static str, Histogram>,
    counter_families: HashMap<&'static str, CounterFamily>,
    gauge_families: HashMap<&'static str, GaugeFamily>,
    histogram_families: HashMap<&'static str, HistogramFamily>,
}

type Labels = Vec<(&'static str, String)>;

/// A counter for each combination of labels. Labels are bounded: names of devices, not of messages.
#[derive(Debug, Clone)]
pub struct CounterFamily(&'static [&'static str], Family<Labels, Counter>);

/// A gauge for each combination of labels.
#[derive(Debug, Clone)]
pub struct GaugeFamily(&'static [&'static str], Family<Labels, Gauge>);

/// A histogram for each combination of labels.
#[derive(Debug, Clone)]
pub struct HistogramFamily(&'static [&'static str], Family<Labels, Histogram, Buckets>);

/// The upper bounds of a histogram's buckets.
#[derive(Debug, Clone, Copy)]
struct Buckets(&'static [f64]);

/// Buckets for durations in seconds, from half a millisecond to ten seconds.
pub const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
];

// === impl Metrics ===

impl Metrics {
    /// A counter without labels. The name begins with `umec_`; `_total` is added to it.
    pub fn counter(&self, name: &'static str, help: &'static str) -> Counter {
        let figures = &mut *self.figures();
        let make = || register(&mut figures.registry, name, help, Counter::default());
        figures.counters.entry(name).or_insert_with(make).clone()
    }

    /// A gauge without labels.
    pub fn gauge(&self, name: &'static str, help: &'static str) -> Gauge {
        let figures = &mut *self.figures();
        let make = || register(&mut figures.registry, name, help, Gauge::default());
        figures.gauges.entry(name).or_insert_with(make).clone()
    }

    /// A histogram without labels.
    pub fn histogram(
        &self,
        name: &'static str,
        help: &'static str,
        buckets: &'static [f64],
    ) -> Histogram {
        let figures = &mut *self.figures();
        let histogram = || Histogram::new(buckets.iter().copied());
        let make = || register(&mut figures.registry, name, help, histogram());
        figures.histograms.entry(name).or_insert_with(make).clone()
    }

    /// Counters with labels.
    pub fn counter_family(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> CounterFamily {
        let figures = &mut *self.figures();
        let make = || {
            let family = Family::default();
            CounterFamily(labels, register(&mut figures.registry, name, help, family))
        };
        figures
            .counter_families
            .entry(name)
            .or_insert_with(make)
            .clone()
    }

    /// Gauges with labels.
    pub fn gauge_family(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> GaugeFamily {
        let figures = &mut *self.figures();
        let make = || {
            let family = Family::default();
            GaugeFamily(labels, register(&mut figures.registry, name, help, family))
        };
        figures
            .gauge_families
            .entry(name)
            .or_insert_with(make)
            .clone()
    }

    /// Histograms with labels.
    pub fn histogram_family(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        buckets: &'static [f64],
    ) -> HistogramFamily {
        let figures = &mut *self.figures();
        let make = || {
            let family = Family::new_with_constructor(Buckets(buckets));
            HistogramFamily(labels, register(&mut figures.registry, name, help, family))
        };
        figures
            .histogram_families
            .entry(name)
            .or_insert_with(make)
            .clone()
    }

    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All figures in the text format of Prometheus (`OpenMetrics` 1.0).
    pub fn encode(&self) -> String {
        let figures = self.figures();
        let mut text = String::new();
        match prometheus_client::encoding::text::encode(&mut text, &figures.registry) {
            Ok(()) => text,
            Err(fmt::Error) => String::new(),
        }
    }
}

/// Adds a figure to the registry and gives it back.
fn register<M: Metric + Clone>(
    registry: &mut Registry,
    name: &'static str,
    help: &'static str,
    figure: M,
) -> M {
    registry.register(name, help, figure.clone());
    figure
}

fn labels(names: &[&'static str], values: &[&str]) -> Labels {
    let values = values.iter().map(|value| (*value).to_owned());
    names.iter().copied().zip(values).collect()
}

// === impl the families ===

impl CounterFamily {
    /// The counter of one combination, its values in the order of the names.
    pub fn with(&self, values: &[&str]) -> Counter {
        self.1.get_or_create_owned(&labels(self.0, values))
    }
}

impl GaugeFamily {
    /// The gauge of one combination, its values in the order of the names.
    pub fn with(&self, values: &[&str]) -> Gauge {
        self.1.get_or_create_owned(&labels(self.0, values))
    }
}

impl HistogramFamily {
    /// The histogram of one combination, its values in the order of the names.
    pub fn with(&self, values: &[&str]) -> Histogram {
        self.1.get_or_create_owned(&labels(self.0, values))
    }
}

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_made_once_and_found_again() {
        let metrics = Metrics::default();
        let names = &["device", "result"];
        let reads = metrics.counter_family("umec_reads", "Reads by result", names);
        reads.with(&["meter-3", "good"]).inc();
        let again = metrics.counter_family("umec_reads", "Reads by result", names);
        again.with(&["meter-3", "good"]).inc();
        let text = metrics.encode();
        let line = r#"umec_reads_total{device="meter-3",result="good"} 2"#;
        assert!(text.contains(line), "{text}");
        assert_eq!(text.matches("# TYPE").count(), 1);
        metrics.counter("umec_starts", "Starts").inc();
        metrics.counter("umec_starts", "Starts").inc();
        let text = metrics.encode();
        assert!(text.contains("umec_starts_total 2\n"), "{text}");
    }
}
