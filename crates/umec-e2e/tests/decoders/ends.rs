//! What acts on what was decoded: both ends of both versions, told one thing after another.
//!
//! An input is a row of steps: a byte that says of what kind, a byte with the length, and the bytes. Each
//! input meets an end that has just got its session, so that a failure comes back with its input alone.

use std::net::SocketAddr;
use std::time::Duration;

use umec_gateway::kafka::{Incoming, Place};
use umec_gateway::machine::{Action, Admission, Machine, Parameters};
use umec_gateway::original;
use umec_spec::settings::uplink::Backlog;
use umec_spec::yaml;
use umec_uplink::machine as uplink;
use umec_wire::uplink::{Connection, Cookies, Datagram, Lane, Now, Session, Up};
use umec_wire::{Boot, ModemName, NodeName, Timestamp};

use crate::table::Decoder;
use crate::uplink::{KEY, begin, downs, entries, respond, ups};

const MODEM: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
    6_002,
);

/// Kinds of steps.
const PLAIN: u8 = 0;
const SEALED: u8 = 1;
const SEALED_COMMAND: u8 = 2;
const PAUSE: u8 = 3;
const RECORD: u8 = 4;
const REFUSAL: u8 = 5;

/// What is read here.
pub(crate) fn decoders() -> Vec<Decoder> {
    vec![gateways(), uplinks(), original_gateways(), marks()]
}

/// The steps of an input; the last may be short.
fn steps(mut input: &[u8]) -> Vec<(u8, &[u8])> {
    let mut steps = Vec::new();
    while let Some(([kind, length], rest)) = input.split_first_chunk::<2>() {
        // More than a byte can say is what is left.
        let length = match usize::from(*length) {
            255 => rest.len(),
            length => length.min(rest.len()),
        };
        let (bytes, rest) = rest.split_at(length);
        steps.push((kind % 6, bytes));
        input = rest;
    }
    steps
}

fn step(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap_or(255);
    [&[kind, length], bytes].concat()
}

fn sealed(lane: Lane, message: &[u8]) -> Vec<u8> {
    match lane {
        Lane::Data => step(SEALED, message),
        Lane::Command => step(SEALED_COMMAND, message),
    }
}

fn at(steady: Duration) -> Now {
    let wall = Timestamp::from_millis(1_800_000_000_000).saturating_add(steady);
    Now { steady, wall }
}

/// As long as the bytes say, at most some hours.
fn pause(bytes: &[u8]) -> Duration {
    let number = bytes
        .iter()
        .take(3)
        .fold(0, |n, byte| n << 8 | u64::from(*byte));
    Duration::from_millis(number)
}

fn record(offset: i64, bytes: &[u8]) -> Incoming {
    let mut parts = bytes.splitn(2, |byte| *byte == b' ');
    let mut part = || parts.next().map(|part| part.to_vec().into());
    Incoming {
        partition: 0,
        offset,
        key: part(),
        time: Some(1_800_000_000_000),
        headers: Vec::new(),
        value: part(),
    }
}

const COMMAND: &[u8] = br#"pole-7/d {"id":"c-1","name":"setpoint","value":21.5,"issuer":"x","expires":"2027-01-15T08:05:00Z"}"#;

// === A gateway ===

fn gateway() -> Machine {
    let parameters = Parameters {
        name: "cloud".parse().unwrap(),
        boot: Boot::from_bits(1),
        capacity: 100,
        grace: Duration::from_secs(5),
        cookies: Cookies::new([5; 32]),
        admission: Admission::default(),
    };
    let mut machine = Machine::new(parameters.clone(), [1; 32]);
    machine.adopt(Duration::from_secs(1), Machine::new(parameters, [2; 32]));
    machine
}

fn call(machine: &mut Machine, now: Now, bytes: &[u8]) {
    match Datagram::decode(bytes) {
        Ok(Datagram::Hello(hello)) => machine.hello(now, MODEM, &hello, |modem| {
            Some((KEY, NodeName::from(modem.as_label().clone())))
        }),
        _ => machine.datagram(now, MODEM, bytes),
    }
}

