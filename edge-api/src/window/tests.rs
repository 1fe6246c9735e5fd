use proptest::prelude::*;
use umec_wire::NodeName;

use super::*;

const SECOND: i64 = 1_000_000;

fn at(seconds: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "small numbers of a test")]
    Timestamp::from_micros((seconds * 1e6) as i64)
}

fn device(name: &str) -> DeviceName {
    DeviceName::new(name).unwrap()
}

fn pack(name: &str, readings: &[(&str, f64, Value)]) -> Pack {
    Pack {
        node: NodeName::new("pole-7").unwrap(),
        device: device(name),
        readings: readings
            .iter()
            .map(|(metric, time, value)| Reading {
                series: Series::raw(MetricName::new(metric).unwrap()),
                time: at(*time),
                unit: Some("Cel".parse().unwrap()),
                value: value.clone(),
            })
            .collect(),
    }
}

fn temperature(time: f64, value: f64) -> Pack {
    pack("a", &[("temperature", time, Value::number(value).unwrap())])
}

fn live(lengths: &[u64]) -> Windows {
    let lengths = lengths.iter().map(|s| Span::from_secs(*s)).collect();
    let mut windows = Windows::new(lengths, Span::from_secs(2), at(0.0));
    windows.caught_up();
    windows
}

/// `series=value` of every aggregate, as a person would write them down.
fn written(closed: &[Closed]) -> Vec<String> {
    closed
        .iter()
        .flat_map(|window| &window.readings)
        .map(|r| format!("{}@{}={}", r.series, r.time.as_micros() / SECOND, r.value))
        .collect()
}

#[test]
fn a_window_is_reduced_to_count_mean_min_max_and_last() {
    let mut windows = live(&[10]);
    for (time, value) in [(10.0, 20.0), (14.0, 26.0), (19.9, 23.0)] {
        assert_eq!(
            windows.take(&temperature(time, value), at(time)),
            Taken::default()
        );
    }
    assert_eq!(windows.next_close(), Some(at(22.0)));
    assert!(windows.advance(at(21.9)).is_empty());
    let closed = windows.advance(at(22.0));
    assert_eq!(
        written(&closed),
        [
            "temperature/10s/count@10=3",
            "temperature/10s/mean@10=23",
            "temperature/10s/min@10=20",
            "temperature/10s/max@10=26",
            "temperature/10s/last@10=23",
        ]
    );
    let units: Vec<_> = closed[0]
        .readings
        .iter()
        .map(|r| r.unit.is_some())
        .collect();
    assert_eq!(units, [false, true, true, true, true]);
    assert_eq!(windows.next_close(), None);
}

#[test]
fn a_reading_of_the_same_device_closes_its_windows_and_no_others() {
    let mut windows = live(&[10]);
    windows.take(&temperature(5.0, 1.0), at(5.0));
    windows.take(&pack("b", &[("level", 5.0, Value::from(true))]), at(5.0));
    let taken = windows.take(&temperature(12.0, 2.0), at(12.0));
    assert_eq!(taken.closed.len(), 1);
    assert_eq!(taken.closed[0].device, device("a"));
}

#[test]
fn what_is_no_number_has_a_count_and_a_last() {
    let mut windows = live(&[10]);
    windows.take(&pack("a", &[("mode", 1.0, Value::from("heat"))]), at(1.0));
    windows.take(&pack("a", &[("mode", 2.0, Value::from("off"))]), at(2.0));
    let written = written(&windows.advance(at(12.0)));
    assert_eq!(written, ["mode/10s/count@0=2", "mode/10s/last@0=off"]);
}

#[test]
fn a_late_reading_is_in_no_aggregate_and_told_in_the_next() {
    let mut windows = live(&[10]);
    windows.take(&temperature(1.0, 1.0), at(1.0));
    windows.advance(at(12.0));
    assert_eq!(windows.take(&temperature(9.0, 100.0), at(12.5)).late, 1);
    windows.take(&temperature(13.0, 3.0), at(13.0));
    let written = written(&windows.advance(at(22.0)));
    assert_eq!(written.first().unwrap(), "temperature/10s/count@10=1");
    assert_eq!(written.last().unwrap(), "temperature/10s/late@10=1");
}

#[test]
fn a_reading_within_the_grace_is_in_its_window() {
    let mut windows = live(&[10]);
    windows.take(&temperature(1.0, 1.0), at(1.0));
    windows.take(&temperature(11.0, 5.0), at(11.0));
    windows.take(&temperature(9.0, 3.0), at(11.5));
    let written = written(&windows.advance(at(12.0)));
    assert_eq!(
        written[..2],
        ["temperature/10s/count@0=2", "temperature/10s/mean@0=2"]
    );
}

#[test]
fn the_last_is_the_latest_sample_and_not_the_latest_arrival() {
    let mut windows = live(&[10]);
    windows.take(&temperature(8.0, 8.0), at(8.0));
    windows.take(&temperature(3.0, 3.0), at(9.0));
    assert_eq!(
        written(&windows.advance(at(12.0))).last().unwrap(),
        "temperature/10s/last@0=8"
    );
}

