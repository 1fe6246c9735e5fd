//! Values are written once, and read back.

use umec_modbus::ModbusLink;
use umec_sdk::{Fault, Link as _};
use umec_spec::settings::modbus_line::Effect;
use umec_wire::Value;

use crate::stand::{Stand, WAYS, Way};

const UNITS: &str = "
- unit: 1
  registers:
  - { register: { table: holding, address: 10, type: i16, scale: 0.1 }, wave: { kind: constant, value: 20 }, writable: true }
  - { register: { table: holding, address: 20, type: f32, byteOrder: BADC }, wave: { kind: constant, value: 0 }, writable: true }
  - { register: { table: coil, address: 0, type: bit }, wave: { kind: constant, value: 0 }, writable: true }
  - { register: { table: holding, address: 30, type: bit, bit: 0 }, wave: { kind: constant, value: 1 }, writable: true }
  - { register: { table: holding, address: 30, type: bit, bit: 1 }, wave: { kind: constant, value: 0 }, writable: true }
  - { register: { table: holding, address: 40 }, wave: { kind: constant, value: 0 } }
  - { register: { table: holding, address: 50, type: string, length: 4 }, wave: { kind: text, text: old }, writable: true }
";

const DEVICES: &str = "
- name: pump-1
  timeout: 300ms
  device: { unit: 1 }
  metrics:
  - { name: setpoint, every: 1s, source: { table: holding, address: 10, type: i16, scale: 0.1 } }
  - { name: gain, every: 1s, source: { table: holding, address: 20, type: f32, byteOrder: BADC } }
  - { name: heater, every: 1s, source: { table: coil, address: 0, type: bit } }
  - { name: valve, every: 1s, source: { table: holding, address: 30, type: bit, bit: 1 } }
  - { name: fixed, every: 1s, source: { table: holding, address: 40 } }
  - { name: label, every: 1s, source: { table: holding, address: 50, type: string, length: 4 } }
  - { name: ghost, every: 1s, source: { table: input, address: 0 } }
";

fn number(value: f64) -> Value {
    Value::number(value).unwrap()
}

async fn refused(link: &mut ModbusLink, metric: usize, value: Value) -> String {
    match link.write(0, metric, &value).await {
        Err(Fault::Refused(reason)) => reason.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_value_is_written_and_what_the_device_shows_is_given() {
    for way in WAYS {
        let stand = Stand::new(way, UNITS, DEVICES).await;
        let mut link = stand.open().await;
        for (metric, value, shown) in [
            (0, number(21.54), number(21.5)),
            (1, number(2.5), number(2.5)),
            (2, Value::Boolean(true), Value::Boolean(true)),
            (3, Value::Boolean(true), Value::Boolean(true)),
            (5, Value::from("new"), Value::from("new")),
        ] {
            let written = link.write(0, metric, &value).await;
            assert_eq!(written, Ok(Some(shown)), "{way:?} {metric}");
        }
        let at = stand.line().elapsed();
        let holding = umec_spec::settings::modbus::Table::Holding;
        // The other bit of the register is as it was.
        assert_eq!(stand.line().show(1, holding, 30, 1, at), Some(vec![0b11]));
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_refused_with_a_reason() {
    let stand = Stand::new(Way::Tcp, UNITS, DEVICES).await;
    let mut link = stand.open().await;
    assert_eq!(
        refused(&mut link, 0, number(4_000.0)).await,
        "does-not-fit: 4000 does not fit: the register holds -3276.8 to 3276.7"
    );
    assert_eq!(
        refused(&mut link, 2, number(0.5)).await,
        "wrong-type: 0.5 is no boolean, and neither 0 nor 1"
    );
    assert_eq!(
        refused(&mut link, 4, number(1.0)).await,
        "illegal-address: unit 1: illegal address at holding 40 (fixed)"
    );
    assert_eq!(
        refused(&mut link, 6, number(1.0)).await,
        "not-writable: the table input cannot be written"
    );
}

#[tokio::test]
async fn a_write_without_an_answer_is_not_repeated() {
    for way in WAYS {
        let stand = Stand::new(way, UNITS, DEVICES).await;
        let mut link = stand.open().await;
        link.read(0, &[0]).await.unwrap();
        stand.afflict(1, Effect::Silence, 1);
        let written = link.write(0, 0, &number(25.0)).await;
        assert!(
            matches!(written, Err(Fault::Device(_))),
            "{way:?} {written:?}"
        );
        link.read(0, &[0]).await.unwrap();
        assert_eq!(stand.line().counted().writes, 1, "{way:?}");
    }
}
