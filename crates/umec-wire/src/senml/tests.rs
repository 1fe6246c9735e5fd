use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

use super::*;
use crate::reading::Value;

/// The pack of RFC 8428 section 5.1.3.
const MULTIPLE_DATA_POINTS: &str = r#"[
  {"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,
   "bu":"A","bver":5,
   "n":"voltage","u":"V","v":120.1},
  {"n":"current","t":-5,"v":1.2},
  {"n":"current","t":-4,"v":1.3},
  {"n":"current","t":-3,"v":1.4},
  {"n":"current","t":-2,"v":1.5},
  {"n":"current","t":-1,"v":1.6},
  {"n":"current","v":1.7}
]"#;

/// The same pack in CBOR (RFC 8428 section 6).
const MULTIPLE_DATA_POINTS_CBOR: &str = "\
    87a721781b75726e3a6465763a6f773a313065323037336130313038303036\
    3a22fb41d303a15b00106223614120050067766f6c7461676501615602fb40\
    5e066666666666a3006763757272656e74062402fb3ff3333333333333a300\
    6763757272656e74062302fb3ff4cccccccccccda3006763757272656e7406\
    2202fb3ff6666666666666a3006763757272656e74062102f93e00a3006763\
    757272656e74062002fb3ff999999999999aa3006763757272656e74060002\
    fb3ffb333333333333";

/// What a resolved record says, in words.
fn resolved(format: Format, body: &[u8]) -> Result<Vec<String>, DecodeError> {
    let mut lines = Vec::new();
    each(format, body, &mut |record| {
        let unit = record.unit.map_or("-", |unit| unit.as_str());
        let seconds = record.micros / 1_000_000;
        let micros = record.micros % 1_000_000;
        lines.push(format!(
            "{} {seconds}.{micros:06} {:?} {unit}",
            record.name, record.value
        ));
        Ok(())
    })?;
    Ok(lines)
}

fn json(text: &str) -> Vec<String> {
    resolved(Format::Json, text.as_bytes()).unwrap()
}

#[test]
fn a_single_data_point_of_the_rfc_is_read() {
    // Section 5.1.1.
    let text = r#"[ {"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1} ]"#;
    assert_eq!(
        json(text),
        ["urn:dev:ow:10e2073a01080063 0.000000 Number(23.1) Cel"]
    );
}

#[test]
fn multiple_data_points_of_the_rfc_are_read() {
    // Section 5.1.2, both examples.
    let text = r#"[
      {"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},
      {"n":"current","u":"A","v":1.2}
    ]"#;
    assert_eq!(
        json(text),
        [
            "urn:dev:ow:10e2073a01080063:voltage 0.000000 Number(120.1) V",
            "urn:dev:ow:10e2073a01080063:current 0.000000 Number(1.2) A",
        ]
    );
    let name = "urn:dev:ow:10e2073a0108006";
    let expected: Vec<_> = [
        (1, "1.2"),
        (2, "1.3"),
        (3, "1.4"),
        (4, "1.5"),
        (5, "1.6"),
        (6, "1.7"),
    ]
    .map(|(second, value)| format!("{name}:current 127602007{second}.001000 Number({value}) A"))
    .into();
    let read = json(MULTIPLE_DATA_POINTS);
    assert_eq!(
        read.first().unwrap(),
        &format!("{name}:voltage 1276020076.001000 Number(120.1) V")
    );
    assert_eq!(read.get(1..).unwrap(), expected);
}

