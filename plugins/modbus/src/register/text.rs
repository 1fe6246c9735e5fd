//! Texts: two characters a register, ended by a zero byte or the length, padded with spaces by some.

use umec_spec::settings::modbus::ByteOrder;
use umec_wire::Value;

use super::{Unreadable, Unwritable, arrange};

pub(super) fn decode(words: &[u16], order: ByteOrder) -> Result<Value, Unreadable> {
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    arrange(&mut bytes, of_characters(order));
    let end = bytes.iter().position(|byte| *byte == 0);
    bytes.truncate(end.unwrap_or(bytes.len()));
    let text = std::str::from_utf8(&bytes).map_err(|_| Unreadable::NotText)?;
    Ok(Value::from(text.trim_end_matches(' ')))
}

pub(super) fn encode(text: &str, width: usize, order: ByteOrder) -> Result<Vec<u16>, Unwritable> {
    let (got, most) = (text.len(), width * 2);
    if got > most {
        return Err(Unwritable::Length { got, most });
    }
    if text.contains('\0') || text.ends_with(' ') {
        let text = Value::from(text);
        return Err(Unwritable::of(
            &text,
            "text that a register shows unchanged",
        ));
    }
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(most, 0);
    arrange(&mut bytes, of_characters(order));
    let word = |pair: &[u8]| {
        pair.iter()
            .fold(0, |word, byte| word << 8 | u16::from(*byte))
    };
    Ok(bytes.chunks(2).map(word).collect())
}

/// A text has no order of words; only whether the two characters of a register are swapped counts.
const fn of_characters(order: ByteOrder) -> ByteOrder {
    match order {
        ByteOrder::Abcd | ByteOrder::Cdab => ByteOrder::Abcd,
        ByteOrder::Badc | ByteOrder::Dcba => ByteOrder::Badc,
    }
}
