//! What `umec-wire` reads.

use std::str::FromStr;

use nkeys::{KeyPair, KeyPairType};
use serde::de::DeserializeOwned;
use umec_wire::command::{CommandRequest, CommandResult};
use umec_wire::event::Event;
use umec_wire::problem::Problem;
use umec_wire::senml::{Format, decode, encode};
use umec_wire::signature::{PublicKey, Signature};
use umec_wire::status::Status;
use umec_wire::subject::Subject;
use umec_wire::trace::TraceParent;
use umec_wire::{DeviceName, Label, MessageId, NodeName, Pack, Series, Span, Timestamp, Unit};

use crate::table::Decoder;

/// What is read here.
pub(crate) fn decoders() -> Vec<Decoder> {
    vec![
        senml_in_json(),
        senml_in_cbor(),
        subjects(),
        message_ids(),
        names_of_series(),
        labels(),
        spans(),
        times(),
        units(),
        trace_contexts(),
        signatures(),
        public_keys(),
        documents_of_status(),
        requests_of_commands(),
        results_of_commands(),
        problems(),
        headers_of_events(),
    ]
}

const JSON: &[&[u8]] = &[
    br#"[{"bn":"n/d/","bt":1763716200.25,"n":"temperature","u":"Cel","v":21.5}]"#,
    br#"[{"bn":"n/d/","bt":1763716200,"n":"u1","bu":"V","v":230.1},{"n":"u2","v":-0.25},{"n":"i1","u":"A","t":0.000001,"v":1e-7}]"#,
    br#"[{"bver":26,"bn":"n/d/","bt":1763716200.25,"n":"open","vb":true},{"n":"name","vs":"a \"b\"\n\u00e4"},{"n":"raw","vd":"aGkgCg"},{"n":"p/15m/mean","u":"hPa","v":1013.25}]"#,
    br#"[{"n":"n/d/x","t":1763716200,"v":1,"ut":10,"extra":{"a":[1,{"b":null}]}},{"bv":10,"bt":1.7637162e9,"n":"n/d/y","v":-3}]"#,
];

fn read(format: Format, body: &[u8]) -> Option<Pack> {
    let node = NodeName::new("n").unwrap();
    let device = DeviceName::new("d").unwrap();
    decode(format, &node, &device, body).ok()
}

/// Decodes a pack; what is taken must come back the same from either format.
fn takes_pack(format: Format, body: &[u8]) -> bool {
    let Some(pack) = read(format, body) else {
        return false;
    };
    for other in Format::ALL {
        assert_eq!(read(other, &encode(other, &pack)).as_ref(), Some(&pack));
    }
    true
}

/// Parses a text; what is taken must be written so that it is read as the same.
fn takes_text<T: FromStr + ToString + PartialEq>(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let Ok(value) = text.parse::<T>() else {
        return false;
    };
    assert!(value.to_string().parse::<T>().ok() == Some(value), "{text}");
    true
}

/// Reads a document; what is taken must be written so that it is read as the same.
fn takes_json<T: DeserializeOwned + serde::Serialize + PartialEq>(body: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<T>(body) else {
        return false;
    };
    let text = serde_json::to_string(&value).unwrap();
    assert!(
        serde_json::from_str::<T>(&text).ok() == Some(value),
        "{text}"
    );
    true
}

fn senml_in_json() -> Decoder {
    Decoder::new("senml-json", JSON, |body| takes_pack(Format::Json, body))
}

fn senml_in_cbor() -> Decoder {
    let seeds: Vec<_> = JSON
        .iter()
        .map(|body| encode(Format::Cbor, &read(Format::Json, body).unwrap()))
        .collect();
    let mut seeds: Vec<&[u8]> = seeds.iter().map(AsRef::as_ref).collect();
    // A decimal fraction, a map of indefinite length and a field to ignore.
    seeds.push(b"\x9f\xbf\x00\x65n/d/x\x02\xc4\x82\x21\x19\x6a\xb3\x06\x1a\x69\x20\x30\x68\x61x\x82\x01\xf6\xff\xff");
    Decoder::new("senml-cbor", &seeds, |body| takes_pack(Format::Cbor, body))
}

fn subjects() -> Decoder {
    let seeds: &[&[u8]] = &[
        b"umec.v1.pole-7.meter-3.readings",
        b"umec.v1.pole-7.thermometer-1.command.setpoint",
    ];
    Decoder::new("subject", seeds, takes_text::<Subject>)
}

fn message_ids() -> Decoder {
    let seeds: &[&[u8]] = &[b"meter-3:019aa5ad7640beef:42", b"d:0000000000000000:1"];
    Decoder::new("message-id", seeds, takes_text::<MessageId>)
}

