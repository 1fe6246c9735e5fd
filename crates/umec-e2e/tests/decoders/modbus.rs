//! What registers mean: `umec-modbus`.

use umec_modbus::register::Codec;
use umec_spec::settings::modbus::{ByteOrder, Register, RegisterType, Table};

use crate::table::Decoder;

/// What is read here.
pub(crate) fn decoders() -> Vec<Decoder> {
    vec![registers_of_every_type_and_order()]
}

const TYPES: [RegisterType; 10] = [
    RegisterType::Bit,
    RegisterType::U16,
    RegisterType::I16,
    RegisterType::U32,
    RegisterType::I32,
    RegisterType::U64,
    RegisterType::I64,
    RegisterType::F32,
    RegisterType::F64,
    RegisterType::String,
];

const ORDERS: [ByteOrder; 4] = [
    ByteOrder::Abcd,
    ByteOrder::Dcba,
    ByteOrder::Badc,
    ByteOrder::Cdab,
];

fn codec(kind: RegisterType, byte_order: ByteOrder, scale: f64, offset: f64) -> Codec {
    Codec::new(&Register {
        table: Table::Holding,
        address: 0,
        kind,
        bit: (kind == RegisterType::Bit).then_some(3),
        length: (kind == RegisterType::String).then_some(4),
        byte_order,
        scale,
        offset,
    })
}

fn registers_of_every_type_and_order() -> Decoder {
    let codecs: Vec<Codec> = TYPES
        .into_iter()
        .flat_map(|kind| ORDERS.map(|order| (kind, order)))
        .flat_map(|(kind, order)| [codec(kind, order, 1.0, 0.0), codec(kind, order, 0.1, -40.0)])
        .collect();
    // The first byte says which codec, the others are the registers: one, two and four of them.
    let seeds: &[&[u8]] = &[
        b"\x08\x00\xd7",
        b"\x18\x00\x01\x86\xa0",
        b"\x40\x40\x49\x0f\xdb\0\0\0\0",
        b"\x48abcdefgh",
    ];
    Decoder::new("registers", seeds, move |body| {
        let Some((first, rest)) = body.split_first() else {
            return false;
        };
        let codec = &codecs[usize::from(*first) % codecs.len()];
        let words = rest.chunks(2).map(|pair| {
            let high = u16::from(pair[0]) << 8;
            high | pair.get(1).copied().map_or(0, u16::from)
        });
        let Ok(value) = codec.decode(&words.collect::<Vec<u16>>()) else {
            return false;
        };
        let written = codec.encode(&value, 0);
        // Every other codec has no scale: what it shows can be written, and shows the same. With one,
        // numbers of more than 53 bits are rounded on the way.
        let is_plain = usize::from(*first) % 2 == 0;
        assert!(!is_plain || codec.decode(&written.unwrap()) == Ok(value));
        true
    })
}
