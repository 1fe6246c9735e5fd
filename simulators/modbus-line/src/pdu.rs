//! Requests and answers without their frames (Modbus Application Protocol V1.1b3 section 6).

use umec_spec::settings::modbus::Table;

/// A request that a unit knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    /// Function codes 1 to 4.
    Read {
        function: u8,
        table: Table,
        address: u16,
        count: u16,
    },
    /// Function codes 5, 6, 15 and 16; bits are 0 or 1.
    Write {
        table: Table,
        address: u16,
        words: Vec<u16>,
        /// What is answered: the beginning of the request.
        echo: &'a [u8],
    },
    /// Function code 43/14, basic identification.
    Identify,
}

/// The device's no (section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exception {
    IllegalFunction,
    IllegalAddress,
    IllegalValue,
    DeviceFailure,
    GatewayTargetSilent,
    /// Any other, injected.
    Code(u8),
}

/// The most registers in one read request (section 6.3).
const MAX_REGISTERS: u16 = 125;
/// The most bits in one read request (section 6.1).
const MAX_BITS: u16 = 2_000;
/// The most registers in one write request (section 6.12).
const MAX_WRITTEN_REGISTERS: u16 = 123;
/// The most bits in one write request (section 6.11).
const MAX_WRITTEN_BITS: u16 = 1_968;

/// Reads a request.
pub(crate) fn decode(pdu: &[u8]) -> Result<Request<'_>, Exception> {
    match *pdu {
        [function @ 1..=4, a, b, c, d] => {
            let table = match function {
                1 => Table::Coil,
                2 => Table::Discrete,
                3 => Table::Holding,
                _ => Table::Input,
            };
            let count = u16::from_be_bytes([c, d]);
            let most = if table.holds_bits() {
                MAX_BITS
            } else {
                MAX_REGISTERS
            };
            if count == 0 || count > most {
                return Err(Exception::IllegalValue);
            }
            let address = u16::from_be_bytes([a, b]);
            Ok(Request::Read {
                function,
                table,
                address,
                count,
            })
        }
        [5, a, b, on @ (0 | 0xff), 0] => {
            let words = vec![u16::from(on == 0xff)];
            Ok(write(Table::Coil, [a, b], words, pdu))
        }
        [6, a, b, c, d] => {
            let words = vec![u16::from_be_bytes([c, d])];
            Ok(write(Table::Holding, [a, b], words, pdu))
        }
        [15, a, b, c, d, size, ref bytes @ ..] => {
            let count = u16::from_be_bytes([c, d]);
            let is_whole = usize::from(size) == bytes.len()
                && usize::from(count).div_ceil(8) == bytes.len()
                && (1..=MAX_WRITTEN_BITS).contains(&count);
            let bits = bytes
                .iter()
                .flat_map(|byte| (0..8).map(move |bit| u16::from(byte >> bit & 1)));
            let words = bits.take(count.into()).collect();
            is_whole
                .then(|| write(Table::Coil, [a, b], words, pdu.get(..5).unwrap_or(pdu)))
                .ok_or(Exception::IllegalValue)
        }
        [16, a, b, c, d, size, ref bytes @ ..] => {
            let count = u16::from_be_bytes([c, d]);
            let is_whole = usize::from(size) == bytes.len()
                && usize::from(count) * 2 == bytes.len()
                && (1..=MAX_WRITTEN_REGISTERS).contains(&count);
            let word = |pair: &[u8]| {
                pair.iter()
                    .fold(0, |word, byte| word << 8 | u16::from(*byte))
            };
            let words = bytes.chunks(2).map(word).collect();
            is_whole
                .then(|| write(Table::Holding, [a, b], words, pdu.get(..5).unwrap_or(pdu)))
                .ok_or(Exception::IllegalValue)
        }
        [43, 14, 1..=3, 0] => Ok(Request::Identify),
        [1..=6 | 15 | 16 | 43, ..] => Err(Exception::IllegalValue),
        _ => Err(Exception::IllegalFunction),
    }
}

fn write(table: Table, address: [u8; 2], words: Vec<u16>, echo: &[u8]) -> Request<'_> {
    Request::Write {
        table,
        address: u16::from_be_bytes(address),
        words,
        echo,
    }
}

/// The answer to a read.
pub(crate) fn read(function: u8, table: Table, words: &[u16]) -> Vec<u8> {
    let bytes: Vec<u8> = if table.holds_bits() {
        let byte = |bits: &[u16]| {
            let bits = bits.iter().enumerate();
            bits.fold(0, |byte, (place, bit)| byte | u8::from(*bit != 0) << place)
        };
        words.chunks(8).map(byte).collect()
    } else {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    };
    let size = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    let mut pdu = vec![function, size];
    pdu.extend(bytes);
    pdu
}

/// The answer to a request for the identity: vendor, product code, revision (section 6.21).
pub(crate) fn identity(texts: &[String; 3]) -> Vec<u8> {
    let mut pdu = vec![43, 14, 1, 1, 0, 0, 3];
    for (object, text) in (0_u8..).zip(texts) {
        // Three of these fit into one frame.
        let bytes: Vec<u8> = text.bytes().take(64).collect();
        pdu.extend([object, u8::try_from(bytes.len()).unwrap_or(u8::MAX)]);
        pdu.extend(bytes);
    }
    pdu
}

/// An exception.
pub(crate) fn exception(function: u8, exception: Exception) -> Vec<u8> {
    vec![function | 0x80, exception.code()]
}

// === impl Exception ===

impl Exception {
    const fn code(self) -> u8 {
        match self {
            Self::IllegalFunction => 1,
            Self::IllegalAddress => 2,
            Self::IllegalValue => 3,
            Self::DeviceFailure => 4,
            Self::GatewayTargetSilent => 11,
            Self::Code(code) => code,
        }
    }
}
