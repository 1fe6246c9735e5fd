//! What a pack of 125 metrics costs, the most that one Modbus request brings, per pack and per reading.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use umec_wire::senml::{Format, decode, encode};
use umec_wire::{Pack, Reading, Timestamp, Value};

/// As many as one Modbus request reads (Modbus application protocol 1.1b3 section 6.3).
const METRICS: u32 = 125;

fn pack() -> Pack {
    let units = ["V", "A", "W", "Hz", "Cel"];
    let reading = |index: u32| {
        let unit = units[(index / 25) as usize];
        Reading {
            series: format!("metric-{index}").parse().expect("a series"),
            time: Timestamp::from_micros(1_763_716_200_250_000),
            unit: Some(unit.parse().expect("a unit")),
            value: Value::number(f64::from(index * 7919 % 30_000) / 100.0).expect("finite"),
        }
    };
    Pack {
        node: "pole-7".parse().expect("a name"),
        device: "meter-3".parse().expect("a name"),
        readings: (0..METRICS).map(reading).collect(),
    }
}

fn packs(criterion: &mut Criterion) {
    let pack = pack();
    for format in Format::ALL {
        let body = encode(format, &pack);
        let name = format.content_type();
        let mut group = criterion.benchmark_group(format!("{name}, {} bytes", body.len()));
        group.throughput(Throughput::Elements(u64::from(METRICS)));
        group.bench_function("encode", |bencher| {
            bencher.iter(|| encode(format, black_box(&pack)));
        });
        group.bench_function("decode", |bencher| {
            bencher.iter_batched(
                || body.clone(),
                |body| decode(format, &pack.node, &pack.device, black_box(&body)),
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

criterion_group!(benches, packs);
criterion_main!(benches);
