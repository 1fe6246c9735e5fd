//! What original modems, servers and their Kafka say: version 1 of the uplink protocol.

use serde::de::IgnoredAny;
use umec_wire::original::{Packet, kafka};

use crate::table::Decoder;

/// What is read here.
pub(crate) fn decoders() -> Vec<Decoder> {
    vec![original_packets(), original_requests()]
}

fn original_packets() -> Decoder {
    let seeds: &[&[u8]] = &[
        b"\x00\x00\x00\x00\x03\x57\xe7\xb6\x91\x93\x26\xbb\x1c\x04\x00\x00\x03\x09",
        b"\x00\x00\x00\x00\x01\x57\xe7\xb6\x91\x93\x26\xbb\x1c\x04\xff\xff\xff\xf0",
        b"\x00\x00\x00\x00\x02\x57\xe7\xb6\x91\x93\x00\x00\x00\x00",
        b"\x01\x10",
        b"\x10\x20",
        b"\x11\x0f",
        b"\x11\x12",
    ];
    Decoder::new("original-packet", seeds, |body| {
        match Packet::decode(body) {
            Ok(packet) => {
                let again = packet.encode().expect("what was read can be written");
                assert_eq!(again.len(), body.len());
                if let Packet::Data(sample) = packet {
                    assert_eq!(again, body);
                    let record = kafka::sample(sample.time, sample.value);
                    // A number may have more digits than a double's range: its form is judged, not its size.
                    let read = serde_json::from_str::<IgnoredAny>(&record);
                    assert!(read.is_ok(), "{record} is no JSON");
                }
                true
            }
            Err(error) => {
                assert!(!error.reason().is_empty(), "a refusal says why");
                false
            }
        }
    })
}

fn original_requests() -> Decoder {
    let seeds: &[&[u8]] = &[
        br#"{"type": "carrier-switch-perform", "metadata": "AT&T"}"#,
        br#"{"type": "carrier-switch-perform", "metadata": "Disconnect"}"#,
    ];
    Decoder::new("original-request", seeds, |body| {
        kafka::read_request(body).is_ok()
    })
}
