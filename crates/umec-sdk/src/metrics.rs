//! Figures for Prometheus, thinly over `prometheus-client`: each is made once by name, and found again by it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

pub use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
pub use prometheus_client::metrics::gauge::Gauge;
pub use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The figures of a process. A clone writes into the same registry.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Mutex<Figures>>);

#[derive(Debug, Default)]
struct Figures {
    registry: Registry,
    counters: HashMap<&'static str, CounterFamily>,
    gauges: HashMap<&'static str, GaugeFamily>,
    histograms: HashMap<&'static str, HistogramFamily>,
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
        self.counter_family(name, help, &[]).with(&[])
    }

    /// A gauge without labels.
    pub fn gauge(&self, name: &'static str, help: &'static str) -> Gauge {
        self.gauge_family(name, help, &[]).with(&[])
    }

    /// A histogram without labels.
    pub fn histogram(
        &self,
        name: &'static str,
        help: &'static str,
        buckets: &'static [f64],
    ) -> Histogram {
        self.histogram_family(name, help, &[], buckets).with(&[])
    }

    /// Counters with labels.
    pub fn counter_family(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> CounterFamily {
        let figures = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || CounterFamily(labels, Family::default());
        let family = figures.counters.entry(name).or_insert_with(|| {
            let family = make();
            figures.registry.register(name, help, family.1.clone());
            family
        });
        family.clone()
    }

    /// Gauges with labels.
    pub fn gauge_family(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> GaugeFamily {
        let figures = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let family = figures.gauges.entry(name).or_insert_with(|| {
            let family = GaugeFamily(labels, Family::default());
            figures.registry.register(name, help, family.1.clone());
            family
        });
        family.clone()
    }

    /// Histograms with labels.
    pub fn histogram_family(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        buckets: &'static [f64],
    ) -> HistogramFamily {
        let figures = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let family = figures.histograms.entry(name).or_insert_with(|| {
            let family = Family::new_with_constructor(Buckets(buckets));
            let family = HistogramFamily(labels, family);
            figures.registry.register(name, help, family.1.clone());
            family
        });
        family.clone()
    }

    /// All figures in the text format of Prometheus (`OpenMetrics` 1.0).
    pub fn encode(&self) -> String {
        let figures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        match prometheus_client::encoding::text::encode(&mut text, &figures.registry) {
            Ok(()) => text,
            Err(fmt::Error) => String::new(),
        }
    }
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
    }
}
