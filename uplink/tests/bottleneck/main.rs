//! Uplinks that share a slow link, in virtual time: it is used, shared evenly, and its queue stays short.
//!
//! The machines are the true ones on both ends; Kafka takes everything at once, where a test does not say
//! otherwise. The link is one
//! queue that drops nothing, which is the worst case for delay.

#![cfg(test)]

mod link;

use std::time::Duration;

use link::{Kafka, Path, run};

/// What the slow link carries.
const KBITS: u64 = 100;

/// How long the queue may get for each uplink that shares the link: the least window of two datagrams of
/// 1,200 bytes, and the target of 100 ms.
const QUEUE: Duration = Duration::from_millis(400);

/// Jain's index: 1 where all have the same, 1/n where one has all.
fn jain(shares: &[f64]) -> f64 {
    let count = shares.iter().map(|_| 1.0).sum::<f64>();
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    sum * sum / (count * squares)
}

fn path(datagram: usize, round_trip: u64, loss: f64) -> Path {
    Path {
        bits_per_second: KBITS * 1_000,
        round_trip: Duration::from_millis(round_trip),
        jitter: Duration::ZERO,
        loss,
        datagram,
        kafka: Kafka {
            capacity: 100_000,
            delay: Duration::ZERO,
        },
    }
}

#[test]
fn one_uplink_uses_a_slow_link_and_keeps_its_queue_short() {
    for datagram in [237, 1_200] {
        for round_trip in [40, 150, 600] {
            let report = run(1, path(datagram, round_trip, 0.0), Duration::from_mins(2));
            let what = format!("{datagram} bytes, {round_trip} ms: {report:?}");
            assert!(report.used >= 0.8, "{what}");
            assert!(report.queue_p95 <= QUEUE, "{what}");
        }
    }
}

#[test]
fn two_to_eight_uplinks_share_a_slow_link_evenly() {
    for count in [2_u32, 4, 8] {
        for (datagram, round_trip) in [(237, 150), (1_200, 150), (1_200, 600)] {
            let path = path(datagram, round_trip, 0.0);
            let report = run(count, path, Duration::from_mins(4));
            let fair = jain(&report.shares);
            let what =
                format!("{count} × {datagram} bytes, {round_trip} ms: {fair:.3}, {report:?}");
            assert!(report.used >= 0.8, "{what}");
            assert!(fair >= 0.9, "{what}");
            assert!(report.queue_p95 <= count * QUEUE, "{what}");
        }
    }
}

#[test]
fn three_losses_in_ten_leave_most_of_the_link_in_use() {
    for datagram in [237, 1_200] {
        for round_trip in [40, 150, 600] {
            let report = run(1, path(datagram, round_trip, 0.3), Duration::from_mins(2));
            let what = format!("{datagram} bytes, {round_trip} ms: {report:?}");
            // Seven tenths arrive at best, and with 1,200 bytes three datagrams fill the path.
            assert!(report.used >= 0.3, "{what}");
        }
    }
}

#[test]
fn a_restless_radio_path_carries_load() {
    let path = Path {
        jitter: Duration::from_millis(400),
        ..path(1_200, 100, 0.3)
    };
    let report = run(1, path, Duration::from_mins(2));
    assert!(report.used >= 0.15, "{report:?}");
}

#[test]
fn a_gateway_with_room_for_a_few_serves_all_who_send_as_fast_as_they_can() {
    let path = Path {
        bits_per_second: 100_000_000,
        kafka: Kafka {
            capacity: 400,
            delay: Duration::from_millis(100),
        },
        ..path(1_200, 10, 0.0)
    };
    let report = run(8, path, Duration::from_mins(2));
    let fair = jain(&report.shares);
    assert!(fair >= 0.99, "{fair:.3}, {report:?}");
    let messages: f64 = report.shares.iter().sum();
    assert!(messages >= 60.0 * 3_000.0, "{messages}, {report:?}");
}
