//! Bytes per reading on the way up, all but IP and UDP in: header, tag, head of the batch; and what
//! encoding and decoding take. Each series beside the 18 bytes that the original's datagram has for one
//! reading, and beside as many readings in one SenML pack as fit the same sealed datagram, also
//! compressed by zstd at its level 19.
//!
//! ```text
//! cargo bench -p umec-wire --bench batch
//! ```

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(
    clippy::cast_precision_loss,
    reason = "figures are told in three digits"
)]
#![expect(clippy::indexing_slicing, reason = "a benchmark may end early")]

mod series;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use umec_wire::senml::{self, Format};
use umec_wire::trace::TraceParent;
use umec_wire::uplink::batch::{Row, encode_rows};
use umec_wire::uplink::datagram::TAG;
use umec_wire::uplink::{Batch, Content, Entry, Layout, LayoutNumber};
use umec_wire::{Boot, MessageId, Pack, Sequence};

use series::Recording;

/// Topic, connection, and a number of four bytes, as a session has it for most of its time.
const HEADER: usize = 1 + 4 + 4;

/// One message in so many is part of a trace.
const TRACED: u64 = 1_024;

/// Numbers of batches have three bytes for most of the time.
const BATCH: u64 = 100_000;

/// How many datagrams in a row are filled.
const DATAGRAMS: usize = 8;

fn main() {
    let mut goals = Vec::new();
    for size in [237, 1_200] {
        println!("\nbytes per reading in datagrams of {size} bytes");
        println!(
            "{:<40}{:>8}{:>6}{:>9}{:>7}{:>7}{:>11}{:>11}{:>9}",
            "", "readings", "ours", "original", "JSON", "CBOR", "JSON+zstd", "CBOR+zstd", "IP+UDP"
        );
        for recording in series::all() {
            let entries = entries(&recording);
            let (ours, readings) = ours(&entries, size);
            print!("{:<40}{readings:>8}{ours:>6.2}{:>9}", recording.name, 18);
            for (format, level) in [
                (Format::Json, 0),
                (Format::Cbor, 0),
                (Format::Json, 19),
                (Format::Cbor, 19),
            ] {
                let width = if level == 0 { 7 } else { 11 };
                print!("{:>width$.1}", senml_bytes(&recording, size, format, level));
            }
            println!("{:>9.2}", 28.0 / readings as f64);
            goals.push((size, recording.name, ours));
        }
    }
    println!("\nnanoseconds per reading in batches for 1,200 bytes");
    println!("{:<40}{:>8}{:>8}", "", "encode", "decode");
    for recording in series::all() {
        let (encode, decode) = speed(&entries(&recording), 1_200);
        println!("{:<40}{encode:>8.0}{decode:>8.0}", recording.name);
    }
    for (size, name, bytes) in goals {
        let goal = match name {
            _ if size != 237 || name.contains("irregular") => continue,
            // 3 bytes of each single are noise, and 1.2 bytes of each time.
            _ if name.contains("noise") => 5.8,
            _ if name.contains("singles") => 5.0,
            _ => 3.0,
        };
        assert!(
            bytes <= goal,
            "{name}: {bytes:.2} bytes per reading, the goal is {goal}"
        );
    }
}

fn entries(recording: &Recording) -> Vec<Entry> {
    let messages = recording.messages.iter().enumerate();
    let entries = messages.map(|(place, readings)| {
        let sequence = 50_000 + (place / recording.devices) as u64;
        let device = format!("device-{}", place % recording.devices);
        Entry {
            id: MessageId {
                device: device.parse().expect("a name"),
                boot: Boot::from_bits(0x019a_a5ad_7640_beef),
                sequence: Sequence::new(sequence).expect("above 0"),
            },
            floor: Sequence::new(49_900).expect("above 0"),
            trace: sequence.is_multiple_of(TRACED).then_some(TraceParent {
                trace_id: [7; 16],
                parent_id: [9; 8],
                flags: 1,
            }),
            content: Content::Readings(readings.clone()),
        }
    });
    entries.collect()
}

/// The layouts as an uplink has numbered them by the time that the gateway knows them all.
fn layouts(entries: &[Entry]) -> Vec<Arc<Layout>> {
    let mut layouts: Vec<Arc<Layout>> = Vec::new();
    for entry in entries.iter().take(1_000) {
        if !layouts.iter().any(|layout| layout.fits(entry)) {
            layouts.push(Arc::new(Layout::of(entry)));
        }
    }
    layouts
}

