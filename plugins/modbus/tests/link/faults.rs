//! Each fault has its reason, recovers, and never becomes a wrong value.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use umec_sdk::{Fault, Link as _};
use umec_spec::settings::modbus_line::{Effect, Fault as LineFault};
use umec_wire::Span;

use crate::stand::{Stand, WAYS, Way};

/// Two units. Their counters grow by one in each millisecond, so that an old answer shows its age, and those of
/// the second are a million ahead, so that a foreign one shows too.
const UNITS: &str = "
- unit: 1
  registers:
  - { register: { table: input, address: 0, type: u32 }, wave: { kind: counter, start: 0, perSecond: 1000 } }
  - { register: { table: input, address: 2, type: u32 }, wave: { kind: counter, start: 100000000, perSecond: 1000 } }
- unit: 2
  registers:
  - { register: { table: input, address: 0, type: u32 }, wave: { kind: counter, start: 200000000, perSecond: 1000 } }
  - { register: { table: input, address: 2, type: u32 }, wave: { kind: counter, start: 300000000, perSecond: 1000 } }
";

const DEVICES: &str = "
- name: one
  timeout: 60ms
  device: { unit: 1 }
  metrics:
  - { name: near, every: 1s, source: { table: input, address: 0, type: u32 } }
  - { name: far, every: 1s, source: { table: input, address: 2, type: u32 } }
- name: two
  timeout: 60ms
  device: { unit: 2 }
  metrics:
  - { name: near, every: 1s, source: { table: input, address: 0, type: u32 } }
  - { name: far, every: 1s, source: { table: input, address: 2, type: u32 } }
";

fn code(fault: &Fault) -> (&'static str, &str) {
    match fault {
        Fault::Link(reason) => ("link", reason.code.as_str()),
        Fault::Device(reason) => ("device", reason.code.as_str()),
        Fault::Refused(reason) => ("refused", reason.code.as_str()),
    }
}

#[tokio::test]
async fn each_fault_has_its_reason_and_recovers() {
    for way in WAYS {
        let is_tcp = way == Way::Tcp;
        let late = Effect::Delay {
            by: Span::from_millis(90),
        };
        for (effect, reason) in [
            (Effect::Silence, ("device", "no-answer")),
            (late, ("device", "no-answer")),
            (Effect::WrongUnit, ("device", "foreign-answer")),
            (Effect::Cut, ("device", "garbled-answer")),
            (
                Effect::BadCrc,
                (
                    "device",
                    if is_tcp {
                        "foreign-answer"
                    } else {
                        "garbled-answer"
                    },
                ),
            ),
            (Effect::Short, ("device", "foreign-answer")),
            (Effect::Exception { code: 11 }, ("device", "no-answer")),
        ] {
            let stand = Stand::new(way, UNITS, DEVICES).await;
            let mut link = stand.open().await;
            link.read(0, &[0, 1]).await.unwrap();
            stand.afflict(1, effect.clone(), 1);
            let fault = link.read(0, &[0, 1]).await.unwrap_err();
            assert_eq!(code(&fault), reason, "{way:?} {effect:?}: {fault}");
            assert!(
                link.read(1, &[0, 1]).await.is_ok(),
                "{way:?} {effect:?}: the neighbour"
            );
            let again = link.read(0, &[0, 1]).await;
            assert!(again.is_ok(), "{way:?} {effect:?}: {again:?}");
        }
    }
}

#[tokio::test]
async fn a_line_that_breaks_is_the_links_fault_and_can_be_opened_again() {
    for way in WAYS {
        let stand = Stand::new(way, UNITS, DEVICES).await;
        let mut link = stand.open().await;
        link.read(0, &[0, 1]).await.unwrap();
        stand.afflict(1, Effect::Drop, 1);
        let fault = link.read(0, &[0, 1]).await.unwrap_err();
        assert_eq!(code(&fault), ("link", "link-broken"), "{way:?}: {fault}");
        drop(link);
        let mut link = stand.open().await;
        assert!(link.read(0, &[0, 1]).await.is_ok(), "{way:?}");
    }
}

#[tokio::test]
async fn an_exception_about_the_whole_request_gives_every_metric_its_reason() {
    for way in WAYS {
        let stand = Stand::new(way, UNITS, DEVICES).await;
        let mut link = stand.open().await;
        link.read(0, &[0, 1]).await.unwrap();
        stand.afflict(1, Effect::Exception { code: 6 }, 1);
        let samples = link.read(0, &[0, 1]).await.unwrap();
        let texts: Vec<String> = samples
            .into_iter()
            .map(|(_, sample)| sample.unwrap_err().text)
            .collect();
        assert_eq!(
            texts,
            [
                "device busy at input 0 (near)",
                "device busy at input 2 (far)"
            ]
        );
    }
}

