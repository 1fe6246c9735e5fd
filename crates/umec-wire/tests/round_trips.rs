//! What is written is read back as the same, whatever it is; and no decoder panics, whatever it gets.
//!
//! `PROPTEST_CASES` sets how many cases each property takes. Far more cases, of mutated valid input,
//! run in `crates/umec-e2e/tests/decoders.rs`.

#![cfg(test)]

use bytes::Bytes;
use nkeys::KeyPair;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use umec_wire::command::{CommandId, CommandRequest, CommandResult, Outcome};
use umec_wire::event::Event;
use umec_wire::problem::{Problem, ProblemKind};
use umec_wire::senml::{Format, decode, encode};
use umec_wire::signature::Signature;
use umec_wire::status::{Identity, Limits, MetricBirth, Reason, State, Status};
use umec_wire::subject::{Subject, Target};
use umec_wire::trace::TraceParent;
use umec_wire::{
    Boot, DeviceName, Kind, Label, MessageId, MetricName, Pack, Reading, Sequence, Series, Span,
    Statistic, Statuses, Timestamp, Topic, Unit, Value,
};

fn label() -> impl Strategy<Value = Label> {
    "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?".prop_map(|text| Label::new(&text).unwrap())
}

fn value() -> impl Strategy<Value = Value> {
    let finite = any::<f64>().prop_filter("finite", |number| number.is_finite());
    prop_oneof![
        4 => finite.prop_map(|number| Value::number(number).unwrap()),
        4 => (-1_000_000..1_000_000).prop_map(|n| Value::number(f64::from(n) / 100.0).unwrap()),
        1 => any::<bool>().prop_map(Value::Boolean),
        1 => any::<String>().prop_map(|text| Value::from(text.as_str())),
        1 => vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Opaque(Bytes::from(bytes))),
    ]
}

fn plain_value() -> impl Strategy<Value = Value> {
    value().prop_filter("bytes become a text", |v| !matches!(v, Value::Opaque(_)))
}

fn unit() -> impl Strategy<Value = Unit> {
    proptest::sample::select(Unit::all().collect::<Vec<_>>())
}

fn span() -> impl Strategy<Value = Span> {
    (1..u64::from(u32::MAX)).prop_map(Span::from_micros)
}

fn series() -> impl Strategy<Value = Series> {
    let statistic = proptest::sample::select(Statistic::ALL.to_vec());
    (label(), option::of((span(), statistic))).prop_map(|(metric, aggregate)| Series {
        metric: metric.into(),
        aggregate,
    })
}

/// Times that SenML carries exactly: from 2^28 s, below which they are relative, to 2^33 s.
fn time() -> impl Strategy<Value = Timestamp> {
    ((1_i64 << 28) * 1_000_000..(1_i64 << 33) * 1_000_000).prop_map(Timestamp::from_micros)
}

fn reading() -> impl Strategy<Value = Reading> {
    (series(), time(), option::of(unit()), value()).prop_map(|(series, time, unit, value)| {
        Reading {
            series,
            time,
            unit,
            value,
        }
    })
}

fn pack() -> impl Strategy<Value = Pack> {
    (label(), label(), vec(reading(), 1..20)).prop_map(|(node, device, readings)| Pack {
        node: node.into(),
        device: device.into(),
        readings,
    })
}

fn reason() -> impl Strategy<Value = Reason> {
    (label(), any::<String>()).prop_map(|(code, text)| Reason { code, text })
}

fn limits() -> impl Strategy<Value = Limits> {
    let end = || option::of(-1e9..1e9);
    (end(), end()).prop_map(|(min, max)| Limits { min, max })
}

fn birth() -> impl Strategy<Value = MetricBirth> {
    let parts = (
        label(),
        option::of(unit()),
        option::of(span()),
        option::of(limits()),
    );
    parts.prop_map(|(name, unit, every, write)| MetricBirth {
        name: name.into(),
        unit,
        every,
        write,
    })
}

fn status() -> impl Strategy<Value = Status> {
    let text = || option::of(any::<String>());
    let identity = (text(), text(), text(), text());
    let identity = identity.prop_map(|(manufacturer, model, revision, serial)| Identity {
        manufacturer,
        model,
        revision,
        serial,
    });
    let problems = btree_map(label().prop_map(MetricName::from), reason(), 0..4);
    let state = prop_oneof![Just(State::Up), Just(State::Down)];
    let parts = (
        state,
        option::of(reason()),
        time(),
        label(),
        identity,
        vec(birth(), 0..4),
        problems,
    );
    parts.prop_map(
        |(state, reason, since, plugin, identity, metrics, problems)| Status {
            state,
            reason,
            since,
            plugin: plugin.into(),
            identity,
            metrics,
            problems,
        },
    )
}

fn command_id() -> impl Strategy<Value = CommandId> {
    label().prop_map(CommandId)
}

fn message_id() -> impl Strategy<Value = MessageId> {
    (label(), any::<u64>(), 1..u64::MAX).prop_map(|(device, boot, sequence)| MessageId {
        device: device.into(),
        boot: Boot::from_bits(boot),
        sequence: Sequence::new(sequence).unwrap(),
    })
}