#[test]
fn multiple_measurements_of_the_rfc_are_read() {
    // Section 5.1.3, the beginning of the longer example, and its units that differ.
    let text = r#"[
      {"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},
      {"u":"lon","v":24.30621},
      {"u":"lat","v":60.07965},
      {"t":60,"v":20.3},
      {"u":"lon","t":60,"v":24.30622},
      {"u":"%EL","t":150,"v":98}
    ]"#;
    let name = "urn:dev:ow:10e2073a01080063";
    assert_eq!(
        json(text),
        [
            format!("{name} 1320067464.000000 Number(20.0) %RH"),
            format!("{name} 1320067464.000000 Number(24.30621) lon"),
            format!("{name} 1320067464.000000 Number(60.07965) lat"),
            format!("{name} 1320067524.000000 Number(20.3) %RH"),
            format!("{name} 1320067524.000000 Number(24.30622) lon"),
            format!("{name} 1320067614.000000 Number(98.0) %EL"),
        ]
    );
}

#[test]
fn data_of_several_types_of_the_rfc_is_read() {
    // Section 5.1.5.
    let text = r#"[
      {"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},
      {"n":"label","vs":"Machine Room"},
      {"n":"open","vb":false},
      {"n":"nfc-reader","vd":"aGkgCg"}
    ]"#;
    let name = "urn:dev:ow:10e2073a01080063";
    assert_eq!(
        json(text),
        [
            format!("{name}:temp 0.000000 Number(23.1) Cel"),
            format!("{name}:label 0.000000 Text(\"Machine Room\") -"),
            format!("{name}:open 0.000000 Boolean(false) -"),
            format!("{name}:nfc-reader 0.000000 Opaque(b\"hi \\n\") -"),
        ]
    );
}

#[test]
fn the_cbor_example_of_the_rfc_says_what_its_json_says() {
    let cbor = HEXLOWER_PERMISSIVE
        .decode(MULTIPLE_DATA_POINTS_CBOR.as_bytes())
        .unwrap();
    let read = resolved(Format::Cbor, &cbor).unwrap();
    assert_eq!(read, json(MULTIPLE_DATA_POINTS));
}

#[test]
fn a_decimal_fraction_is_a_number() {
    // {0: "x", 2: 4([-2, 27315]), 6: 4([-3, 1763716200123])} (RFC 8949 section 3.4.4)
    let cbor = b"\x81\xa3\x00\x61x\x02\xc4\x82\x21\x19\x6a\xb3\x06\xc4\x82\x22\x1b\x00\x00\x01\x9a\xa5\xad\x76\xbb";
    let read = resolved(Format::Cbor, cbor).unwrap();
    assert_eq!(read, ["x 1763716200.123000 Number(273.15) -"]);
}

