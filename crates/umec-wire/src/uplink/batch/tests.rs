mod columns;

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::label::{DeviceName, Label, MetricName};
use crate::message_id::{Boot, MessageId, Sequence};
use crate::reading::{Reading, Series, Statistic, Value};
use crate::span::Span;
use crate::time::Timestamp;
use crate::trace::TraceParent;
use crate::unit::Unit;
use crate::uplink::entry::Content;

fn label() -> impl Strategy<Value = Label> {
    "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?".prop_map(|text| Label::new(&text).unwrap())
}

/// Doubles of all kinds that devices make, and any other finite one.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-1_000_i32..1_000).prop_map(|n| f64::from(n) / 10.0),
        2 => (0_i32..100_000).prop_map(|n| f64::from(n) * 0.01),
        2 => any::<i32>().prop_map(f64::from),
        2 => any::<f32>().prop_filter("finite", |n| n.is_finite()).prop_map(f64::from),
        1 => (0_i16..500).prop_map(|n| f64::from(f32::from(n) / 10.0)),
        1 => Just(-0.0),
        1 => prop::sample::select(&[0.0, f64::MIN, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e22, 9e15][..]),
        2 => any::<f64>().prop_filter("finite", |n| n.is_finite()),
    ]
}

fn value(of: u8) -> BoxedStrategy<Value> {
    match of {
        0..=3 => number().prop_map(|n| Value::number(n).unwrap()).boxed(),
        4 => any::<bool>().prop_map(Value::Boolean).boxed(),
        5 => prop_oneof![Just(String::from("on")), ".*"]
            .prop_map(|text| Value::from(text.as_str()))
            .boxed(),
        _ => prop::collection::vec(any::<u8>(), 0..20)
            .prop_map(|bytes| Value::Opaque(bytes.into()))
            .boxed(),
    }
}

fn series() -> impl Strategy<Value = Series> {
    let aggregate = prop::option::of((1_u64..100, prop::sample::select(&Statistic::ALL[..])));
    (label(), aggregate).prop_map(|(metric, aggregate)| Series {
        metric: metric.into(),
        aggregate: aggregate.map(|(seconds, statistic)| (Span::from_secs(seconds), statistic)),
    })
}

fn field() -> impl Strategy<Value = (Series, Option<Unit>, u8)> {
    let units: Vec<Unit> = Unit::all().collect();
    (
        series(),
        prop::option::of(prop::sample::select(units)),
        0_u8..7,
    )
}

/// Packs of one device: the same fields again and again, now and then as a burst or at odd times.
fn packs() -> impl Strategy<Value = Vec<Vec<Reading>>> {
    prop::collection::vec(field(), 1..4).prop_flat_map(|fields| {
        let reading = fields
            .iter()
            .map(|(series, unit, of)| {
                let (series, unit) = (series.clone(), *unit);
                let time = prop_oneof![8 => Just(0_i64), 1 => any::<i64>()];
                (value(*of), time).prop_map(move |(value, time)| Reading {
                    series: series.clone(),
                    time: Timestamp::from_micros(time),
                    unit,
                    value,
                })
            })
            .collect::<Vec<_>>();
        let samples = prop_oneof![8 => Just(1..2_usize), 1 => Just(0..4_usize)];
        let pack =
            samples.prop_flat_map(move |count| prop::collection::vec(reading.clone(), count));
        let pack = pack.prop_map(|samples| samples.into_iter().flatten().collect());
        prop::collection::vec(pack, 0..30)
    })
}

fn content() -> impl Strategy<Value = Vec<Content>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..50).prop_map(Bytes::from);
    let headers = prop::collection::vec((".*", ".*"), 0..4);
    let event = (headers, bytes()).prop_map(|(headers, data)| Content::Event { headers, data });
    let status = (any::<i64>(), bytes()).prop_map(|(time, body)| Content::Status {
        time: Timestamp::from_micros(time),
        body,
    });
    prop_oneof![
        4 => packs().prop_map(|packs| packs.into_iter().map(Content::Readings).collect()),
        1 => packs().prop_map(|packs| packs.into_iter().map(Content::Aggregates).collect()),
        1 => prop::collection::vec(event, 0..4),
        1 => prop::collection::vec(status, 0..4),
    ]
}

