//! Stand-ins for the original modem and the original server, after the description of the original system.
//!
//! They pack and unpack on their own, so that a mistake of `umec-wire` cannot cancel itself out. Both
//! behave as the originals do, with their faults where those matter to the other end.

mod modem;
mod server;

pub use modem::{Modem, NACK_NEVER};
pub use server::{Server, Sink};

/// A moment as a calendar shows it: year, month, day, hour, minute, second, microsecond, in UTC.
pub type Moment = (u64, u64, u64, u64, u64, u64, u64);

/// The moment of the golden vectors.
pub const MOMENT: Moment = (2023, 12, 14, 4, 25, 12, 634_567);

/// The names of carriers by their numbers.
const CARRIERS: [(u8, &str); 4] = [
    (0, "AT&T"),
    (1, "T-Mobile"),
    (2, "Verizon"),
    (15, "Disconnect"),
];

/// A data packet as the original modem sends it: 18 bytes.
pub fn data(device: u32, moment: Moment, value: i32) -> Vec<u8> {
    let (year, month, day, hour, minute, second, micros) = moment;
    let time = 0b0101 << 60
        | year << 48
        | (month - 1) << 44
        | (day - 1) << 39
        | hour << 34
        | minute << 28
        | second << 22
        | micros << 2;
    let mut bytes = vec![0];
    bytes.extend(device.to_be_bytes());
    bytes.extend(time.to_be_bytes());
    bytes.push(4);
    bytes.extend(value.to_be_bytes());
    bytes
}

/// The number of a carrier.
pub fn carrier(name: &str) -> u8 {
    let mut known = CARRIERS.iter().filter(|(_, known)| *known == name);
    known.next().expect("a carrier of the original").0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stand_in_packs_the_golden_vector() {
        let golden = b"\x00\x00\x00\x00\x03\x57\xe7\xb6\x91\x93\x26\xbb\x1c\x04\x00\x00\x03\x09";
        assert_eq!(data(3, MOMENT, 777), golden);
    }
}
