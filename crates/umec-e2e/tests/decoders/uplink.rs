//! What an uplink and a gateway read from each other.

use std::sync::Arc;

use bytes::Bytes;
use umec_wire::command::{CommandId, CommandRequest, CommandResult, Outcome};
use umec_wire::uplink::batch::{Row, encode_rows};
use umec_wire::uplink::datagram::Retry;
use umec_wire::uplink::message::Fragment;
use umec_wire::uplink::session::{Key, Welcome, answer};
use umec_wire::uplink::{
    Batch, Command, Connection, Content, Cookie, Datagram, Down, Entry, Initiation, Lane, Layout,
    LayoutNumber, Ranges, Session, Up,
};
use umec_wire::{Boot, Label, ModemName, NodeName, Reading, Reason, Sequence, Timestamp, Value};

use crate::table::Decoder;

/// What is read here.
pub(crate) fn decoders() -> Vec<Decoder> {
    vec![
        datagrams(),
        messages_up(),
        entries_of_batches(),
        entries_of_known_layouts(),
        messages_down(),
        hellos(),
        welcomes(),
        sealed_datagrams(),
        keys(),
    ]
}

pub(crate) const KEY: Key = Key::new([7; 32]);

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

fn entry(content: Content) -> Entry {
    Entry {
        id: "d:019aa5ad7640beef:42".parse().unwrap(),
        floor: Sequence::FIRST,
        trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            .parse()
            .ok(),
        content,
    }
}

/// Messages of all kinds, with values of all types and columns of all forms.
pub(crate) fn entries() -> Vec<Entry> {
    let texts = ["on", "off"];
    let reading = |place: u16| {
        let number = f64::from(place);
        let values = [
            ("temperature", Value::number(21.5 + number / 10.0).unwrap()),
            ("noise", Value::number((number + 2.0).sqrt()).unwrap()),
            (
                "single",
                Value::number(f64::from((f32::from(place) + 2.0).sqrt())).unwrap(),
            ),
            (
                "zero",
                Value::number(if place == 7 { -0.0 } else { number }).unwrap(),
            ),
            ("open", Value::Boolean(place.is_multiple_of(3))),
            ("alarm", Value::Boolean(place > 15)),
            ("state", Value::from(texts[usize::from(place % 2)])),
            ("raw", Value::Opaque(vec![1; usize::from(place)].into())),
        ];
        let time = 1_763_716_200_250_000 + i64::from(place) * 1_000_000;
        let reading = |(name, value): (&str, Value)| Reading {
            series: name.parse().unwrap(),
            time: Timestamp::from_micros(time),
            unit: (name == "temperature").then(|| "Cel".parse().unwrap()),
            value,
        };
        values.map(reading).to_vec()
    };
    let mut entries: Vec<Entry> = (0..20)
        .map(|place| entry(Content::Readings(reading(place))))
        .collect();
    let burst = (0..3).flat_map(reading);
    entries.push(entry(Content::Aggregates(burst.collect())));
    let mut odd = reading(1);
    odd[3].time = Timestamp::from_micros(0);
    entries.push(entry(Content::Aggregates(odd)));
    entries.push(entry(Content::Event {
        headers: vec![("ce-id".to_owned(), "1".to_owned())],
        data: Bytes::from_static(b"data"),
    }));
    entries.push(entry(Content::Status {
        time: Timestamp::from_micros(1_763_716_200_250_000),
        body: Bytes::from_static(br#"{"state":"up"}"#),
    }));
    entries
}

fn batch(entries: &[Entry]) -> Batch {
    let layouts: Vec<_> = entries.iter().map(|e| Arc::new(Layout::of(e))).collect();
    let place = |entry| {
        layouts
            .iter()
            .position(|layout| layout.fits(entry))
            .unwrap()
    };
    let number = |place: usize| LayoutNumber(u32::try_from(place + 1).unwrap());
    let rows = entries.iter().map(|entry| {
        let place = place(entry);
        Row::new(number(place), &layouts[place], entry).unwrap()
    });
    let rows: Vec<_> = rows.collect();
    let numbered = layouts.iter().enumerate();
    let used = numbered.filter(|(at, _)| entries.iter().any(|entry| place(entry) == *at));
    Batch {
        number: 7,
        definitions: used
            .map(|(at, layout)| (number(at), Arc::clone(layout)))
            .collect(),
        rows: encode_rows(&rows).into(),
    }
}

pub(crate) fn ups() -> [Up; 4] {
    [
        Up::Batch(batch(&entries())),
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
        Up::Keepalive {
            waiting: 100_000,
            round_trip: Some(std::time::Duration::from_millis(180)),
        },
    ]
}

pub(crate) fn downs() -> [Down; 5] {
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
        Down::UnknownLayouts {
            batch: 7,
            layouts: vec![LayoutNumber(1), LayoutNumber(300)],
        },
    ]
}

pub(crate) fn begin(cookie: Option<Cookie>) -> Initiation {
    let modem = ModemName::new("pole-7").unwrap();
    Initiation::begin(&modem, &KEY, Boot::from_bits(3), cookie, [1; 32]).unwrap()
}