fn subject() -> impl Strategy<Value = Subject> {
    let published = proptest::sample::select(Target::PUBLISHED.to_vec());
    let command = label().prop_map(|name| Target::Command(name.into()));
    (label(), label(), prop_oneof![published, command]).prop_map(|(node, device, target)| Subject {
        node: node.into(),
        device: device.into(),
        target,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pack_is_read_as_it_is_written(pack in pack()) {
        for format in Format::ALL {
            let body = encode(format, &pack);
            let read = decode(format, &pack.node, &pack.device, &body).unwrap();
            prop_assert_eq!(&read, &pack);
            for (read, written) in read.readings.iter().zip(&pack.readings) {
                let bits = |reading: &Reading| reading.value.as_number().map(f64::to_bits);
                prop_assert_eq!(bits(read), bits(written));
            }
        }
    }

    #[test]
    fn a_pack_that_is_cut_short_is_refused(pack in pack(), part in 0.0..1.0) {
        for format in Format::ALL {
            let body = encode(format, &pack);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in the body")]
            let cut = body.slice(..(body.len() as f64 * part) as usize);
            prop_assert!(decode(format, &pack.node, &pack.device, &cut).is_err());
        }
    }

    #[test]
    fn a_status_is_read_as_it_is_written(status in status(), device in label()) {
        let topic = Topic::<Statuses>::new(device.clone().into(), device.into());
        let encoded = Statuses::encode(&status);
        let read = Statuses::decode(&topic, &|_| None, &encoded.body).unwrap();
        prop_assert_eq!(read, status);
    }

    #[test]
    fn a_command_is_read_as_it_is_written(
        id in command_id(), value in option::of(plain_value()), issuer in any::<String>(), expires in time(),
    ) {
        let request = CommandRequest { id, value, issuer, expires };
        let text = serde_json::to_string(&request).unwrap();
        prop_assert_eq!(serde_json::from_str::<CommandRequest>(&text).unwrap(), request);
    }

    #[test]
    fn a_result_is_read_as_it_is_written(
        id in command_id(), value in option::of(plain_value()), reason in option::of(reason()), time in time(),
        outcome in proptest::sample::select(vec![Outcome::Done, Outcome::Refused, Outcome::Failed, Outcome::Expired]),
    ) {
        let result = CommandResult { id, outcome, reason, value, time };
        let text = serde_json::to_string(&result).unwrap();
        prop_assert_eq!(serde_json::from_str::<CommandResult>(&text).unwrap(), result);
    }

    #[test]
    fn an_event_is_read_as_it_is_written(
        id in "[!-~]{1,40}", source in "[!-~]{1,40}", kind in "[!-~]{1,40}", subject in option::of("[!-~]{1,40}"),
        time in time(), content_type in "[a-z]{1,9}/[a-z]{1,9}", data in vec(any::<u8>(), 0..99),
    ) {
        let event = Event { id, source, r#type: kind, subject, time, content_type, data: data.into() };
        for prefix in ["ce-", "ce_"] {
            let encoded = event.encode(prefix);
            let header = |name: &str| {
                encoded.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, text)| text.as_str())
            };
            prop_assert_eq!(&Event::decode(prefix, &header, &encoded.body).unwrap(), &event);
        }
    }

    #[test]
    fn names_of_messages_are_read_as_they_are_written(
        id in message_id(), subject in subject(), series in series(), span in span(), time in time(),
        trace in any::<[u8; 16]>(), parent in any::<[u8; 8]>(), flags in any::<u8>(),
    ) {
        prop_assert_eq!(id.to_string().parse::<MessageId>().unwrap(), id);
        prop_assert_eq!(subject.to_string().parse::<Subject>().unwrap(), subject);
        prop_assert_eq!(series.to_string().parse::<Series>().unwrap(), series);
        prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        let trace = TraceParent { trace_id: trace, parent_id: parent, flags };
        let known = trace.trace_id != [0; 16] && trace.parent_id != [0; 8];
        prop_assert_eq!(trace.to_string().parse::<TraceParent>().ok(), known.then_some(trace));
    }

    #[test]
    fn a_signature_is_read_as_it_is_written(subject in any::<String>(), id in any::<String>(), body in vec(any::<u8>(), 0..99)) {
        let pair = KeyPair::new_user();
        let signature = Signature::sign(&pair, &subject, &id, &body).unwrap();
        let read: Signature = signature.to_string().parse().unwrap();
        prop_assert_eq!(read.verify(&subject, &id, &body), Ok(()));
        prop_assert_eq!(read, signature);
    }

    #[test]
    fn a_problem_is_read_as_it_is_written(
        kind in proptest::sample::select(ProblemKind::all().collect::<Vec<_>>()), detail in any::<String>(), path in any::<String>(),
    ) {
        let problem = Problem::new(kind, detail).at(path);
        let text = serde_json::to_string(&problem).unwrap();
        prop_assert_eq!(serde_json::from_str::<Problem>(&text).unwrap(), problem);
    }

    #[test]
    fn no_decoder_panics_on_any_bytes(body in vec(any::<u8>(), 0..200)) {
        let node = label_of("n").into();
        let device: DeviceName = label_of("d").into();
        for format in Format::ALL {
            prop_assert!(decode(format, &node, &device, &body).is_err());
        }
        prop_assert!(serde_json::from_slice::<Status>(&body).is_err());
        prop_assert!(serde_json::from_slice::<CommandRequest>(&body).is_err());
        prop_assert!(serde_json::from_slice::<CommandResult>(&body).is_err());
    }

    #[test]
    fn no_parser_panics_on_any_text(text in any::<String>()) {
        prop_assert!(text.parse::<Subject>().is_err());
        prop_assert!(text.parse::<MessageId>().is_err());
        prop_assert!(text.parse::<Signature>().is_err());
        prop_assert!(text.parse::<TraceParent>().is_err());
        prop_assert_eq!(text.parse::<Label>().is_ok(), text.parse::<Series>().is_ok() && !text.contains('/'));
        let span = text.parse::<Span>();
        prop_assert!(span.is_err() || text.starts_with(|c: char| c.is_ascii_digit()));
        let unit = text.parse::<Unit>();
        prop_assert!(unit.is_err() || Unit::all().any(|unit| unit.as_str() == text));
    }
}

fn label_of(text: &str) -> Label {
    Label::new(text).unwrap()
}
