//! What a simulator shows over time.

use serde::{Deserialize, Serialize};
use umec_wire::{MetricName, Span};

/// What a simulator shows for a metric, in the metric's own unit. Where a metric can be written, a
/// written value stays.
pub type Simulation = Wave<MetricName>;

/// A value over time. `R` is how it names what it follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[serde(tag = "kind", deny_unknown_fields)]
pub enum Wave<R> {
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
    /// Slowly goes where another one says, while a third one is on: a room and its heater.
    Follow {
        /// What says where to; it is in the holding table.
        setpoint: R,
        /// What must be on; it is in the coil table.
        switch: R,
        /// The value towards which it goes while the switch is off.
        rest: f64,
        /// The time after which two thirds of the way are done.
        time: Span,
    },
}

// === impl Wave ===

impl<R> Wave<R> {
    /// The same wave, with `address` saying how what it follows is named elsewhere.
    pub fn addressed<S>(self, address: impl Fn(R) -> S) -> Wave<S> {
        match self {
            Self::Constant { value } => Wave::Constant { value },
            Self::Sine { min, max, period } => Wave::Sine { min, max, period },
            Self::Saw { min, max, period } => Wave::Saw { min, max, period },
            Self::Square { min, max, period } => Wave::Square { min, max, period },
            Self::Counter { start, per_second } => Wave::Counter { start, per_second },
            Self::Text { text } => Wave::Text { text },
            Self::Follow {
                setpoint,
                switch,
                rest,
                time,
            } => Wave::Follow {
                setpoint: address(setpoint),
                switch: address(switch),
                rest,
                time,
            },
        }
    }
}
