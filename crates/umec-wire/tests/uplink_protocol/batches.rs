//! Vectors of batches.

use std::sync::Arc;

use bytes::Bytes;
use umec_wire::trace::TraceParent;
use umec_wire::uplink::batch::{Row, encode_rows};
use umec_wire::uplink::{Batch, Content, Entry, Layout, LayoutNumber};
use umec_wire::{Reading, Sequence, Timestamp, Value};

use crate::Vector;

/// A day after the boots of the vectors began.
const TIME: i64 = 1_763_802_600_000_000;

fn entry(device: &str, sequence: u64, content: Content) -> Entry {
    let id = format!("{device}:019aa5ad7640beef:{sequence}");
    Entry {
        id: id.parse().unwrap(),
        floor: Sequence::new(sequence.min(40)).unwrap(),
        trace: None,
        content,
    }
}

fn reading(series: &str, unit: &str, micros: i64, value: Value) -> Reading {
    Reading {
        series: series.parse().unwrap(),
        time: Timestamp::from_micros(TIME + micros),
        unit: unit.parse().ok(),
        value,
    }
}

fn number(number: f64) -> Value {
    Value::number(number).unwrap()
}

fn temperature(device: &str, sequence: u64, micros: i64, celsius: f64) -> Entry {
    let reading = reading("temperature", "Cel", micros, number(celsius));
    entry(device, sequence, Content::Readings(vec![reading]))
}

fn batch(number: u64, entries: &[Entry], defines: bool) -> Batch {
    let mut layouts: Vec<Arc<Layout>> = Vec::new();
    for entry in entries {
        if !layouts.iter().any(|layout| layout.fits(entry)) {
            layouts.push(Arc::new(Layout::of(entry)));
        }
    }
    let numbered: Vec<_> = (1..).map(LayoutNumber).zip(layouts).collect();
    let row = |entry| {
        let mut rows = numbered.iter();
        rows.find_map(|(number, layout)| Row::new(*number, layout, entry))
    };
    let rows: Vec<Row<'_>> = entries.iter().filter_map(row).collect();
    Batch {
        number,
        rows: encode_rows(&rows).into(),
        definitions: if defines { numbered } else { Vec::new() },
    }
}

pub(crate) fn vectors() -> Vec<(Vector, Batch)> {
    vec![first(), four(), two_devices(), burst(), event_and_state()]
}

fn first() -> (Vector, Batch) {
    let entries = [temperature("room-1", 42, 250_000, 21.5)];
    let title = "One reading of a device that is new: batch 7, device `room-1`, sequence 42, floor 40, \
                 2025-11-22T09:10:00.25Z, temperature 21.5 Cel";
    let parts: &[(&str, &str)] = &[
        ("47", "definitions follow; batch 7"),
        ("01", "one definition"),
        ("01", "layout 1"),
        ("00", "of readings"),
        ("06 726f6f6d2d31", "`room-1`"),
        (
            "019aa5ad7640beef",
            "the boot: its publisher began 2025-11-21T09:10:00Z",
        ),
        ("01", "one field"),
        (
            "00 0b 74656d7065726174757265",
            "nothing shared with a name before, `temperature`",
        ),
        ("0c 43656c", "a number, a unit of 3 bytes, `Cel`"),
        ("01", "one group"),
        ("02", "layout 1"),
        ("20", "16: one message, no flags"),
        ("04", "the floor is 2 below"),
        ("54", "sequence 42"),
        ("a0c2d9dd8305", "86,400,250,000 µs after the boot began"),
        ("06", "the value: divided by 10"),
        ("ae03", "215"),
    ];
    (Vector { title, parts }, batch(7, &entries, true))
}

fn four() -> (Vector, Batch) {
    let temperatures = [
        (42, 0, 21.5),
        (43, 10_000_020, 21.6),
        (44, 20_000_010, 21.6),
        (45, 30_000_000, 21.4),
    ];
    let entries = temperatures
        .map(|(sequence, micros, celsius)| temperature("room-1", sequence, micros, celsius));
    let title = "Four readings of a layout that the gateway knows: batch 1000, sequences 42 to 45, every \
                 10 s from 2025-11-22T09:10:00Z, the second 20 µs and the third 10 µs late; 21.5, 21.6, 21.6, 21.4";
    let parts: &[(&str, &str)] = &[
        ("28 1f", "8 + 32 × 31: batch 1000"),
        ("01", "one group"),
        ("02", "layout 1"),
        ("8001", "64: four messages, no flags"),
        ("04", "the floor is 2 below"),
        ("54", "sequence 42; the others follow by one"),
        ("8080bbdd8305", "86,400,000,000 µs after the boot began"),
        (
            "7e",
            "differences of times: order 1, around zero, four low bits",
        ),
        ("a8dac409", "the first, 10,000,020"),
        (
            "b700",
            "the difference of the second, -30, folded 59: 1110 and 1101; that of the third, 0: 0 and 0000",
        ),
        ("06", "values: divided by 10"),
        ("02", "order 0, in 2 bits above the least"),
        ("ac03", "the least, 214"),
        ("29", "1, 2, 2, 0"),
    ];
    (Vector { title, parts }, batch(1_000, &entries, false))
}

