use super::*;

fn gaps() -> Gaps {
    Gaps::new(ModemName::new("pole-7").unwrap(), Boot::from_bits(7))
}

fn left_out(series: &str, seconds: i64) -> LeftOut {
    let time = Timestamp::from_millis(1_800_000_000_000 + seconds * 1_000);
    LeftOut {
        device: DeviceName::new("meter-3").unwrap(),
        why: Why::Budget,
        series: vec![(series.to_owned(), time)],
        span: (time, time),
        messages: 1,
        which: Vec::new(),
    }
}

fn data(entry: Entry) -> serde_json::Value {
    let Content::Event { data, .. } = entry.content else {
        panic!("a gap is an event");
    };
    serde_json::from_slice(&data).unwrap()
}

const WALL: Timestamp = Timestamp::from_millis(1_800_000_100_000);

#[test]
fn a_gap_tells_series_numbers_and_times_and_frees_its_messages_when_it_arrives() {
    let mut gaps = gaps();
    for (position, series, seconds) in [(5, "power", 1), (6, "power", 3), (7, "energy", 2)] {
        gaps.left_out(
            Duration::ZERO,
            Some(position),
            false,
            left_out(series, seconds),
        );
    }
    assert_eq!(
        gaps.due(FIRST.saturating_sub(Duration::from_secs(1)), WALL),
        None
    );
    assert_eq!(gaps.wake(), Some(FIRST));
    let (position, entry) = gaps.due(FIRST, WALL).unwrap();
    assert_eq!(
        data(entry),
        json!({
            "why": "budget", "messages": 3,
            "from": "2027-01-15T08:00:01Z", "to": "2027-01-15T08:00:03Z",
            "series": {
                "power": { "readings": 2, "from": "2027-01-15T08:00:01Z", "to": "2027-01-15T08:00:03Z" },
                "energy": { "readings": 1, "from": "2027-01-15T08:00:02Z", "to": "2027-01-15T08:00:02Z" },
            },
        })
    );
    assert_eq!(gaps.arrived(position), [5, 6, 7]);
    // The next tells of what came since, an hour later.
    gaps.left_out(2 * FIRST, Some(9), false, left_out("power", 100));
    assert_eq!(gaps.wake(), Some(FIRST + AGAIN));
    assert!(gaps.due(FIRST + AGAIN, WALL).is_some());
}

#[test]
fn a_message_that_goes_up_in_part_is_done_when_both_parts_are() {
    for gap_first in [true, false] {
        let mut gaps = gaps();
        gaps.left_out(Duration::ZERO, Some(5), true, left_out("power", 1));
        let (position, _) = gaps.due(FIRST, WALL).unwrap();
        let order = if gap_first {
            [position, 5]
        } else {
            [5, position]
        };
        assert_eq!(gaps.arrived(order[0]), [0_u64; 0]);
        assert_eq!(gaps.arrived(order[1]), [5]);
        assert_eq!(gaps.arrived(6), [6]);
    }
}

#[test]
fn too_many_held_messages_are_told_at_once() {
    let mut gaps = gaps();
    for position in 0..HELD as u64 {
        gaps.left_out(Duration::ZERO, Some(position), false, left_out("power", 1));
    }
    let (position, _) = gaps.due(Duration::ZERO, WALL).unwrap();
    assert_eq!(gaps.arrived(position).len(), HELD);
}

#[test]
fn what_the_store_dropped_is_told_soon_with_its_numbers_and_holds_the_position() {
    let mut gaps = gaps();
    let range = |first, last| Range { first, last };
    let node = |first, last| LeftOut {
        why: Why::Store,
        series: Vec::new(),
        messages: last - first + 1,
        which: vec![(Numbering::Positions, range(first, last))],
        ..left_out("power", 1)
    };
    gaps.left_out(Duration::ZERO, Some(11), false, node(11, 20));
    gaps.left_out(Duration::ZERO, Some(31), false, node(31, 31));
    let (position, entry) = gaps.due(FIRST_OF_STORE, WALL).unwrap();
    assert_eq!(
        data(entry)["positions"],
        json!([{ "first": 11, "last": 20 }, { "first": 31, "last": 31 }])
    );
    let boot = Boot::from_bits(0x2a);
    let device = LeftOut {
        which: vec![(Numbering::Sequence(boot), range(5, 9))],
        ..node(5, 9)
    };
    gaps.left_out(FIRST_OF_STORE, None, false, device);
    assert_eq!(gaps.wake(), Some(FIRST_OF_STORE + AGAIN_OF_STORE.1));
    let (_, entry) = gaps.due(FIRST_OF_STORE + AGAIN_OF_STORE.1, WALL).unwrap();
    let told = data(entry);
    assert_eq!(
        (&told["why"], &told["messages"]),
        (&json!("store"), &json!(5))
    );
    assert_eq!(
        told["sequences"],
        json!([{ "boot": "000000000000002a", "first": 5, "last": 9 }])
    );
    assert_eq!(gaps.arrived(position), [11, 31]);
}
