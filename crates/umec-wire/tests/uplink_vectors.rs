//! The test vectors of `docs/uplink-protocol.md` are what the code writes and reads.

#![cfg(test)]

use std::fmt::Write as _;
use std::time::Duration;

use umec_wire::uplink::datagram::Retry;
use umec_wire::uplink::session::{Welcome, answer};
use umec_wire::uplink::{Connection, Cookies, Datagram, Down, Initiation, Key, Lane, Ranges, Up};
use umec_wire::{Boot, ModemName, NodeName, Timestamp};

const PAGE: &str = include_str!("../../../docs/uplink-protocol.md");

/// The session of the vectors: each name and what goes over the wire.
fn vectors() -> Vec<(&'static str, Vec<u8>)> {
    let modem = ModemName::new("pole-7").unwrap();
    let key = Key::new([7; 32]);
    let cookies = Cookies::new([5; 32]);
    let now = Timestamp::from_millis(1_800_000_000_000);
    let from = "192.0.2.1:4000".parse().unwrap();
    let boot = Boot::from_bits(3);

    let first = Initiation::begin(&modem, &key, boot, None, [1; 32]).unwrap();
    let cookie = cookies.retry(now, from);
    let hello = first.hello().to_vec();
    let Ok(Datagram::Hello(read)) = Datagram::decode(&hello) else {
        panic!("a hello")
    };
    let retry = Retry {
        echo: read.echo(),
        cookie,
    };
    let retry = Datagram::Retry(retry).encode();

    let mut second = Initiation::begin(&modem, &key, boot, Some(cookie), [2; 32]).unwrap();
    let again = second.hello().to_vec();
    let Ok(Datagram::Hello(read)) = Datagram::decode(&again) else {
        panic!("a hello")
    };
    let welcome = Welcome {
        connection: Connection(0x0102_0304),
        node: NodeName::new("pole-7").unwrap(),
        gateway: Boot::from_bits(5),
        resumption: cookies.resumption(now, "192.0.2.1".parse().unwrap(), &modem),
    };
    let (mut gateway, welcome, _) = answer(&read, &key, &welcome, [3; 32]).unwrap();
    second.welcome(&welcome[1..]).unwrap();
    let mut uplink = second.session(Connection(0x0102_0304)).unwrap();

    let keepalive = Up::Keepalive {
        waiting: 2,
        round_trip: None,
    };
    let keepalive = uplink.seal(Lane::Data, &keepalive.encode()).unwrap();
    let alive = Down::Alive { refusing: None };
    let alive = gateway.seal(Lane::Data, &alive.encode()).unwrap();
    let challenge = gateway.seal(Lane::Data, &Down::Challenge(7).encode());
    let answer = uplink.seal(Lane::Data, &Up::Answer(7).encode());
    let mut ranges = Ranges::new();
    for number in [0, 1, 2, 9] {
        ranges.insert(number);
    }
    let acknowledged = gateway.seal(Lane::Data, &Down::Acknowledged(ranges).encode());
    let keepalive_that_tells = Up::Keepalive {
        waiting: 2,
        round_trip: Some(Duration::from_millis(180)),
    };
    let telling = uplink.seal(Lane::Data, &keepalive_that_tells.encode());
    let unknown = Datagram::Unknown(Connection(0x0102_0304)).encode();
    vec![
        ("hello", hello),
        ("retry", retry),
        ("hello with the cookie", again),
        ("welcome", welcome),
        ("keepalive, 2 wait", keepalive),
        ("answer to it", alive),
        ("challenge 7", challenge.unwrap()),
        ("answer to challenge 7", answer.unwrap()),
        ("batches 0 to 2 and 9 are safe", acknowledged.unwrap()),
        (
            "keepalive, 2 wait, the round trip is 180 ms",
            telling.unwrap(),
        ),
        ("unknown", unknown),
    ]
}

#[test]
fn the_vectors_of_the_page_are_what_the_code_writes() {
    let mut table = String::new();
    for (name, bytes) in vectors() {
        let hex = data_encoding::HEXLOWER.encode(&bytes);
        writeln!(table, "| {name} | `{hex}` |").unwrap();
        assert!(Datagram::decode(&bytes).is_ok(), "{name}");
    }
    assert!(PAGE.contains(&table), "the page should have\n{table}");
}
