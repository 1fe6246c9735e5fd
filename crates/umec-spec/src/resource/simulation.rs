//! What a simulator shows for a metric.

use serde::{Deserialize, Serialize};
use umec_wire::{MetricName, Span};

/// A value over time, in the metric's own unit. Where a metric can be written, a written value stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[serde(tag = "kind", deny_unknown_fields)]
pub enum Simulation {
    /// Always the same number; a bit is on from 0.5.
    Constant {
        /// The value.
        value: f64,
    },
    /// A sine.
    Sine {
        /// The lowest.
        min: f64,
        /// The highest.
        max: f64,
        /// The time of one wave.
        period: Span,
    },
    /// A line upwards, and down at once.
    Saw {
        /// The lowest.
        min: f64,
        /// The highest.
        max: f64,
        /// The time of one wave.
        period: Span,
    },
    /// For half of the time the lowest, then the highest.
    Square {
        /// The lowest.
        min: f64,
        /// The highest.
        max: f64,
        /// The time of one wave.
        period: Span,
    },
    /// A count that grows.
    Counter {
        /// Where it begins.
        start: f64,
        /// How much it grows in a second.
        per_second: f64,
    },
    /// A text.
    Text {
        /// The text.
        text: String,
    },
    /// Slowly goes where another metric says, while a third one is on: a room and its heater.
    Follow {
        /// The metric that says where to; it is in the holding table.
        setpoint: MetricName,
        /// The metric that must be on; it is in the coil table.
        switch: MetricName,
        /// The value towards which it goes while the switch is off.
        rest: f64,
        /// The time after which two thirds of the way are done.
        time: Span,
    },
}