/// Carries out what the gateway wants; the datagrams that it sends.
fn answers(machine: &mut Machine, now: Now, offset: &mut i64, is_written: bool) -> Vec<Vec<u8>> {
    machine.poll(now);
    let mut sent = Vec::new();
    while let Some(action) = machine.next_action() {
        match action {
            Action::Send { bytes, .. } => sent.push(bytes),
            Action::Write { token, .. } => {
                *offset += 1;
                let place = Place {
                    partition: 0,
                    offset: *offset,
                };
                machine.delivered(now, token, is_written.then_some(place));
            }
            Action::Inherit(_) => {}
        }
    }
    sent
}

/// A modem's session with this gateway.
fn modem(machine: &mut Machine, now: Now, offset: &mut i64) -> Session {
    let mut initiation = begin(None);
    for _ in 0..2 {
        call(machine, now, initiation.hello());
        let answer = answers(machine, now, offset, true).pop().unwrap();
        match Datagram::decode(&answer) {
            Ok(Datagram::Retry(retry)) => initiation = begin(Some(retry.cookie)),
            Ok(Datagram::Welcome(noise)) => {
                let welcome = initiation.welcome(noise).unwrap();
                return initiation.session(welcome.connection).unwrap();
            }
            other => unreachable!("{other:?}"),
        }
    }
    unreachable!("a hello with a cookie is welcome")
}

fn gateways() -> Decoder {
    let mut seeds: Vec<Vec<u8>> = ups().map(|up| sealed(up.lane(), &up.encode())).into();
    let alive = Up::Keepalive {
        waiting: 0,
        round_trip: None,
    };
    seeds.push(
        [
            step(SEALED, &alive.encode()),
            step(PAUSE, &[1, 0, 0]),
            step(RECORD, COMMAND),
            step(PAUSE, &[9]),
        ]
        .concat(),
    );
    seeds.push([step(PLAIN, b"x"), step(REFUSAL, &ups()[0].encode())].concat());
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    Decoder::slow("gateway", &seeds, |input| {
        let mut machine = gateway();
        let (mut steady, mut offset) = (Duration::from_secs(1), 0);
        let mut session = modem(&mut machine, at(steady), &mut offset);
        for (kind, bytes) in steps(input) {
            let now = at(steady);
            let lane = if kind == SEALED_COMMAND {
                Lane::Command
            } else {
                Lane::Data
            };
            match kind {
                PLAIN => call(&mut machine, now, bytes),
                PAUSE => steady += pause(bytes),
                RECORD => machine.command(now, &record(offset, bytes)),
                _ => {
                    if let Some(sealed) = session.seal(lane, bytes) {
                        machine.datagram(now, MODEM, &sealed);
                    }
                }
            }
            answers(&mut machine, at(steady), &mut offset, kind != REFUSAL);
        }
        let counters = machine.counters();
        counters.opened > 0 && counters.not_understood == 0
    })
}

// === An uplink ===

fn uplink() -> uplink::Machine {
    let parameters = uplink::Parameters {
        modem: ModemName::new("pole-7").unwrap(),
        key: KEY,
        boot: Boot::from_bits(3),
        command: vec!["*".to_owned().try_into().unwrap()],
        datagram: 1_200,
        linger: Duration::from_millis(5),
        renewal: uplink::Renewal {
            after: Duration::from_mins(10),
            datagrams: 1_000,
        },
        backlog: Backlog::default(),
        budget: None,
    };
    uplink::Machine::new(parameters, [1; 32])
}

/// Lets an uplink do what is due; what it sends.
fn sent(machine: &mut uplink::Machine, now: Now) -> Vec<Vec<u8>> {
    machine.poll(now);
    let actions = std::iter::from_fn(|| machine.next_action());
    let sent = actions.filter_map(|action| match action {
        uplink::Action::Send(bytes) => Some(bytes),
        _ => None,
    });
    sent.collect()
}