/// The error of a pack about `pole-7/meter-3`, with its sources.
fn refusal(format: Format, body: &[u8]) -> String {
    let node = NodeName::new("pole-7").unwrap();
    let device = DeviceName::new("meter-3").unwrap();
    let error = decode(format, &node, &device, body).unwrap_err();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Bad packs, with `G` for a good name and time, and how the refusal begins.
const BAD_PACKS: &[(&str, &str)] = &[
    ("", "the pack: EOF"),
    ("{}", "the pack: invalid type: map"),
    ("[]", "the pack holds no value"),
    ("[1]", "record 0: invalid type: integer"),
    ("[{G,\"v\":1}] x", "the pack: trailing characters"),
    ("[{G,\"v\":1},{\"v\":", "record 1, field v: EOF"),
    ("[{G}]", "record 0: it has none of v"),
    ("[{G,\"v\":null}]", "record 0, field v: invalid type: null"),
    (
        "[{G,\"v\":\"1\"}]",
        "record 0, field v: invalid type: string",
    ),
    ("[{G,\"v\":NaN}]", "record 0, field v: expected value"),
    (
        "[{G,\"v\":1e999}]",
        "record 0, field v: number out of range",
    ),
    (
        "[{G,\"bv\":1e308,\"v\":1e308}]",
        "record 0: the value: a value must be a finite",
    ),
    (
        "[{G,\"vb\":1}]",
        "record 0, field vb: invalid type: integer",
    ),
    (
        "[{G,\"vs\":true}]",
        "record 0, field vs: invalid type: boolean",
    ),
    ("[{G,\"vd\":\"aGk=\"}]", "record 0: the field vd"),
    (
        "[{G,\"v\":1,\"vb\":true}]",
        "record 0: it has more than one",
    ),
    (
        "[{G,\"v\":1,\"v\":1}]",
        "record 0: the field v stands twice",
    ),
    (
        "[{G,\"v\":1,\"u\":\"V\",\"u\":\"V\"}]",
        "record 0: the field u stands twice",
    ),
    ("[{G,\"v\":1,\"u\":\"v\"}]", "record 0: the unit: \"v\""),
    ("[{G,\"v\":1,\"s\":1}]", "record 0: the field s, a sum"),
    ("[{G,\"v\":1,\"bs\":1}]", "record 0: the field bs, a sum"),
    (
        "[{G,\"v\":1,\"lock_\":1}]",
        "record 0: the field lock_ must be understood",
    ),
    ("[{G,\"v\":1,\"bver\":11}]", "record 0: the field bver: 11"),
    (
        "[{G,\"v\":1,\"bver\":-1}]",
        "record 0, field bver: invalid value",
    ),
    (
        "[{G,\"v\":1,\"bver\":10},{G,\"v\":1,\"bver\":26}]",
        "record 1: the field bver: 26",
    ),
    ("[{G,\"v\":1,\"bt\":1e300}]", "record 0: the field bt: "),
    ("[{G,\"bt\":8e9,\"v\":1}]", "record 0: the sum of bt and t"),
    (
        "[{G,\"v\":1},{\"n\":\"pole-7/pump/x\",\"v\":1}]",
        "record 1: the name \"pole-7/pump/x\" does not",
    ),
    (
        "[{\"n\":\"pole-7/meter-3/X\",\"t\":1763716200,\"v\":1}]",
        "record 0: the name: the metric",
    ),
    (
        "[{\"n\":\"pole-7/meter-3/x\",\"v\":1}]",
        "record 0: the time 0 s is below",
    ),
    (
        "[{\"n\":\"pole-7/meter-3/x\",\"t\":-5,\"v\":1}]",
        "record 0: the time -5 s is below",
    ),
];

#[test]
fn a_bad_pack_is_refused_with_record_field_and_reason() {
    const GOOD: &str = r#""n":"pole-7/meter-3/x","t":1763716200"#;
    for (body, reason) in BAD_PACKS {
        let text = refusal(Format::Json, body.replace('G', GOOD).as_bytes());
        assert!(text.starts_with(reason), "{body}: {text}");
    }
}

#[test]
fn bad_cbor_is_refused_with_record_field_and_reason() {
    for (hex, reason) in [
        ("", "the pack: end of input"),
        ("a0", "the pack: unexpected type map"),
        ("9bffffffffffffffff", "record 0: end of input"),
        ("81a10261", "record 0, field v: unexpected type string"),
        ("81a102c482fb0000000000000000", "record 0, field v: "),
        ("81a1187801", "record 0: "),
        ("81a202010202", "record 0: the field v stands twice"),
        ("81a1656c6f636b5f01", "record 0: the field lock_"),
        (
            "81a102f97e00",
            "record 0: the value: a value must be a finite",
        ),
        ("81a102c1fb41d303a15b001062", "record 0, field v: "),
        ("8000", "the pack: "),
        ("9f", "the pack: end of input"),
        ("81bf02", "record 0, field v: end of input"),
    ] {
        let text = refusal(
            Format::Cbor,
            &HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).unwrap(),
        );
        assert!(text.starts_with(reason), "{hex}: {text}");
    }
}

fn pack(readings: &[(&str, i64, Option<&str>, Value)]) -> Pack {
    let reading = |(series, micros, unit, value): &(&str, i64, Option<&str>, Value)| Reading {
        series: series.parse().unwrap(),
        time: Timestamp::from_micros(*micros),
        unit: unit.map(|unit| unit.parse().unwrap()),
        value: value.clone(),
    };
    Pack {
        node: NodeName::new("pole-7").unwrap(),
        device: DeviceName::new("meter-3").unwrap(),
        readings: readings.iter().map(reading).collect(),
    }
}