fn two_devices() -> (Vector, Batch) {
    let mut entries = [
        temperature("room-1", 42, 0, 21.5),
        temperature("room-2", 52, 1_000, -0.0),
    ];
    entries[1].trace = Some(TraceParent {
        trace_id: [0xaa; 16],
        parent_id: [0xbb; 8],
        flags: 1,
    });
    let title = "One reading each of two devices with the same fields, layouts 1 and 2; the second 1 ms \
                 later, -0, and part of a trace";
    let parts: &[(&str, &str)] = &[
        ("03", "batch 3"),
        ("02", "two groups"),
        ("01 02 02", "layouts: in 1 bit above 1: 0, 1"),
        (
            "01 20 02",
            "messages and flags: in 1 bit above 16: 0, 1; the second group has traces",
        ),
        ("04 04 a0", "floors: in 4 bits, 2 + 0 and 2 + 10 below"),
        ("04 54 a0", "sequences: in 4 bits, 42 + 0 and 42 + 10"),
        ("55", "times: order 1, in 0 bits above the least"),
        ("8080bbdd8305 d00f", "the first; 1,000 µs to the next"),
        ("01", "one trace in the second group"),
        ("00", "of its first message"),
        (
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbb 01",
            "trace, parent, flags",
        ),
        ("03", "values of both groups: singles that differ"),
        ("0000ac41", "21.5"),
        ("12", "18 bits at the end of all differences are 0"),
        (
            "db1a04",
            "1: it differs; 13: in 14 bits; the lower 13 of `306b`",
        ),
    ];
    (Vector { title, parts }, batch(3, &entries, false))
}

fn burst() -> (Vector, Batch) {
    let noise: [f32; 3] = [0.3, 0.317_25, 0.29];
    let samples = (0..).step_by(5_000).zip(noise).flat_map(|(micros, value)| {
        let velocity = reading("velocity", "m/s", micros, number(f64::from(value)));
        let alarm = reading("alarm", "", micros, Value::Boolean(value > 0.31));
        [velocity, alarm]
    });
    let entries = [entry("fan-1", 42, Content::Readings(samples.collect()))];
    let title = "A burst of three samples of two fields: the singles 0.3, 0.31725 and 0.29 every 5 ms, and \
                 whether each is too high";
    let parts: &[(&str, &str)] = &[
        ("03", "batch 3"),
        ("01", "one group"),
        ("02", "layout 1"),
        ("24", "18: one message, with several samples"),
        ("04", "the floor is 2 below"),
        ("54", "sequence 42"),
        ("8080bbdd8305", "86,400,000,000 µs after the boot began"),
        ("04", "2 samples more than one"),
        ("00 904e", "differences of times: in 0 bits above 5,000"),
        ("56", "velocities: 5 decimals, singles"),
        ("85", "order 1, around zero, 11 low bits"),
        ("e0d403", "the first, 30,000"),
        (
            "e9754905",
            "1,725, folded 3,450: 1 and 1,402; -2,725, folded 5,449: 2 and 1,353",
        ),
        ("00 02", "alarms: bits 0, 1, 0"),
    ];
    (Vector { title, parts }, batch(3, &entries, false))
}

fn event_and_state() -> (Vector, Batch) {
    let event = Content::Event {
        headers: vec![("ce-id".to_owned(), "1".to_owned())],
        data: Bytes::from_static(b"open"),
    };
    let state = Content::Status {
        time: Timestamp::from_micros(TIME),
        body: Bytes::from_static(b"{}"),
    };
    let entries = [entry("door-1", 42, event), entry("door-1", 44, state)];
    let title = "An event with one header, `ce-id: 1`, and the data `open`; a state `{}`";
    let parts: &[(&str, &str)] = &[
        ("03", "batch 3"),
        ("02", "two groups"),
        ("01 02 02", "layouts 1 and 2"),
        ("00 20", "one message each, no flags"),
        ("02 04 08", "floors 2 and 4 below"),
        ("02 54 08", "sequences 42 and 44"),
        (
            "8080bbdd8305",
            "the time of the state; events have theirs in a header",
        ),
        (
            "01 10 05 63652d6964 01 31",
            "headers: one word of 8 bytes, `ce-id` and `1`",
        ),
        ("01 08 6f70656e", "data: one word of 4 bytes, `open`"),
        ("01 04 7b7d", "bodies: one word of 2 bytes, `{}`"),
    ];
    (Vector { title, parts }, batch(3, &entries, false))
}

#[test]
fn vectors_of_batches_are_written_and_read() {
    for (vector, batch) in vectors() {
        let bytes = batch.encode();
        let hex = data_encoding::HEXLOWER.encode(&bytes);
        assert_eq!(hex, vector.hex(), "{}", vector.title);
        let read = Batch::decode(&bytes.into()).unwrap();
        assert_eq!(read, batch, "{}", vector.title);
    }
}