fn uplinks() -> Decoder {
    let seeds: Vec<Vec<u8>> = downs()
        .iter()
        .map(|down| sealed(down.lane(), &down.encode()))
        .chain([
            step(PAUSE, &[0x10, 0, 0]),
            step(PLAIN, &Datagram::Unknown(Connection(99)).encode()),
        ])
        .collect();
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    let waiting = entries();
    Decoder::slow("uplink", &seeds, move |input| {
        let mut machine = uplink();
        let mut steady = Duration::from_secs(1);
        let hello = sent(&mut machine, at(steady)).pop().unwrap();
        let (mut session, welcome) = respond(&hello).unwrap();
        machine.datagram(at(steady), &welcome);
        for (position, entry) in (1..).zip(&waiting) {
            let lane = umec_sdk::bus::Lane::Live;
            machine.offer(at(steady), position, entry.clone(), lane);
        }
        sent(&mut machine, at(steady));
        for (kind, bytes) in steps(input) {
            let lane = if kind == SEALED_COMMAND {
                Lane::Command
            } else {
                Lane::Data
            };
            match kind {
                PLAIN => machine.datagram(at(steady), bytes),
                PAUSE => steady += pause(bytes),
                _ => {
                    if let Some(sealed) = session.seal(lane, bytes) {
                        machine.datagram(at(steady), &sealed);
                    }
                }
            }
            sent(&mut machine, at(steady));
        }
        let refused = machine.refused();
        refused.message + refused.malformed == 0
    })
}

// === The original's gateway, and what a gateway leaves to its successor ===

fn original_gateways() -> Decoder {
    let settings = "{ listen: '[::]:6001', modems: [{ node: bus-12, networks: [192.0.2.0/24] }] }";
    let settings = yaml::from_str(settings).unwrap();
    let data = b"\x00\x00\x00\x00\x03\x57\xe7\xb6\x91\x93\x26\xbb\x1c\x04\x00\x00\x03\x09";
    let request = br#"k {"type": "carrier-switch-perform", "metadata": "Verizon"}"#;
    let whole = [
        step(PLAIN, data),
        step(RECORD, request),
        step(PAUSE, &[1]),
        step(PLAIN, b"\x11\x02"),
    ]
    .concat();
    Decoder::new("original-gateway", &[&whole], move |input| {
        let mut machine = original::Machine::new(&settings);
        let mut steady = Duration::from_secs(1);
        for (place, (kind, bytes)) in (0..).zip(steps(input)) {
            match kind {
                PAUSE => steady += pause(bytes),
                RECORD => machine.request(at(steady), &record(place, bytes)),
                _ => machine.datagram(at(steady), MODEM, bytes),
            }
            machine.poll(at(steady));
            while let Some(action) = machine.next_action() {
                match action {
                    original::Action::WriteSurely { token, .. } if kind == REFUSAL => {
                        machine.not_written(token);
                        break;
                    }
                    original::Action::WriteSurely { token, .. } => machine.written(token),
                    _ => {}
                }
            }
        }
        machine.counters().samples > 0
    })
}

/// What gateways leave to each other: a record a line.
fn marks() -> Decoder {
    let seeds: &[&[u8]] = &[
        br#"_gateway/0000000000000002 {"name":"cloud","places":{"topics":{"umec.readings":{"0":7,"1":9},"umec.commands":{"0":3}},"resolved":{"0":[[5,6],[8,8]]}},"heir":"0000000000000001","isSettled":true}"#,
        br#"_owner/pole-7 {"gateway":"0000000000000001","by":"0000000000000001","of":"0000000000000002"}"#,
        br#"_right/c-1 {"gateway":"0000000000000001","by":"0000000000000002","isSent":true}
_right/c-1"#,
        br#"pole-7 {"node":"pole-7","marks":[["d","019aa5ad7640beef","2027-01-15T08:00:00Z",[[1,42],[44,44]]]]}
_owner/pole-7 {"gateway":"0000000000000001","by":"0000000000000001"}"#,
    ];
    let now = Duration::from_secs(1);
    Decoder::new("marks", seeds, move |input| {
        let mut machine = gateway();
        let lines = (0..).zip(input.split(|byte| *byte == b'\n'));
        let mut taken = lines.map(|(offset, line)| machine.restore(now, &record(offset, line)));
        let is_taken = taken.all(|taken| taken.is_ok());
        machine.poll(at(now));
        machine.snapshot(at(now).wall);
        is_taken
    })
}
