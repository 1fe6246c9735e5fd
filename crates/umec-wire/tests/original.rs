//! The bytes that `docs/uplink-protocol-v1.md` tells are those that the code reads and writes.

#![cfg(test)]

use umec_wire::original::{Answer, Carrier, IotStatus, Packet, Verdict, kafka};

const PAGE: &str = include_str!("../../../docs/uplink-protocol-v1.md");

/// What a packet is called on the page.
fn told(packet: &Packet<'_>) -> (String, String) {
    let text = |kind: &str, what: &str| (kind.to_owned(), what.to_owned());
    match packet {
        Packet::Data(sample) => {
            let (device, time, value) = (sample.device.0, sample.time, sample.value);
            text("data", &format!("device {device}, {time}, {value}"))
        }
        Packet::Status(IotStatus::Nominal) => text("status", "nominal"),
        Packet::Status(IotStatus::Idle) => text("status", "idle"),
        Packet::Status(IotStatus::OffNominal) => text("status", "off-nominal"),
        Packet::Perform(carrier) => text("perform", carrier.as_str()),
        Packet::Answer(Answer { verdict, carrier }) => text(verdict.as_str(), carrier.as_str()),
    }
}

#[test]
fn every_packet_of_the_page_is_what_the_page_says() {
    let mut count = 0;
    for line in PAGE.lines() {
        let Some((name, cells)) = line.strip_prefix("| ").and_then(|l| l.split_once(" | `")) else {
            continue;
        };
        let Some((kind, what)) = name.split_once(": ") else {
            continue;
        };
        let bytes = cells.split('`').filter(|text| !" |".contains(text.trim()));
        let bytes: Vec<Vec<u8>> = bytes
            .map(|text| {
                let digits: String = text.split_whitespace().collect();
                data_encoding::HEXLOWER.decode(digits.as_bytes()).unwrap()
            })
            .collect();
        let whats: Vec<_> = match bytes.len() {
            1 => vec![what],
            _ => what.split(", ").collect(),
        };
        assert_eq!(whats.len(), bytes.len(), "{line}");
        for (what, bytes) in whats.into_iter().zip(&bytes) {
            let packet = Packet::decode(bytes).unwrap();
            assert_eq!(told(&packet), (kind.to_owned(), what.to_owned()));
            assert_eq!(packet.encode().as_ref(), Ok(bytes));
            count += 1;
        }
    }
    assert_eq!(count, 19);
}

#[test]
fn every_record_of_the_page_is_what_is_written() {
    let bytes = [0, 0, 3, 9];
    let value = umec_wire::original::Integer::new(&bytes).unwrap();
    let time = "2023-12-14T04:25:12.634567Z".parse().unwrap();
    let answer = Answer {
        verdict: Verdict::Ack,
        carrier: Carrier::Verizon,
    };
    for record in [
        kafka::sample(time, value),
        kafka::for_grafana(&umec_wire::Label::new("temp").unwrap(), value),
        kafka::request(Carrier::Verizon),
        kafka::answer(answer),
    ] {
        assert!(PAGE.contains(&format!("`{record}`")), "{record}");
    }
}