pub(crate) fn respond(hello: &[u8]) -> Option<(Session, Vec<u8>)> {
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
    let mut initiation = begin(None);
    let hello = initiation.hello().to_vec();
    let (gateway, welcome) = respond(&hello).unwrap();
    initiation.welcome(&welcome[1..]).unwrap();
    let modem = initiation.session(Connection(99)).unwrap();
    (modem, gateway, [hello, welcome])
}

fn datagrams() -> Decoder {
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
    Decoder::new("datagram", &seeds, |body| {
        let Ok(datagram) = Datagram::decode(body) else {
            return false;
        };
        assert_eq!(datagram.encode(), body);
        true
    })
}

fn messages_up() -> Decoder {
    let seeds = ups().map(|up| up.encode());
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    Decoder::new("message-up", &seeds, |body| {
        let Ok(message) = Up::decode(&Bytes::copy_from_slice(body)) else {
            return false;
        };
        let again = Up::decode(&Bytes::from(message.encode()));
        assert_eq!(again.ok(), Some(message));
        true
    })
}

fn entries_of_batches() -> Decoder {
    let whole = batch(&entries()).encode();
    let each: Vec<_> = entries()
        .chunks(1)
        .map(|entry| batch(entry).encode())
        .collect();
    let mut seeds: Vec<&[u8]> = each.iter().map(Vec::as_slice).collect();
    seeds.push(&whole);
    Decoder::new("batch-entries", &seeds, |body| {
        let Ok(message) = Batch::decode(&Bytes::copy_from_slice(body)) else {
            return false;
        };
        let Ok(entries) = message.entries(|_| None) else {
            return false;
        };
        let again = Batch::decode(&batch(&entries).encode().into()).unwrap();
        let mut again = again.entries(|_| None).unwrap();
        // Two layouts may say the same, and then their messages have one floor.
        let mut entries = entries;
        for entry in entries.iter_mut().chain(&mut again) {
            entry.floor = Sequence::FIRST;
        }
        let sorted = |mut entries: Vec<Entry>| {
            entries.sort_by_key(|entry| format!("{entry:?}"));
            entries
        };
        assert_eq!(sorted(again), sorted(entries));
        true
    })
}

fn entries_of_known_layouts() -> Decoder {
    let whole = batch(&entries());
    let known = whole.definitions.clone();
    let each = entries().into_iter().map(|entry| {
        let place = known.iter().find(|(_, layout)| layout.fits(&entry));
        let (number, layout) = place.unwrap();
        let row = Row::new(*number, layout, &entry).unwrap();
        encode_rows(&[row])
    });
    let mut seeds: Vec<_> = each.collect();
    seeds.push(whole.rows.to_vec());
    let seeds: Vec<_> = seeds
        .into_iter()
        .map(|rows| Batch {
            number: 7,
            definitions: Vec::new(),
            rows: rows.into(),
        })
        .map(|batch| batch.encode())
        .collect();
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    Decoder::new("batch-known-layouts", &seeds, move |body| {
        let Ok(message) = Batch::decode(&Bytes::copy_from_slice(body)) else {
            return false;
        };
        let layout = |wanted| {
            let found = known.iter().find(|(number, _)| *number == wanted);
            found.map(|(_, layout)| Arc::clone(layout))
        };
        message.entries(layout).is_ok()
    })
}

fn messages_down() -> Decoder {
    let seeds = downs().map(|down| down.encode());
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    Decoder::new("message-down", &seeds, |body| {
        let Ok(message) = Down::decode(body) else {
            return false;
        };
        assert_eq!(Down::decode(&message.encode()).ok(), Some(message));
        true
    })
}

fn hellos() -> Decoder {
    let (_, _, [hello, _]) = session();
    Decoder::slow("hello", &[&hello], |body| respond(body).is_some())
}

fn welcomes() -> Decoder {
    let (_, _, [_, welcome]) = session();
    Decoder::slow("welcome", &[&welcome[1..]], |body| {
        begin(None).welcome(body).is_ok()
    })
}

fn sealed_datagrams() -> Decoder {
    let (mut modem, mut gateway, _) = session();
    let first = modem.seal(Lane::Data, b"a batch of readings").unwrap();
    let second = modem.seal(Lane::Command, b"").unwrap();
    let mut opened = std::collections::BTreeSet::new();
    for seed in [&first, &second] {
        opened.insert(seed.clone());
    }
    // Each is opened once, so a first look at the seeds uses them up: all else is refused.
    Decoder::new("sealed-datagram", &[&first, &second], move |body| {
        let Ok(Datagram::Sealed(sealed)) = Datagram::decode(body) else {
            return false;
        };
        let taken = gateway.open(&sealed).is_ok();
        assert!(
            !taken || opened.contains(body),
            "a forged datagram was opened"
        );
        taken
    })
}

fn keys() -> Decoder {
    let seed = "07".repeat(32);
    Decoder::new("pre-shared-key", &[seed.as_bytes()], |body| {
        String::from_utf8_lossy(body).parse::<Key>().is_ok()
    })
}
