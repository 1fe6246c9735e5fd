use proptest::prelude::*;

use super::*;
use crate::command::Outcome;
use crate::label::Label;
use crate::reading::Value;
use crate::time::Timestamp;

fn label() -> impl Strategy<Value = Label> {
    "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?".prop_map(|text| Label::new(&text).unwrap())
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-1e300..1e300).prop_map(|n: f64| Value::number(n).unwrap()),
        any::<bool>().prop_map(Value::Boolean),
        ".*".prop_map(|text: String| Value::from(text.as_str())),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|b| Value::Opaque(b.into())),
    ]
}

fn reason() -> impl Strategy<Value = Reason> {
    (label(), ".*").prop_map(|(code, text)| Reason { code, text })
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_micros)
}

prop_compose! {
    fn result()(
        id in label(),
        outcome in prop::sample::select(&[Outcome::Done, Outcome::Refused, Outcome::Failed, Outcome::Expired][..]),
        reason in prop::option::of(reason()),
        value in prop::option::of(value()),
        time in time(),
    ) -> CommandResult {
        CommandResult { id: CommandId(id), outcome, reason, value, time }
    }
}

prop_compose! {
    fn command()(
        id in label(),
        device in label(),
        name in label(),
        value in prop::option::of(value()),
        issuer in ".*",
        expires in time(),
    ) -> Command {
        Command {
            device: device.into(),
            name: name.into(),
            request: CommandRequest { id: CommandId(id), value, issuer, expires },
        }
    }
}

fn up() -> impl Strategy<Value = Up> {
    let bytes = prop::collection::vec(any::<u8>(), 0..100);
    prop_oneof![
        (any::<u64>(), bytes.clone()).prop_map(|(number, rows)| Up::Batch(Batch {
            number,
            definitions: Vec::new(),
            rows: rows.into(),
        })),
        (any::<u64>(), any::<u32>(), any::<u32>(), bytes).prop_map(
            |(number, index, count, bytes)| Up::Fragment(Fragment {
                number,
                index,
                count,
                bytes: bytes.into(),
            })
        ),
        result().prop_map(Up::Result),
        (any::<u64>(), any::<Option<u32>>()).prop_map(|(waiting, micros)| Up::Keepalive {
            waiting,
            round_trip: micros.map(|micros| Duration::from_micros(micros.into())),
        }),
    ]
}

fn down() -> impl Strategy<Value = Down> {
    let range = (any::<u64>(), 0..1_000_u64).prop_map(|(first, more)| Range {
        first,
        last: first.saturating_add(more),
    });
    prop_oneof![
        prop::collection::vec(range, 0..10)
            .prop_map(|ranges| Down::Acknowledged(ranges.into_iter().collect())),
        command().prop_map(Down::Command),
        prop::collection::vec(label().prop_map(CommandId), 0..5).prop_map(Down::ResultsReceived),
        prop::option::of(reason()).prop_map(|refusing| Down::Alive { refusing }),
        (
            any::<u64>(),
            prop::collection::vec(any::<u32>().prop_map(LayoutNumber), 0..5)
        )
            .prop_map(|(batch, layouts)| Down::UnknownLayouts { batch, layouts }),
    ]
}

proptest! {
    #[test]
    fn what_goes_up_comes_back(message in up()) {
        let bytes = Bytes::from(message.encode());
        prop_assert_eq!(Up::decode(&bytes).unwrap(), message);
    }

    #[test]
    fn what_goes_down_comes_back(message in down()) {
        prop_assert_eq!(Down::decode(&message.encode()).unwrap(), message);
    }

    #[test]
    fn no_bytes_stop_the_decoders(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _up = Up::decode(&bytes.clone().into());
        let _down = Down::decode(&bytes);
    }

    #[test]
    fn no_damage_stops_the_decoders(message in up(), place in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = message.encode();
        let place = place.index(bytes.len());
        bytes[place] = with;
        bytes.truncate(cut.index(bytes.len()) + 1);
        let _up = Up::decode(&bytes.into());
    }

    #[test]
    fn one_byte_more_is_refused(message in down()) {
        let mut bytes = message.encode();
        bytes.push(0);
        prop_assert!(matches!(Down::decode(&bytes), Err(DecodeError::Trailing(1))));
    }
}

#[test]
fn a_round_trip_costs_a_keepalive_nothing_and_filling_alone_tells_none() {
    let keepalive = |round_trip| Up::Keepalive {
        waiting: 3,
        round_trip,
    };
    let silent = keepalive(None).encode();
    let told = keepalive(Some(Duration::from_millis(180))).encode();
    assert_eq!(told.len(), silent.len());
    // What an uplink sends that does not know of it.
    assert_eq!(silent, [&[0x83, 3, 3, 0x4a][..], &[0; 10]].concat());
    assert_eq!(Up::decode(&silent.into()).unwrap(), keepalive(None));
}

#[test]
fn a_head_that_promises_much_costs_nothing() {
    // An array of 2^63 ranges in 11 bytes.
    let mut bytes = vec![0x82, 0x00, 0x9b];
    bytes.extend(0x8000_0000_0000_0000_u64.to_be_bytes());
    assert!(Down::decode(&bytes).is_err());
}

#[test]
fn the_stated_overhead_is_an_upper_bound() {
    let fragment = Up::Fragment(Fragment {
        number: u64::MAX,
        index: u32::MAX,
        count: u32::MAX,
        bytes: vec![0; 1_000].into(),
    });
    assert!(fragment.encode().len() <= FRAGMENT_OVERHEAD + 1_000);
}