fn rows<'e>(entries: &'e [Entry], layouts: &'e [Arc<Layout>]) -> Vec<Row<'e>> {
    let rows = entries.iter().enumerate().map(|(place, entry)| {
        let place = place % layouts.len();
        let number = LayoutNumber(u32::try_from(place + 1).expect("few"));
        Row::new(number, &layouts[place], entry).expect("devices come by turns")
    });
    rows.collect()
}

fn message(rows: &[Row<'_>]) -> Vec<u8> {
    let batch = Batch {
        number: BATCH,
        definitions: Vec::new(),
        rows: encode_rows(rows).into(),
    };
    batch.encode()
}

/// How many of the rows from `start` fit, as the uplink finds them.
fn fitting(rows: &[Row<'_>], size: usize) -> usize {
    most(rows.len(), |count| {
        HEADER + message(&rows[..count]).len() + TAG <= size
    })
}

/// The greatest count for which something holds, given that it holds for all below.
fn most(limit: usize, holds: impl Fn(usize) -> bool) -> usize {
    let mut above = 1;
    while above < limit && holds(above) {
        above *= 2;
    }
    let (mut below, mut above) = (above / 2, above.min(limit));
    while above - below > 1 {
        let middle = usize::midpoint(above, below);
        if holds(middle) {
            below = middle;
        } else {
            above = middle;
        }
    }
    below
}

/// Bytes per reading, and how many readings a datagram holds.
fn ours(entries: &[Entry], size: usize) -> (f64, usize) {
    let layouts = layouts(entries);
    let rows = rows(entries, &layouts);
    let (mut start, mut bytes, mut readings) = (0, 0, 0);
    for _ in 0..DATAGRAMS {
        let count = fitting(&rows[start..], size);
        let end = start + count;
        bytes += HEADER + message(&rows[start..end]).len() + TAG;
        readings += readings_of(&entries[start..end]);
        // The devices go on by turns.
        start = end.next_multiple_of(layouts.len());
    }
    (bytes as f64 / readings as f64, readings / DATAGRAMS)
}

fn readings_of(entries: &[Entry]) -> usize {
    let readings = |entry: &Entry| entry.content.readings().map_or(0, <[_]>::len);
    entries.iter().map(readings).sum()
}

/// Bytes per reading where a sealed datagram holds one SenML pack; a level of 0 is without zstd.
fn senml_bytes(recording: &Recording, size: usize, format: Format, level: i32) -> f64 {
    let length = |count: usize| {
        let pack = Pack {
            node: "pole-7".parse().expect("a name"),
            device: "device-1".parse().expect("a name"),
            readings: recording.messages[..count].concat(),
        };
        let body = senml::encode(format, &pack);
        let body = match level {
            0 => body.to_vec(),
            level => zstd::bulk::compress(&body, level).expect("zstd compresses"),
        };
        HEADER + body.len() + TAG
    };
    let count = most(recording.messages.len(), |count| length(count) <= size).max(1);
    let readings: usize = recording.messages[..count].iter().map(Vec::len).sum();
    length(count) as f64 / readings as f64
}

/// Nanoseconds per reading for encoding and decoding a full datagram's batch.
fn speed(entries: &[Entry], size: usize) -> (f64, f64) {
    let layouts = layouts(entries);
    let rows = rows(entries, &layouts);
    let count = fitting(&rows, size);
    let readings = readings_of(&entries[..count]);
    let rounds = u32::try_from(2_000_000 / readings).unwrap_or(1);
    let readings = readings as f64;
    let begun = Instant::now();
    for _ in 0..rounds {
        black_box(message(black_box(&rows[..count])));
    }
    let encode = begun.elapsed().as_nanos() as f64 / f64::from(rounds) / readings;
    let bytes = message(&rows[..count]).into();
    let begun = Instant::now();
    for _ in 0..rounds {
        let batch = Batch::decode(black_box(&bytes)).expect("a batch");
        let known = |number: LayoutNumber| layouts.get(number.0 as usize - 1).cloned();
        black_box(batch.entries(known).expect("entries"));
    }
    let decode = begun.elapsed().as_nanos() as f64 / f64::from(rounds) / readings;
    (encode, decode)
}
