//! Frames: RTU with its checksum, and Modbus TCP with its header.

/// A request in its frame, and how many bytes it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) unit: u8,
    pub(crate) pdu: Vec<u8>,
}

/// What wraps a request, and has to wrap its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rtu,
    Tcp { transaction: u16 },
}

/// Why bytes are not the beginning of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("the checksum is wrong")]
    Checksum,
    #[error("the header is not Modbus TCP")]
    Header,
}

/// The most bytes of an RTU frame (Modbus over Serial Line V1.02 section 2.5.1).
const MAX_RTU: usize = 256;
/// The bytes of the header of Modbus TCP, its unit id included.
const HEADER: usize = 7;

/// Takes the first request off `bytes`, once it is whole.
pub(crate) fn take_rtu(bytes: &mut Vec<u8>) -> Result<Option<Frame>, FrameError> {
    let Some(length) = rtu_length(bytes) else {
        return Ok(None);
    };
    if bytes.len() < length {
        return if bytes.len() > MAX_RTU {
            Err(FrameError::Checksum)
        } else {
            Ok(None)
        };
    }
    let rest = bytes.split_off(length);
    let frame = std::mem::replace(bytes, rest);
    let (body, check) = frame.split_at(length - 2);
    if crc(body).to_le_bytes() != check {
        return Err(FrameError::Checksum);
    }
    let (unit, pdu) = body.split_first().ok_or(FrameError::Checksum)?;
    Ok(Some(Frame {
        kind: Kind::Rtu,
        unit: *unit,
        pdu: pdu.to_vec(),
    }))
}

/// How long the request is, as soon as its bytes tell.
fn rtu_length(bytes: &[u8]) -> Option<usize> {
    match *bytes {
        [_, 15 | 16, _, _, _, _, size, ..] => Some(usize::from(size) + 9),
        [_, 15 | 16, ..] | [] | [_] => None,
        [_, 43, ..] => Some(7),
        // Functions that are not known are taken for as long as most, and refused by their checksum or code.
        [_, _, ..] => Some(8),
    }
}

/// Takes the first request off `bytes`, once it is whole.
pub(crate) fn take_tcp(bytes: &mut Vec<u8>) -> Result<Option<Frame>, FrameError> {
    let [
        a,
        b,
        protocol_high,
        protocol_low,
        length_high,
        length_low,
        unit,
        ..,
    ] = **bytes
    else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    if [protocol_high, protocol_low] != [0, 0] || !(2..=254).contains(&length) {
        return Err(FrameError::Header);
    }
    let whole = HEADER - 1 + length;
    if bytes.len() < whole {
        return Ok(None);
    }
    let rest = bytes.split_off(whole);
    let frame = std::mem::replace(bytes, rest);
    let pdu = frame.get(HEADER..).unwrap_or_default().to_vec();
    let transaction = u16::from_be_bytes([a, b]);
    Ok(Some(Frame {
        kind: Kind::Tcp { transaction },
        unit,
        pdu,
    }))
}

/// Wraps an answer.
pub(crate) fn wrap(kind: Kind, unit: u8, pdu: &[u8]) -> Vec<u8> {
    match kind {
        Kind::Rtu => {
            let mut frame = vec![unit];
            frame.extend(pdu);
            let check = crc(&frame).to_le_bytes();
            frame.extend(check);
            frame
        }
        Kind::Tcp { transaction } => {
            let length = u16::try_from(pdu.len() + 1).unwrap_or(u16::MAX);
            let mut frame = transaction.to_be_bytes().to_vec();
            frame.extend([0, 0]);
            frame.extend(length.to_be_bytes());
            frame.push(unit);
            frame.extend(pdu);
            frame
        }
    }
}

/// The checksum of RTU (Modbus over Serial Line V1.02 section 6.2.2).
pub(crate) fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc: u16, _| {
            let shifted = crc >> 1;
            if crc & 1 == 1 {
                shifted ^ 0xa001
            } else {
                shifted
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_of_the_standard_is_read() {
        // Modbus Application Protocol V1.1b3 section 6.3, checksums by an independent program.
        let mut bytes = vec![0x11, 0x03, 0x00, 0x6b, 0x00, 0x03, 0x76, 0x87, 0x11];
        let frame = take_rtu(&mut bytes).unwrap().unwrap();
        assert_eq!(frame.unit, 0x11);
        assert_eq!(frame.pdu, [0x03, 0x00, 0x6b, 0x00, 0x03]);
        assert_eq!(bytes, [0x11]);
        let mut bytes = vec![0, 7, 0, 0, 0, 6, 0x11, 3, 0, 0x6b, 0, 3];
        let tcp = take_tcp(&mut bytes).unwrap().unwrap();
        assert_eq!(tcp.kind, Kind::Tcp { transaction: 7 });
        assert_eq!((tcp.unit, tcp.pdu), (frame.unit, frame.pdu));
    }

    #[test]
    fn a_wrong_checksum_is_an_error() {
        let mut bytes = vec![0x11, 0x03, 0x00, 0x6b, 0x00, 0x03, 0x76, 0x86];
        assert_eq!(take_rtu(&mut bytes), Err(FrameError::Checksum));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut copy = bytes.clone();
            while let Ok(Some(frame)) = take_tcp(&mut copy) {
                drop(crate::pdu::decode(&frame.pdu));
            }
            while let Ok(Some(frame)) = take_rtu(&mut bytes) {
                drop(crate::pdu::decode(&frame.pdu));
            }
        }

        #[test]
        fn what_is_wrapped_is_taken_off_again(unit: u8, address: u16, value: u16, transaction: u16) {
            let mut pdu = vec![6];
            pdu.extend(address.to_be_bytes());
            pdu.extend(value.to_be_bytes());
            for kind in [Kind::Rtu, Kind::Tcp { transaction }] {
                let mut bytes = wrap(kind, unit, &pdu);
                let taken = match kind {
                    Kind::Rtu => take_rtu(&mut bytes),
                    Kind::Tcp { .. } => take_tcp(&mut bytes),
                };
                prop_assert_eq!(taken, Ok(Some(Frame { kind, unit, pdu: pdu.clone() })));
                prop_assert!(bytes.is_empty());
            }
        }
    }
}