#[test]
fn a_reading_from_the_future_opens_no_window() {
    let mut windows = live(&[10]);
    assert_eq!(windows.take(&temperature(500.0, 1.0), at(5.0)).early, 1);
    assert_eq!(windows.next_close(), None);
}

#[test]
fn lengths_are_independent_of_each_other() {
    let mut windows = live(&[10, 60]);
    for second in 0_u8..62 {
        let time = f64::from(second);
        windows.take(&temperature(time, time), at(time));
    }
    let written = written(&windows.advance(at(62.0)));
    assert!(
        written.contains(&"temperature/1m/count@0=60".to_owned()),
        "{written:?}"
    );
}

#[test]
fn a_backlog_that_comes_in_order_is_not_late_while_the_clock_is_held() {
    let mut windows = live(&[10]);
    let mut closed = Vec::new();
    // The bus was away until 100 s; each device then sends what it held, in order.
    for second in 0_u8..60 {
        let taken = windows.take(&temperature(f64::from(second), 1.0), at(100.0));
        assert_eq!(taken.late, 0);
        closed.extend(taken.closed);
    }
    assert_eq!(closed.len(), 5);
    assert!(closed.iter().all(|c| c.readings[0].value == number(10)));
}

#[test]
fn a_restart_neither_loses_nor_doubles_a_window() {
    let history: Vec<Pack> = (0_u8..45)
        .map(|s| temperature(f64::from(s), f64::from(s)))
        .collect();
    let mut first = live(&[10]);
    let mut published = Vec::new();
    for pack in &history[..30] {
        published.extend(first.take(pack, pack.readings[0].time).closed);
    }
    let mut second = Windows::new(vec![Span::from_secs(10)], Span::from_secs(2), at(0.0));
    for window in &published {
        second.published(&window.device, window.length, window.start);
    }
    let mut again = Vec::new();
    for pack in &history {
        let taken = second.take(pack, pack.readings[0].time);
        assert_eq!(taken.late, 0);
        again.extend(taken.closed);
    }
    second.caught_up();
    published.extend(again);
    let starts: Vec<_> = published.iter().map(|w| w.start).collect();
    assert_eq!(starts, [at(0.0), at(10.0), at(20.0), at(30.0)]);
    assert!(published.iter().all(|w| w.readings[0].value == number(10)));
}

#[test]
fn a_window_that_began_before_the_first_reading_we_may_see_is_not_published() {
    let mut windows = Windows::new(vec![Span::from_secs(10)], Span::from_secs(2), at(15.0));
    windows.take(&temperature(16.0, 1.0), at(16.0));
    windows.take(&temperature(21.0, 2.0), at(21.0));
    let starts: Vec<_> = windows.advance(at(100.0)).iter().map(|w| w.start).collect();
    assert_eq!(starts, [at(20.0)]);
}

#[test]
fn too_many_metrics_and_devices_are_counted_and_take_no_memory() {
    let mut windows = live(&[10]);
    let mut crowded = 0;
    for index in 0..MAX_METRICS + 5 {
        let metric = format!("m{index}");
        let pack = pack("a", &[(&metric, 1.0, Value::from(true))]);
        crowded += windows.take(&pack, at(1.0)).crowded;
    }
    for index in 0..MAX_DEVICES {
        let pack = pack(&format!("d{index}"), &[("m", 1.0, Value::from(true))]);
        crowded += windows.take(&pack, at(1.0)).crowded;
    }
    assert_eq!(crowded, 6);
}

#[test]
fn numbers_at_both_ends_of_the_range_have_a_finite_mean() {
    let mut windows = live(&[10]);
    windows.take(&temperature(1.0, f64::MAX), at(1.0));
    windows.take(&temperature(2.0, f64::MIN), at(2.0));
    let written = written(&windows.advance(at(12.0)));
    assert_eq!(written[1], "temperature/10s/mean@0=0");
}

proptest! {
    /// Whatever the order within the lateness, each reading is counted exactly once for each length.
    #[test]
    fn every_reading_is_counted_once_or_late(times in prop::collection::vec((0_u32..120, 0_u32..8), 1..200)) {
        let mut windows = live(&[10, 60]);
        let mut times: Vec<_> = times.into_iter().map(|(t, delay)| (f64::from(t), f64::from(t + delay))).collect();
        times.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (mut late, mut closed) = (0, Vec::new());
        for (time, stored) in &times {
            closed.extend(windows.advance(at(*stored)));
            let taken = windows.take(&temperature(*time, 1.0), at(*stored));
            late += taken.late;
            closed.extend(taken.closed);
        }
        closed.extend(windows.advance(at(1_000.0)));
        let sum = |statistic| -> f64 {
            closed.iter().flat_map(|c| &c.readings)
                .filter(|r| r.series.aggregate.unwrap().1 == statistic)
                .filter_map(|r| r.value.as_number()).sum()
        };
        #[expect(clippy::cast_precision_loss, reason = "small numbers of a test")]
        let (all, late) = (2.0 * times.len() as f64, late as f64);
        prop_assert!((sum(Statistic::Count) + late - all).abs() < 1e-9);
        prop_assert!(sum(Statistic::Late) <= late);
        let mut keys: Vec<_> = closed.iter().map(|c| (c.length, c.start)).collect();
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), closed.len());
    }
}