fn names_of_series() -> Decoder {
    let seeds: &[&[u8]] = &[b"temperature", b"flow-rate/15m/mean"];
    Decoder::new("series", seeds, takes_text::<Series>)
}

fn labels() -> Decoder {
    Decoder::new("label", &[b"pole-7", b"a"], takes_text::<Label>)
}

fn spans() -> Decoder {
    Decoder::new(
        "duration",
        &[b"500ms", b"7d", b"1500us"],
        takes_text::<Span>,
    )
}

fn times() -> Decoder {
    let seeds: &[&[u8]] = &[b"2026-11-21T09:30:00Z", b"2023-12-14T04:25:12.634567+01:00"];
    Decoder::new("time", seeds, takes_text::<Timestamp>)
}

fn units() -> Decoder {
    Decoder::new("unit", &[b"Cel", b"kvarh", b"%RH"], takes_text::<Unit>)
}

fn trace_contexts() -> Decoder {
    let seed = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    Decoder::new("traceparent", &[seed], takes_text::<TraceParent>)
}

fn signature() -> String {
    let pair = KeyPair::new_from_raw(KeyPairType::User, [7; 32]).unwrap();
    let signature = Signature::sign(&pair, "another", "message", b"");
    signature.unwrap().to_string()
}

fn signatures() -> Decoder {
    Decoder::new("signature", &[signature().as_bytes()], |body| {
        let text = String::from_utf8_lossy(body);
        let signature = text.parse::<Signature>();
        let verified = signature
            .as_ref()
            .is_ok_and(|s| s.verify("s", "i", b"p").is_ok());
        assert!(!verified, "a signature of another message");
        signature.is_ok()
    })
}

fn public_keys() -> Decoder {
    // A signature begins with the key of who signed.
    let seed = &signature().into_bytes()[..56];
    Decoder::new("public-key", &[seed], takes_text::<PublicKey>)
}

fn documents_of_status() -> Decoder {
    let seeds: &[&[u8]] = &[
        br#"{"state":"up","since":"2026-11-21T09:30:00Z","plugin":"modbus"}"#,
        br#"{"state":"down","reason":{"code":"no-answer","text":"10.0.7.20:502"},"since":"2026-11-21T09:30:00.000001Z","plugin":"modbus","identity":{"manufacturer":"Example","model":"X1"},"metrics":[{"name":"setpoint","unit":"Cel","every":"10s","write":{"min":5,"max":30}}],"problems":{"heater":{"code":"out-of-range","text":"7"}}}"#,
    ];
    Decoder::new("status", seeds, takes_json::<Status>)
}

fn requests_of_commands() -> Decoder {
    let requests: &[&[u8]] = &[
        br#"{"id":"c-1","value":21.5,"issuer":"dashboard","expires":"2026-11-21T09:30:10Z"}"#,
        br#"{"id":"c-2","value":true,"issuer":"","expires":"2026-11-21T09:30:10.5Z"}"#,
        br#"{"id":"c-3","issuer":"x","expires":"2026-11-21T09:30:10Z"}"#,
    ];
    Decoder::new("command-request", requests, takes_json::<CommandRequest>)
}

fn results_of_commands() -> Decoder {
    let results: &[&[u8]] = &[
        br#"{"id":"c-1","outcome":"done","value":21.5,"time":"2026-11-21T09:30:10Z"}"#,
        br#"{"id":"c-2","outcome":"refused","reason":{"code":"out-of-range","text":"5 to 30"},"time":"2026-11-21T09:30:10Z"}"#,
    ];
    Decoder::new("command-result", results, takes_json::<CommandResult>)
}

fn problems() -> Decoder {
    let seed = br#"{"type":"/problems/bad-request","title":"t","status":400,"detail":"d","field":"limit"}"#;
    Decoder::new("problem", &[seed], takes_json::<Problem>)
}

fn headers_of_events() -> Decoder {
    let seeds: &[&[u8]] = &[
        b"ce-specversion: 1.0\nce-id: 1\nce-source: /n/d\nce-type: dev.umec.door.opened\nce-time: 2026-11-21T09:30:00Z\nce-subject: lid\nContent-Type: text/plain",
    ];
    Decoder::new("event", seeds, |body| {
        let text = String::from_utf8_lossy(body);
        let header = |wanted: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(": "));
            lines
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value)
        };
        let Ok(event) = Event::decode("ce-", &header, body) else {
            return false;
        };
        let written = event.encode("ce-");
        let header = |wanted: &str| {
            let found = written.headers.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(
            Event::decode("ce-", &header, &written.body).ok(),
            Some(event)
        );
        true
    })
}