fn number(number: f64) -> Value {
    Value::number(number).unwrap()
}

#[test]
fn a_pack_is_written_short_and_readable() {
    const T: i64 = 1_763_716_200_250_000;
    for (pack, text) in [
        (
            pack(&[("temperature", T, Some("Cel"), number(21.5))]),
            r#"[{"bn":"pole-7/meter-3/","bt":1763716200.25,"n":"temperature","u":"Cel","v":21.5}]"#,
        ),
        (
            pack(&[
                ("u1", T, Some("V"), number(230.0)),
                ("u2", T, Some("V"), number(-0.0)),
                ("i1", T + 1, Some("A"), number(1e300)),
                ("u3", T - 1_000_000, Some("V"), number(0.1)),
            ]),
            r#"[{"bn":"pole-7/meter-3/","bt":1763716200.25,"n":"u1","bu":"V","v":230},{"n":"u2","v":-0.0},{"n":"i1","u":"A","t":0.000001,"v":1e+300},{"n":"u3","t":-1,"v":0.1}]"#,
        ),
        (
            pack(&[
                ("open", T, None, true.into()),
                ("name", T, None, "a \"b\"\n".into()),
                ("raw", T, None, Value::Opaque(Bytes::from_static(b"hi \n"))),
                ("p/15m/mean", T, Some("hPa"), number(1013.25)),
                ("p/15m/max", T, Some("hPa"), number(1014.0)),
            ]),
            r#"[{"bver":26,"bn":"pole-7/meter-3/","bt":1763716200.25,"n":"open","vb":true},{"n":"name","vs":"a \"b\"\n"},{"n":"raw","vd":"aGkgCg"},{"n":"p/15m/mean","u":"hPa","v":1013.25},{"n":"p/15m/max","u":"hPa","v":1014}]"#,
        ),
    ] {
        assert_eq!(encode(Format::Json, &pack), text);
        for format in Format::ALL {
            let body = encode(format, &pack);
            let read = decode(format, &pack.node, &pack.device, &body).unwrap();
            assert_eq!(read, pack, "{format:?}");
        }
    }
}

#[test]
fn a_negative_zero_stays_one() {
    let written = pack(&[("x", 1_763_716_200_000_000, None, number(-0.0))]);
    for format in Format::ALL {
        let body = encode(format, &written);
        let read = decode(format, &written.node, &written.device, &body).unwrap();
        let number = read.readings[0].value.as_number().unwrap();
        assert!(number.is_sign_negative(), "{format:?}");
    }
}

#[test]
fn numbers_take_as_few_bytes_of_cbor_as_hold_them() {
    let size = |value| {
        let body = encode(
            Format::Cbor,
            &pack(&[("x", 1_763_716_200_000_000, None, number(value))]),
        );
        let base = encode(
            Format::Cbor,
            &pack(&[("x", 1_763_716_200_000_000, None, number(0.0))]),
        );
        body.len() + 1 - base.len()
    };
    assert_eq!(
        [1.0, 1.5, 0.1f32.into(), 0.1, 65504.5, 6.1e-5].map(size),
        [1, 3, 5, 9, 5, 9]
    );
}

#[test]
fn a_media_type_names_its_format() {
    for format in Format::ALL {
        assert_eq!(
            Format::from_content_type(format.content_type()),
            Some(format)
        );
    }
    let named = Format::from_content_type("Application/SenML+JSON; charset=utf-8");
    assert_eq!(named, Some(Format::Json));
    assert_eq!(Format::from_content_type("application/json"), None);
    assert_eq!(BASE64URL_NOPAD.encode(b"hi \n"), "aGkgCg");
}