prop_compose! {
    fn of_device()(
        device in label(),
        boot in any::<u64>(),
        contents in content(),
        sequences in prop::collection::vec(prop_oneof![8 => 1_u64..3, 1 => 1..u64::MAX / 64], 30),
        floor in 1_u64..200,
        traces in prop::collection::vec(prop_oneof![8 => Just(None), 1 => any::<([u8; 16], [u8; 8], u8)>().prop_map(Some)], 30),
    ) -> Vec<Entry> {
        let mut sequence = floor - 1;
        let parts = contents.into_iter().zip(sequences).zip(traces);
        parts.map(|((content, more), trace)| {
            sequence += more;
            Entry {
                id: MessageId {
                    device: device.clone().into(),
                    boot: Boot::from_bits(boot),
                    sequence: Sequence::new(sequence).unwrap(),
                },
                floor: Sequence::new(floor).unwrap(),
                trace: trace.map(|(trace_id, parent_id, flags)| TraceParent { trace_id, parent_id, flags }),
                content,
            }
        }).collect()
    }
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    // Some devices have a twin, whose messages have the same fields.
    let device = (of_device(), any::<bool>()).prop_map(|(mut entries, has_twin)| {
        let mut twins = if has_twin {
            entries.clone()
        } else {
            Vec::new()
        };
        for twin in &mut twins {
            twin.id.device = DeviceName::new("twin").unwrap();
        }
        entries.append(&mut twins);
        entries
    });
    prop::collection::vec(device, 0..4).prop_map(|devices| devices.concat())
}

/// Numbers the layouts as an uplink does, and writes the batch with all definitions.
fn batch(entries: &[Entry]) -> Batch {
    let mut layouts: Vec<Arc<Layout>> = Vec::new();
    let mut numbers = Vec::new();
    for entry in entries {
        let place = layouts.iter().position(|layout| layout.fits(entry));
        let place = place.unwrap_or_else(|| {
            layouts.push(Arc::new(Layout::of(entry)));
            layouts.len() - 1
        });
        numbers.push(LayoutNumber(u32::try_from(place + 1).unwrap()));
    }
    let rows: Vec<Row<'_>> = entries
        .iter()
        .zip(&numbers)
        .map(|(entry, number)| Row::new(*number, &layouts[number.0 as usize - 1], entry).unwrap())
        .collect();
    let definitions = (1..).map(LayoutNumber).zip(layouts.iter().cloned());
    Batch {
        number: 77,
        definitions: definitions.collect(),
        rows: encode_rows(&rows).into(),
    }
}

/// What must come back: in the order of layouts, with one floor each. As text, since that tells -0
/// from 0.
fn told(entries: &[Entry], batch: &Batch) -> Vec<String> {
    let mut told = Vec::new();
    for (_, layout) in &batch.definitions {
        let first = |entry: &&Entry| {
            let fits = |(_, layout): &&(LayoutNumber, Arc<Layout>)| layout.fits(entry);
            let found = batch.definitions.iter().find(fits).unwrap();
            Arc::ptr_eq(&found.1, layout)
        };
        let of_layout: Vec<&Entry> = entries.iter().filter(first).collect();
        let floor = of_layout.iter().map(|entry| entry.floor).min();
        told.extend(of_layout.into_iter().map(|entry| {
            let mut entry = entry.clone();
            entry.floor = floor.unwrap();
            format!("{entry:?}")
        }));
    }
    told
}

fn read_back(bytes: Vec<u8>) -> Result<(Batch, Vec<Entry>), BatchError> {
    let batch = Batch::decode(&bytes.into())?;
    let entries = batch.entries(|_| None)?;
    Ok((batch, entries))
}

