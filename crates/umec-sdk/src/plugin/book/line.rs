//! The journal's lines: a CRC-32 of eight hexadecimal digits, a space, and a record as JSON; pure.

use crate::plugin::ledger::Record;

/// How many damaged lines are told by their numbers.
const TOLD: usize = 8;

/// What a journal holds.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Content {
    pub(crate) records: Vec<Record>,
    /// How many lines are none of ours, other than the last.
    pub(crate) damaged: u64,
    /// The numbers of the first of them, from 1.
    pub(crate) lines: Vec<usize>,
    /// Whether the last line was cut off, as by a power cut.
    pub(crate) is_torn: bool,
}

/// The line of a record, its end included.
pub(crate) fn encode(record: &Record) -> String {
    // A record has no map with keys that are no texts, so JSON cannot refuse it.
    let json = serde_json::to_string(record).unwrap_or_default();
    format!("{:08x} {json}\n", crc32(json.as_bytes()))
}

/// Reads whatever bytes a journal has.
pub(crate) fn decode(bytes: &[u8]) -> Content {
    let mut content = Content::default();
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let whole = line.strip_suffix(b"\n");
        // Of the last line all but its end may have reached the disk.
        if let Some(record) = read(whole.unwrap_or(line)) {
            content.records.push(record);
        } else if whole.is_none() {
            content.is_torn = true;
        } else {
            content.damaged += 1;
            if content.lines.len() < TOLD {
                content.lines.push(index + 1);
            }
        }
    }
    content
}

fn read(line: &[u8]) -> Option<Record> {
    let (sum, rest) = line.split_at_checked(8)?;
    let json = rest.strip_prefix(b" ")?;
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    if sum != crc32(json) {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// CRC-32 as in Ethernet (IEEE 802.3 clause 3.2.9): reflected, polynomial 0x04C11DB7.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| {
        if crc & 1 == 1 {
            (crc >> 1) ^ 0xEDB8_8320
        } else {
            crc >> 1
        }
    };
    let mix = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(u32::MAX, mix)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use umec_wire::command::{CommandId, CommandResult, Outcome};
    use umec_wire::{CommandName, DeviceName, Label, Reason, Span, Timestamp, Value};

    use super::*;
    use crate::plugin::ledger::Order;

    fn order(id: &str) -> Order {
        Order {
            id: CommandId(Label::new(id).unwrap()),
            device: DeviceName::new("heater-1").unwrap(),
            name: CommandName::new("setpoint").unwrap(),
            expires: Timestamp::from_millis(2_000),
        }
    }

    fn ended(id: &str, outcome: Outcome, value: Option<Value>) -> Record {
        Record::Ended {
            order: order(id),
            result: CommandResult {
                id: CommandId(Label::new(id).unwrap()),
                outcome,
                reason: Some(Reason::new("a-code", "a text\nof two lines, „quoted“")),
                value,
                time: Timestamp::from_micros(1_700_000_000_000_001),
            },
        }
    }

    fn records() -> Vec<Record> {
        let device = DeviceName::new("heater-1").unwrap();
        vec![
            Record::Begun(order("c-1")),
            ended("c-1", Outcome::Done, Value::number(0.1 + 0.2).ok()),
            Record::Begun(order("c-2")),
            ended("c-2", Outcome::Failed, Some(Value::from("text"))),
            ended("c-3", Outcome::Refused, Some(Value::Boolean(true))),
            Record::Every {
                device: device.clone(),
                every: Some(Span::from_millis(10)),
            },
            Record::Every {
                device,
                every: None,
            },
        ]
    }

    fn journal(records: &[Record]) -> Vec<u8> {
        records.iter().map(encode).collect::<String>().into_bytes()
    }

    #[test]
    fn the_sum_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn what_is_written_is_read() {
        let content = decode(&journal(&records()));
        assert_eq!(content.records, records());
        assert_eq!((content.damaged, content.is_torn), (0, false));
    }

    #[test]
    fn a_journal_cut_anywhere_loses_at_most_its_last_record() {
        let records = records();
        let whole = journal(&records);
        for length in 0..=whole.len() {
            let content = decode(&whole[..length]);
            let ends = whole[..length].iter().filter(|byte| **byte == b'\n');
            let count = content.records.len();
            assert_eq!(content.records, records[..count], "cut at {length}");
            assert!(count >= ends.count(), "cut at {length}: {count}");
            assert_eq!(content.damaged, 0, "cut at {length}");
            let is_whole = journal(&records[..count]).len() <= length + 1;
            assert!(is_whole, "cut at {length}");
        }
    }

    #[test]
    fn a_changed_byte_costs_its_line_and_is_told() {
        let records = records();
        let whole = journal(&records);
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0x04;
            let content = decode(&changed);
            assert!(
                content
                    .records
                    .iter()
                    .all(|record| records.contains(record))
            );
            // The end of a line that is gone makes one of two.
            assert!(content.records.len() >= records.len() - 2, "at {place}");
            assert!(
                content.records.len() < records.len()
                    && content.damaged + u64::from(content.is_torn) > 0
                    || place == whole.len() - 1,
                "a change at {place} is not seen"
            );
        }
    }

    #[test]
    fn damage_is_told_by_its_line() {
        let mut lines: Vec<String> = records().iter().map(encode).collect();
        lines.insert(2, "what is this\n".to_owned());
        lines.insert(4, "00000000 {}\n".to_owned());
        let content = decode(lines.concat().as_bytes());
        assert_eq!(content.records, records());
        assert_eq!((content.damaged, content.lines), (2, vec![3, 5]));
    }

    proptest! {
        #[test]
        fn no_bytes_stop_the_journal(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let content = decode(&bytes);
            prop_assert!(content.records.is_empty());
        }

        #[test]
        fn bytes_between_records_cost_no_record(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            place in 0_usize..8,
        ) {
            let mut lines: Vec<Vec<u8>> = records().iter().map(|r| encode(r).into_bytes()).collect();
            let mut noise = bytes;
            noise.push(b'\n');
            let place = place.min(lines.len());
            lines.insert(place, noise);
            prop_assert_eq!(decode(&lines.concat()).records, records());
        }
    }
}
