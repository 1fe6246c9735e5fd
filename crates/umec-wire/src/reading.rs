//! What a device measured: values, each with its series, time and unit, in packs of one device.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;

use crate::label::{DeviceName, LabelError, MetricName, NodeName};
use crate::span::{Span, SpanError};
use crate::time::Timestamp;
use crate::unit::Unit;

/// One value, as SenML knows them (RFC 8428 section 4.3).
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A finite number.
    Number(Number),
    /// True or false.
    Boolean(bool),
    /// A text.
    Text(Arc<str>),
    /// Bytes.
    Opaque(Bytes),
}

/// A number that is neither infinite nor "not a number", which SenML cannot carry.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Number(f64);

/// Says that a number is infinite or not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a value must be a finite number (RFC 8428 section 4.3 has no infinity and no NaN)")]
pub struct NotFinite;

/// What a window of readings is reduced to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Statistic {
    /// How many readings the window has.
    Count,
    /// Their arithmetic mean.
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The latest.
    Last,
    /// How many readings came after their own window had been closed, since the window before: they
    /// are in no aggregate. Stands only where there are any.
    Late,
}

/// What a value belongs to: a metric, or a statistic of a metric over windows of one length.
///
/// Written `temperature`, or `temperature/10s/mean`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Series {
    /// The metric.
    pub metric: MetricName,
    /// The window's length and the statistic, where the value is an aggregate.
    pub aggregate: Option<(Span, Statistic)>,
}

/// Why a text is not a [`Series`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {
    /// There are neither one nor three parts between slashes.
    #[error("{0:?} is neither <metric> nor <metric>/<window>/<statistic>")]
    Shape(String),
    /// The metric is not a name.
    #[error("the metric of a series")]
    Metric(#[source] LabelError),
    /// The window is not a duration.
    #[error("the window of a series")]
    Window(#[source] SpanError),
    /// The statistic is not known.
    #[error("the statistic {0:?} is not one of count, mean, min, max, last, late")]
    Statistic(String),
}

/// One value of one series at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What it belongs to.
    pub series: Series,
    /// When it was sampled; for an aggregate when its window began.
    pub time: Timestamp,
    /// Its unit, where it has one.
    pub unit: Option<Unit>,
    /// The value.
    pub value: Value,
}

/// The readings of one device that travel together; as SenML a pack (RFC 8428 section 3).
#[derive(Debug, Clone, PartialEq)]
pub struct Pack {
    /// The node that the device hangs on.
    pub node: NodeName,
    /// The device.
    pub device: DeviceName,
    /// At least one reading, in the order of sampling.
    pub readings: Vec<Reading>,
}

// === impl Number ===

impl Number {
    /// Takes a number if it is finite.
    pub fn new(number: f64) -> Result<Self, NotFinite> {
        if number.is_finite() {
            Ok(Self(number))
        } else {
            Err(NotFinite)
        }
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

// === impl Value ===

impl Value {
    /// Takes a number if it is finite.
    pub fn number(number: f64) -> Result<Self, NotFinite> {
        Number::new(number).map(Self::Number)
    }

    /// The number, where the value is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number.get()),
            Self::Boolean(_) | Self::Text(_) | Self::Opaque(_) => None,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => fmt::Display::fmt(number, f),
            Self::Boolean(value) => fmt::Display::fmt(value, f),
            Self::Text(text) => fmt::Display::fmt(text, f),
            Self::Opaque(bytes) => f.write_str(&data_encoding::BASE64URL_NOPAD.encode(bytes)),
        }
    }
}

// === impl Statistic ===

impl Statistic {
    /// All of them, in the order in which they are published.
    pub const ALL: [Self; 6] = [
        Self::Count,
        Self::Mean,
        Self::Min,
        Self::Max,
        Self::Last,
        Self::Late,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::Last => "last",
            Self::Late => "late",
        }
    }
}

// === impl Series ===

impl Series {
    /// The series of a metric's own values.
    pub fn raw(metric: MetricName) -> Self {
        Self {
            metric,
            aggregate: None,
        }
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric.as_str())?;
        match self.aggregate {
            Some((window, statistic)) => write!(f, "/{window}/{}", statistic.as_str()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Series {
    type Err = SeriesError;

    fn from_str(text: &str) -> Result<Self, SeriesError> {
        let mut parts = text.split('/');
        let metric = parts.next().unwrap_or_default();
        let metric = MetricName::new(metric).map_err(SeriesError::Metric)?;
        let aggregate = match (parts.next(), parts.next(), parts.next()) {
            (None, _, _) => None,
            (Some(window), Some(name), None) => {
                let statistic = Statistic::ALL.into_iter().find(|s| s.as_str() == name);
                Some((
                    window.parse().map_err(SeriesError::Window)?,
                    statistic.ok_or_else(|| SeriesError::Statistic(name.to_owned()))?,
                ))
            }
            _ => return Err(SeriesError::Shape(text.to_owned())),
        };
        Ok(Self { metric, aggregate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_read_as_it_is_written() {
        for text in ["temperature", "temperature/10s/mean", "flow-rate/15m/last"] {
            assert_eq!(text.parse::<Series>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "Temp",
            "a/b",
            "a/10s",
            "a/10s/median",
            "a/10s/mean/x",
            "a/0s/mean",
        ] {
            assert!(text.parse::<Series>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_number_is_finite() {
        assert_eq!(Value::number(f64::NAN), Err(NotFinite));
        assert_eq!(Value::number(f64::NEG_INFINITY), Err(NotFinite));
        assert_eq!(Value::number(-0.5).unwrap().as_number(), Some(-0.5));
    }
}
