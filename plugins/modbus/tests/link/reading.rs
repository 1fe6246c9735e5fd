//! What is there is read, and what is refused is named.

use umec_sdk::Link as _;
use umec_wire::Value;
use umec_wire::status::Identity;

use crate::stand::{Stand, WAYS, Way};

const UNITS: &str = "
- unit: 3
  identity: [Example, X1, '1.4']
  registers:
  - { register: { table: input, address: 0, type: i16, scale: 0.1 }, wave: { kind: constant, value: -3.7 } }
  - { register: { table: input, address: 1, type: f32, byteOrder: CDAB }, wave: { kind: constant, value: 21.3 } }
  - { register: { table: input, address: 3, type: u16 }, wave: { kind: constant, value: 5 } }
  - { register: { table: input, address: 9, type: string, length: 3 }, wave: { kind: text, text: pump } }
  - { register: { table: coil, address: 2, type: bit }, wave: { kind: constant, value: 1 } }
  - { register: { table: discrete, address: 7, type: bit }, wave: { kind: constant, value: 0 } }
  - { register: { table: holding, address: 4, type: bit, bit: 5 }, wave: { kind: constant, value: 1 } }
";

/// Input register 5 is not there; with the gap that is allowed it is asked for together with the others.
const DEVICES: &str = "
- name: meter-3
  timeout: 300ms
  device: { unit: 3, maxGap: 8 }
  metrics:
  - { name: temperature, every: 1s, source: { table: input, address: 0, type: i16, scale: 0.1 } }
  - { name: flow, every: 1s, source: { table: input, address: 1, type: f32, byteOrder: CDAB } }
  - { name: level, every: 1s, source: { table: input, address: 3 } }
  - { name: ghost, every: 1s, source: { table: input, address: 5 } }
  - { name: model, every: 1s, source: { table: input, address: 9, type: string, length: 3 } }
  - { name: running, every: 1s, source: { table: coil, address: 2, type: bit } }
  - { name: alarm, every: 1s, source: { table: discrete, address: 7, type: bit } }
  - { name: locked, every: 1s, source: { table: holding, address: 4, type: bit, bit: 5 } }
";

const DUE: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

#[tokio::test]
async fn all_that_is_there_is_read_and_the_register_that_is_not_is_named() {
    for way in WAYS {
        let stand = Stand::new(way, UNITS, DEVICES).await;
        let mut link = stand.open().await;
        let samples = link.read(0, &DUE).await.unwrap();
        let number = |value: f64| Value::number(value).unwrap();
        let good: Vec<(usize, Value)> = samples
            .iter()
            .filter_map(|(metric, value)| Some((*metric, value.clone().ok()?)))
            .collect();
        let expected = vec![
            (0, number(-3.7)),
            (1, number(21.3)),
            (2, number(5.0)),
            (4, Value::from("pump")),
            (5, Value::Boolean(true)),
            (6, Value::Boolean(false)),
            (7, Value::Boolean(true)),
        ];
        assert_eq!(good, expected, "{way:?}");
        let reason = samples[3].1.clone().unwrap_err();
        assert_eq!(reason.code.as_str(), "illegal-address", "{way:?}");
        assert_eq!(reason.text, "illegal address at input 5 (ghost)", "{way:?}");
    }
}

#[tokio::test]
async fn what_a_device_refused_once_is_not_merged_again() {
    let stand = Stand::new(Way::Tcp, UNITS, DEVICES).await;
    let mut link = stand.open().await;
    let mut asked = Vec::new();
    for _ in 0..4 {
        let before = stand.line().counted().requests;
        link.read(0, &DUE).await.unwrap();
        asked.push(stand.line().counted().requests - before);
    }
    // One each for coil, discrete and holding; of the inputs 0 to 3, 5 alone, 9 to 11.
    assert_eq!(asked.last(), Some(&6), "{asked:?}");
    assert!(asked[0] > 6, "{asked:?}");
}

#[tokio::test]
async fn a_device_says_who_it_is_where_it_can() {
    for way in WAYS {
        let stand = Stand::new(way, UNITS, DEVICES).await;
        let mut link = stand.open().await;
        let identity = link.identify(0).await.unwrap();
        let text = |text: &str| Some(text.to_owned());
        let expected = Identity {
            manufacturer: text("Example"),
            model: text("X1"),
            revision: text("1.4"),
            serial: None,
        };
        assert_eq!(identity, expected, "{way:?}");
        let stand = Stand::new(way, &UNITS.replace("identity:", "faults: [] #"), DEVICES).await;
        let mut link = stand.open().await;
        assert_eq!(link.identify(0).await, Ok(Identity::default()), "{way:?}");
        assert!(link.read(0, &[2]).await.is_ok(), "{way:?}");
    }
}
