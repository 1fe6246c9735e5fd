//! What an uplink and a gateway read from each other.

use bytes::Bytes;
use umec_wire::command::{CommandId, CommandRequest, CommandResult, Outcome};
use umec_wire::uplink::datagram::Retry;
use umec_wire::uplink::message::Fragment;
use umec_wire::uplink::session::{Key, Welcome, answer};
use umec_wire::uplink::{
    Command, Connection, Cookie, Datagram, Down, Entry, EntryKind, Initiation, Lane, Ranges,
    Session, Up,
};
use umec_wire::{Boot, Label, ModemName, NodeName, Reason, Sequence, Timestamp, Value};

use crate::storm::{slow_storm, storm};

const KEY: Key = Key::new([7; 32]);

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

fn entry() -> Entry {
    let body = br#"[{"bn":"n/d/","bt":1763716200.25,"n":"temperature","u":"Cel","v":21.5}]"#;
    Entry {
        kind: EntryKind::Readings,
        id: "d:019aa5ad7640beef:42".parse().unwrap(),
        floor: Sequence::FIRST,
        time: Some(Timestamp::from_micros(1_763_716_200_250_000)),
        trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            .parse()
            .ok(),
        headers: vec![(
            "Content-Type".to_owned(),
            "application/senml+json".to_owned(),
        )],
        body: Bytes::from_static(body),
    }
}

fn ups() -> [Up; 4] {
    let status = Entry {
        kind: EntryKind::Status,
        time: None,
        trace: None,
        headers: Vec::new(),
        ..entry()
    };
    [
        Up::Batch {
            number: 7,
            entries: vec![entry(), status],
        },
        Up::Fragment(Fragment {
            number: 7,
            index: 1,
            count: 3,
            bytes: Bytes::from_static(b"part"),
        }),
        Up::Result(CommandResult {
            id: CommandId(label("c-1")),
            outcome: Outcome::Refused,
            reason: Some(Reason::new("out-of-range", "5 to 30")),
            value: Some(Value::from("x")),
            time: Timestamp::from_millis(1_763_716_200_000),
        }),
        Up::Keepalive { waiting: 100_000 },
    ]
}

fn downs() -> [Down; 4] {
    let mut ranges = Ranges::default();
    for number in [1, 2, 3, 70_000, 70_001, 1 << 40] {
        ranges.insert(number);
    }
    [
        Down::Acknowledged(ranges),
        Down::Command(Command {
            device: label("d").into(),
            name: label("setpoint").into(),
            request: CommandRequest {
                id: CommandId(label("c-1")),
                value: Value::number(21.5).ok(),
                issuer: "cloud".to_owned(),
                expires: Timestamp::from_millis(1_763_716_200_000),
            },
        }),
        Down::ResultsReceived(vec![CommandId(label("c-1")), CommandId(label("c-2"))]),
        Down::Alive {
            refusing: Some(Reason::new("kafka-away", "no broker")),
        },
    ]
}

fn begin() -> Initiation {
    let modem = ModemName::new("pole-7").unwrap();
    Initiation::begin(&modem, &KEY, Boot::from_bits(3), None, [1; 32]).unwrap()
}

fn respond(hello: &[u8]) -> Option<(Session, Vec<u8>)> {
    let Ok(Datagram::Hello(hello)) = Datagram::decode(hello) else {
        return None;
    };
    let welcome = Welcome {
        connection: Connection(99),
        node: NodeName::new("pole-7").unwrap(),
        gateway: Boot::from_bits(5),
        resumption: Cookie([9; 17]),
    };
    let (session, datagram, _) = answer(&hello, &KEY, &welcome, [2; 32]).ok()?;
    Some((session, datagram))
}

/// Both ends of a session, and the datagrams that made it.
fn session() -> (Session, Session, [Vec<u8>; 2]) {
    let mut initiation = begin();
    let hello = initiation.hello().to_vec();
    let (gateway, welcome) = respond(&hello).unwrap();
    initiation.welcome(&welcome[1..]).unwrap();
    let modem = initiation.session(Connection(99)).unwrap();
    (modem, gateway, [hello, welcome])
}

#[test]
fn datagrams() {
    let (mut modem, mut gateway, [hello, welcome]) = session();
    let up = modem.seal(Lane::Data, b"up").unwrap();
    let down = gateway.seal(Lane::Command, b"down").unwrap();
    let unknown = Datagram::Unknown(Connection(7)).encode();
    let retry = Datagram::Retry(Retry {
        echo: [1; 8],
        cookie: Cookie([9; 17]),
    })
    .encode();
    let seeds = [&hello[..], &welcome, &up, &down, &unknown, &retry];
    storm("datagram", &seeds, |body| {
        let Ok(datagram) = Datagram::decode(body) else {
            return false;
        };
        assert_eq!(datagram.encode(), body);
        true
    });
}

#[test]
fn messages_up() {
    let seeds = ups().map(|up| up.encode());
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    storm("message up", &seeds, |body| {
        let Ok(message) = Up::decode(&Bytes::copy_from_slice(body)) else {
            return false;
        };
        let again = Up::decode(&Bytes::from(message.encode()));
        assert_eq!(again.ok(), Some(message));
        true
    });
}

#[test]
fn entries_of_batches() {
    let seed = entry().encode();
    storm("entry", &[&seed], |body| {
        let Ok(entry) = Entry::decode(&Bytes::copy_from_slice(body)) else {
            return false;
        };
        let again = Entry::decode(&Bytes::from(entry.encode()));
        assert_eq!(again.ok(), Some(entry));
        true
    });
}

#[test]
fn messages_down() {
    let seeds = downs().map(|down| down.encode());
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    storm("message down", &seeds, |body| {
        let Ok(message) = Down::decode(body) else {
            return false;
        };
        assert_eq!(Down::decode(&message.encode()).ok(), Some(message));
        true
    });
}

#[test]
fn handshakes() {
    let (_, _, [hello, welcome]) = session();
    slow_storm("hello", &[&hello], |body| respond(body).is_some());
    slow_storm("welcome", &[&welcome[1..]], |body| {
        begin().welcome(body).is_ok()
    });
}

#[test]
fn sealed_datagrams() {
    let (mut modem, gateway, _) = session();
    let first = modem.seal(Lane::Data, b"a batch of readings").unwrap();
    let second = modem.seal(Lane::Command, b"").unwrap();
    let gateway = std::cell::RefCell::new(gateway);
    let mut opened = std::collections::BTreeSet::new();
    for seed in [&first, &second] {
        opened.insert(seed.clone());
    }
    // Each is opened once, so the storm's own look at its seeds uses them up: all else is refused.
    storm("sealed datagram", &[&first, &second], |body| {
        let Ok(Datagram::Sealed(sealed)) = Datagram::decode(body) else {
            return false;
        };
        let taken = gateway.borrow_mut().open(&sealed).is_ok();
        assert!(
            !taken || opened.contains(body),
            "a forged datagram was opened"
        );
        taken
    });
}

#[test]
fn keys() {
    let seed = "07".repeat(32);
    storm("pre-shared key", &[seed.as_bytes()], |body| {
        String::from_utf8_lossy(body).parse::<Key>().is_ok()
    });
}