proptest! {
    #[test]
    fn a_batch_comes_back_to_the_last_bit(entries in entries()) {
        let batch = batch(&entries);
        let (read, back) = read_back(batch.encode()).unwrap();
        prop_assert_eq!(&read, &batch);
        let back: Vec<String> = back.iter().map(|entry| format!("{entry:?}")).collect();
        prop_assert_eq!(back, told(&entries, &batch));
    }

    #[test]
    fn no_bytes_stop_the_decoder(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _batch = read_back(bytes);
    }

    #[test]
    fn no_damage_stops_the_decoder(
        entries in entries(), places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = batch(&entries).encode();
        for (place, with) in places {
            let place = place.index(bytes.len());
            bytes[place] = with;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let limit = FREE + PER_BYTE * bytes.len();
        if let Ok((_, entries)) = read_back(bytes) {
            let readings = |entry: &Entry| entry.content.readings().map_or(0, <[Reading]>::len);
            let worth = entries.len() + entries.iter().map(readings).sum::<usize>();
            prop_assert!(worth <= limit, "{} values of a batch that may have {}", worth, limit);
        }
    }
}

fn constant(count: u64, text: &str) -> Vec<Entry> {
    let entry = |sequence| Entry {
        id: MessageId {
            device: DeviceName::new("meter-3").unwrap(),
            boot: Boot::from_bits(1),
            sequence: Sequence::new(sequence).unwrap(),
        },
        floor: Sequence::FIRST,
        trace: None,
        content: Content::Readings(vec![Reading {
            series: Series::raw(MetricName::new("state").unwrap()),
            time: Timestamp::from_millis(1_763_716_200_000 + 1_000 * sequence.cast_signed()),
            unit: None,
            value: Value::from(text),
        }]),
    };
    (1..=count).map(entry).collect()
}

#[test]
fn a_batch_of_much_that_is_the_same_is_as_long_as_its_worth() {
    for (count, text) in [(10_000, "on"), (1_000, &*"long ".repeat(100))] {
        let entries = constant(count, text);
        let batch = batch(&entries);
        let worth = entries.len() * (2 + text.len() / 8);
        assert!(FREE + PER_BYTE * batch.rows.len() >= worth);
        assert!(FREE + PER_BYTE * (batch.rows.len() - 2) < worth);
        assert_eq!(read_back(batch.encode()).unwrap().1, entries);
        let short = Batch {
            rows: batch.rows.slice(..batch.rows.len() - 2),
            ..batch
        };
        assert_eq!(read_back(short.encode()), Err(BatchError::TooMuch));
    }
}

#[test]
fn layouts_that_nobody_defined_are_named() {
    let entries = constant(3, "on");
    let whole = batch(&entries);
    let layouts: HashMap<_, _> = whole.definitions.iter().cloned().collect();
    let bare = Batch {
        definitions: Vec::new(),
        ..whole
    };
    let bare = Batch::decode(&bare.encode().into()).unwrap();
    assert_eq!(
        bare.entries(|_| None),
        Err(BatchError::UnknownLayouts(vec![LayoutNumber(1)]))
    );
    assert_eq!(
        bare.entries(|number| layouts.get(&number).cloned()),
        Ok(entries)
    );
}

#[test]
fn a_message_of_another_layout_makes_no_row() {
    let entries = constant(1, "on");
    let layout = Layout::of(&entries[0]);
    let mut other = entries[0].clone();
    other.content = Content::Readings(Vec::new());
    assert!(Row::new(LayoutNumber(1), &layout, &entries[0]).is_some());
    assert!(Row::new(LayoutNumber(1), &layout, &other).is_none());
}

#[test]
fn a_burst_is_told_as_samples_of_the_same_fields() {
    let mut entries = constant(2, "on");
    for entry in &mut entries {
        let Content::Readings(readings) = &mut entry.content else {
            panic!("readings");
        };
        *readings = readings.iter().cycle().take(100).cloned().collect();
    }
    let batch = batch(&entries);
    assert_eq!(batch.definitions[0].1.fields.len(), 1);
    assert_eq!(read_back(batch.encode()).unwrap().1, entries);
}

#[test]
fn numbers_of_batches_have_a_byte_up_to_31() {
    for (number, length) in [
        (0, 1),
        (31, 1),
        (32, 2),
        (4_095, 2),
        (4_096, 3),
        (u64::MAX, 10),
    ] {
        let batch = Batch {
            number,
            definitions: Vec::new(),
            rows: Bytes::new(),
        };
        let bytes = batch.encode();
        assert_eq!(bytes.len(), length, "{number}");
        assert_eq!(Batch::decode(&bytes.into()), Ok(batch));
    }
}
