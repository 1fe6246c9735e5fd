//! How a number or a text lies in registers: the device's side of `value = raw * scale + offset`.

use umec_spec::settings::modbus::{ByteOrder, Register, RegisterType};

/// The registers that show a number; the nearest one that the type has. Bits are a register of 0 or 1.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from a float saturates, which is what a real converter does"
)]
pub(crate) fn from_number(register: &Register, number: f64) -> Vec<u16> {
    let raw = (number - register.offset) / register.scale;
    let whole = raw.round() as i128;
    let clip = |min: i128, max: i128| whole.clamp(min, max).to_be_bytes();
    let bytes = match register.kind {
        RegisterType::Bit => return vec![u16::from(number >= 0.5)],
        RegisterType::U16 => tail::<2>(clip(0, u16::MAX.into())),
        RegisterType::I16 => tail::<2>(clip(i16::MIN.into(), i16::MAX.into())),
        RegisterType::U32 => tail::<4>(clip(0, u32::MAX.into())),
        RegisterType::I32 => tail::<4>(clip(i32::MIN.into(), i32::MAX.into())),
        RegisterType::U64 => tail::<8>(clip(0, u64::MAX.into())),
        RegisterType::I64 => tail::<8>(clip(i64::MIN.into(), i64::MAX.into())),
        RegisterType::F32 => (raw as f32).to_be_bytes().to_vec(),
        RegisterType::F64 => raw.to_be_bytes().to_vec(),
        RegisterType::String => return from_text(register, &number.to_string()),
    };
    words(&arranged(bytes, register.byte_order))
}

/// The registers that show a text, cut or filled with zeros to the register's length.
pub(crate) fn from_text(register: &Register, text: &str) -> Vec<u16> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(usize::from(register.width()) * 2, 0);
    let swapped = matches!(register.byte_order, ByteOrder::Badc | ByteOrder::Dcba);
    let order = if swapped {
        ByteOrder::Badc
    } else {
        ByteOrder::Abcd
    };
    words(&arranged(bytes, order))
}

/// The number that registers show; 0 for a text.
#[expect(
    clippy::cast_precision_loss,
    reason = "a simulated room needs no 64 bits of its setpoint"
)]
pub(crate) fn to_number(register: &Register, words: &[u16]) -> f64 {
    let bytes = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    let bytes = arranged(bytes, register.byte_order);
    let raw = match (register.kind, bytes.as_slice()) {
        (RegisterType::Bit, [.., low]) => f64::from(low & 1),
        (RegisterType::U16, &[a, b]) => f64::from(u16::from_be_bytes([a, b])),
        (RegisterType::I16, &[a, b]) => f64::from(i16::from_be_bytes([a, b])),
        (RegisterType::U32, &[a, b, c, d]) => f64::from(u32::from_be_bytes([a, b, c, d])),
        (RegisterType::I32, &[a, b, c, d]) => f64::from(i32::from_be_bytes([a, b, c, d])),
        (RegisterType::F32, &[a, b, c, d]) => f64::from(f32::from_be_bytes([a, b, c, d])),
        (RegisterType::U64, bytes) => bytes
            .try_into()
            .map_or(0.0, |b| u64::from_be_bytes(b) as f64),
        (RegisterType::I64, bytes) => bytes
            .try_into()
            .map_or(0.0, |b| i64::from_be_bytes(b) as f64),
        (RegisterType::F64, bytes) => bytes.try_into().map_or(0.0, f64::from_be_bytes),
        _ => 0.0,
    };
    raw * register.scale + register.offset
}

fn tail<const N: usize>(bytes: [u8; 16]) -> Vec<u8> {
    bytes.into_iter().skip(16 - N).collect()
}

fn words(bytes: &[u8]) -> Vec<u16> {
    let pair = |pair: &[u8]| {
        pair.iter()
            .fold(0, |word, byte| word << 8 | u16::from(*byte))
    };
    bytes.chunks(2).map(pair).collect()
}

/// Big-endian bytes in the order of the wire, or back: each order is its own inverse.
fn arranged(mut bytes: Vec<u8>, order: ByteOrder) -> Vec<u8> {
    if matches!(order, ByteOrder::Dcba | ByteOrder::Cdab) {
        bytes.reverse();
    }
    if matches!(order, ByteOrder::Badc | ByteOrder::Cdab) {
        for pair in bytes.chunks_mut(2) {
            pair.reverse();
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use umec_spec::settings::modbus::Table;

    use super::*;

    fn register(kind: RegisterType, byte_order: ByteOrder) -> Register {
        Register {
            byte_order,
            ..Register::new(Table::Holding, 0, kind)
        }
    }

    #[test]
    fn each_byte_order_is_as_its_letters_say() {
        for (order, expected) in [
            (ByteOrder::Abcd, [0x0102, 0x0304]),
            (ByteOrder::Dcba, [0x0403, 0x0201]),
            (ByteOrder::Badc, [0x0201, 0x0403]),
            (ByteOrder::Cdab, [0x0304, 0x0102]),
        ] {
            let register = register(RegisterType::U32, order);
            let number = f64::from(0x0102_0304);
            assert_eq!(from_number(&register, number), expected);
            assert_eq!(to_number(&register, &expected).to_bits(), number.to_bits());
        }
    }

    #[test]
    fn scale_and_offset_are_taken_out_and_a_number_too_large_stays_at_the_end() {
        let mut register = register(RegisterType::I16, ByteOrder::Abcd);
        register.scale = 0.1;
        register.offset = -10.0;
        assert_eq!(from_number(&register, 11.5), [215]);
        assert_eq!(from_number(&register, 1e9), [i16::MAX as u16]);
        let mut text = Register::new(Table::Holding, 0, RegisterType::String);
        text.length = Some(2);
        assert_eq!(from_text(&text, "µm"), [0xc2b5, 0x6d00]);
        text.byte_order = ByteOrder::Badc;
        assert_eq!(from_text(&text, "µm"), [0xb5c2, 0x006d]);
    }
}
