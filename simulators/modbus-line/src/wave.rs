//! Values over time.

use std::time::Duration;

use umec_spec::settings::modbus_line::Wave;
use umec_wire::Span;

/// What a wave shows after `elapsed`; nothing for a text and for what depends on other registers.
pub(crate) fn value(wave: &Wave, elapsed: Duration) -> Option<f64> {
    match wave {
        Wave::Constant { value } => Some(*value),
        Wave::Sine { min, max, period } => {
            let turn = phase(elapsed, *period) * std::f64::consts::TAU;
            Some((max + min) / 2.0 + (max - min) / 2.0 * turn.sin())
        }
        Wave::Saw { min, max, period } => Some(min + (max - min) * phase(elapsed, *period)),
        Wave::Square { min, max, period } => {
            let is_low = phase(elapsed, *period) < 0.5;
            Some(if is_low { *min } else { *max })
        }
        Wave::Counter { start, per_second } => Some(start + per_second * elapsed.as_secs_f64()),
        Wave::Text { .. } | Wave::Follow { .. } => None,
    }
}

/// Where `value` has got to on its way to `target`: two thirds of the rest in each `time`.
pub(crate) fn approach(value: f64, target: f64, elapsed: Duration, time: Span) -> f64 {
    let times = elapsed.as_secs_f64() / time.duration().as_secs_f64();
    target + (value - target) * (1.0_f64 / 3.0).powf(times)
}

/// From 0 at the beginning of a period to almost 1 at its end.
fn phase(elapsed: Duration, period: Span) -> f64 {
    (elapsed.as_secs_f64() / period.duration().as_secs_f64()).fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_are_where_they_should_be_at_a_quarter_of_their_period() {
        let (min, max, period) = (10.0, 20.0, Span::from_secs(8));
        let at = Duration::from_secs(2);
        let close = |wave: Wave, expected: f64| {
            let shown = value(&wave, at).unwrap();
            assert!((shown - expected).abs() < 1e-9, "{wave:?} shows {shown}");
        };
        close(Wave::Sine { min, max, period }, 20.0);
        close(Wave::Saw { min, max, period }, 12.5);
        close(Wave::Square { min, max, period }, 10.0);
        close(
            Wave::Counter {
                start: 5.0,
                per_second: 0.5,
            },
            6.0,
        );
    }

    #[test]
    fn a_follower_has_done_two_thirds_of_the_way_after_its_time() {
        let shown = approach(15.0, 21.0, Duration::from_mins(1), Span::from_secs(60));
        assert!((shown - 19.0).abs() < 1e-9, "{shown}");
    }
}