#[tokio::test]
async fn a_dead_line_is_told_from_a_dead_device() {
    for way in [Way::RtuOverTcp, Way::Serial] {
        let stand = Stand::new(way, UNITS, DEVICES).await;
        let mut link = stand.open().await;
        let silence = LineFault {
            effect: Effect::Silence,
            after: 0,
            count: None,
            each: 1,
        };
        stand.line().afflict(1, vec![silence.clone()]);
        for _ in 0..3 {
            let fault = link.read(0, &[0, 1]).await.unwrap_err();
            assert_eq!(code(&fault), ("device", "no-answer"), "{way:?}: {fault}");
            assert!(link.read(1, &[0, 1]).await.is_ok());
        }
        stand.line().afflict(2, vec![silence]);
        link.read(1, &[0, 1]).await.unwrap_err();
        let fault = link.read(1, &[0, 1]).await.unwrap_err();
        assert_eq!(
            code(&fault),
            ("link", "no-unit-answers"),
            "{way:?}: {fault}"
        );
        drop(link);
        let fault = stand.try_open().await.unwrap_err();
        assert_eq!(
            code(&fault),
            ("link", "no-unit-answers"),
            "{way:?}: {fault}"
        );
        stand.line().afflict(2, Vec::new());
        let mut link = stand.open().await;
        assert!(link.read(1, &[0, 1]).await.is_ok(), "{way:?}");
    }
}

#[tokio::test]
async fn a_port_that_is_not_there_is_the_links_fault() {
    let mut stand = Stand::new(Way::Serial, UNITS, DEVICES).await;
    let text = "transport: { kind: serial, path: /dev/is-not-there }";
    stand.settings.link = umec_spec::yaml::from_str(text).unwrap();
    let fault = stand.try_open().await.unwrap_err();
    assert_eq!(code(&fault), ("link", "cannot-open"), "{fault}");
    assert!(fault.reason().text.contains("/dev/is-not-there"), "{fault}");
}

#[tokio::test]
async fn a_read_that_is_broken_off_leaves_nothing_behind() {
    for way in WAYS {
        let stand = Stand::new(way, UNITS, DEVICES).await;
        let mut link = stand.open().await;
        link.read(0, &[0, 1]).await.unwrap();
        stand.afflict(
            1,
            Effect::Delay {
                by: Span::from_millis(40),
            },
            1,
        );
        let broken_off =
            tokio::time::timeout(Duration::from_millis(15), link.read(0, &[0, 1])).await;
        assert!(broken_off.is_err(), "{way:?}");
        check(&stand, &mut link, 0).await.unwrap();
    }
}

/// Reads a device; whatever value it gives must be one that its own unit showed during the read.
async fn check(
    stand: &Stand,
    link: &mut umec_modbus::ModbusLink,
    device: usize,
) -> Result<(), Fault> {
    let begin = stand.line().elapsed();
    let read = link.read(device, &[0, 1]).await;
    let end = stand.line().elapsed();
    for (metric, value) in read?.into_iter().filter_map(|(m, v)| Some((m, v.ok()?))) {
        let start = [[0.0, 1e8], [2e8, 3e8]][device][metric];
        let shown = (value.as_number().unwrap() - start) / 1_000.0;
        let during = begin.as_secs_f64() - 0.001..=end.as_secs_f64() + 0.001;
        assert!(
            during.contains(&shown),
            "{:?}: device {device} metric {metric} gave what it showed at {shown}, not in {during:?}",
            stand.way
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_device_that_is_always_too_late_gives_no_value_and_then_recovers() {
    for way in WAYS {
        for by in [70, 130, 250] {
            let stand = Stand::new(way, UNITS, DEVICES).await;
            let mut link = stand.open().await;
            let by = Span::from_millis(by);
            stand.afflict(1, Effect::Delay { by }, 4);
            let mut good = 0;
            for _ in 0..12 {
                good += u32::from(check(&stand, &mut link, 0).await.is_ok());
            }
            assert!(good >= 3, "{way:?} {by}: {good}");
        }
    }
}

fn any_effect() -> impl Strategy<Value = Effect> {
    prop_oneof![
        2 => Just(Effect::Silence),
        4 => (1..300_u64).prop_map(|by| Effect::Delay { by: Span::from_millis(by) }),
        1 => Just(Effect::WrongUnit),
        1 => Just(Effect::Cut),
        1 => Just(Effect::BadCrc),
        1 => Just(Effect::Short),
        1 => Just(Effect::Exception { code: 2 }),
        1 => Just(Effect::Drop),
    ]
}

/// Random faults from a fixed seed, so that a failure can be repeated.
fn any_faults(seed: u8) -> Vec<LineFault> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let fault = (any_effect(), 0..40_u64, 1..4_u64, 1..5_u64);
    let fault = fault.prop_map(|(effect, after, count, each)| LineFault {
        effect,
        after,
        count: Some(count),
        each,
    });
    let faults = prop::collection::vec(fault, 6..12);
    faults.new_tree(&mut runner).unwrap().current()
}

#[tokio::test]
async fn no_fault_ever_becomes_a_wrong_value() {
    for (seed, way) in (0..).zip(WAYS.repeat(2)) {
        let stand = Stand::new(way, UNITS, DEVICES).await;
        let mut link = stand.open().await;
        stand.line().afflict(1, any_faults(seed));
        stand.line().afflict(2, any_faults(seed + 100));
        let mut good = 0;
        for round in 0..40 {
            match check(&stand, &mut link, round % 2).await {
                Ok(()) => good += 1,
                Err(Fault::Link(_)) => {
                    drop(link);
                    link = loop {
                        if let Ok(opened) = stand.try_open().await {
                            break opened;
                        }
                    };
                }
                Err(_) => {}
            }
        }
        assert!(good > 5, "{way:?} {seed}: {good}");
    }
}
