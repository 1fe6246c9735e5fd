//! A measured figure, told so that `make bench` can put it into its table.

use std::io::Write;

use serde::Serialize;

/// What a line that tells a figure begins with.
const MARK: &str = "figure ";

/// One measured figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured, in a few words.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What it should be.
    pub goal: Goal,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// It is only told.
    Open,
}

impl Figure {
    /// Tells it on standard output, a line of its own.
    pub fn tell(&self) {
        let text = serde_json::to_string(self).expect("a figure is plain");
        // Where nobody listens there is nobody to tell.
        drop(writeln!(std::io::stdout(), "{MARK}{text}"));
    }
}

/// Tells a figure.
pub fn tell(name: &str, value: f64, unit: &'static str, goal: Goal) {
    Figure {
        name: name.to_owned(),
        value,
        unit,
        goal,
    }
    .tell();
}

/// The value below which the share `part` of `samples` lies; 0 where there are none.
pub fn quantile(samples: &mut [f64], part: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place among some thousands of samples"
    )]
    let place = (samples.len().saturating_sub(1) as f64 * part).round() as usize;
    samples.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_sample() {
        let mut samples: Vec<f64> = (1..=101).rev().map(f64::from).collect();
        assert_eq!(quantile(&mut samples, 0.5).to_bits(), 51_f64.to_bits());
        assert_eq!(quantile(&mut samples, 0.99).to_bits(), 100_f64.to_bits());
        assert_eq!(quantile(&mut [], 0.5).to_bits(), 0_f64.to_bits());
    }
}
