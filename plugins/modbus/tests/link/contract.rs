//! The contract of plugins, over TCP, RTU over TCP and a pseudo-terminal.

use umec_modbus::ModbusPlugin;
use umec_sdk::testing::{self, Rig};
use umec_spec::settings::modbus::Modbus;
use umec_spec::settings::modbus_line::{Effect, Fault};
use umec_spec::settings::plugin::PluginSettings;
use umec_wire::{MetricName, PluginName, Value};

use crate::stand::{Stand, Way};

const UNITS: &str = "
- unit: 1
  registers:
  - { register: { table: input, address: 0, type: i16, scale: 0.1 }, wave: { kind: sine, min: 15, max: 25, period: 1s } }
  - { register: { table: holding, address: 10, type: i16, scale: 0.1 }, wave: { kind: constant, value: 20 }, writable: true }
  - { register: { table: coil, address: 0, type: bit }, wave: { kind: constant, value: 0 }, writable: true }
";

const DEVICES: &str = "
- name: thermometer-1
  timeout: 250ms
  device: { unit: 1 }
  metrics:
  - { name: temperature, unit: Cel, every: 50ms, source: { table: input, address: 0, type: i16, scale: 0.1 } }
  - { name: setpoint, unit: Cel, every: 100ms, write: { min: 5, max: 30 }, source: { table: holding, address: 10, type: i16, scale: 0.1 } }
  - { name: heater, every: 100ms, write: {}, source: { table: coil, address: 0, type: bit } }
";

struct ModbusRig(Stand);

impl Rig for ModbusRig {
    type Plugin = ModbusPlugin;

    fn settings(&self) -> PluginSettings<Modbus> {
        PluginSettings {
            plugin: PluginName::new("modbus").unwrap(),
            links: vec![self.0.settings.clone()],
            state: None,
        }
    }

    async fn silence(&mut self) {
        let silence = Fault {
            effect: Effect::Silence,
            after: 0,
            count: None,
            each: 1,
        };
        self.0.line().afflict(1, vec![silence]);
    }

    async fn mend(&mut self) {
        self.0.line().afflict(1, Vec::new());
    }

    fn writable(&self) -> Option<(MetricName, Value)> {
        let setpoint = MetricName::new("setpoint").unwrap();
        Some((setpoint, Value::number(21.5).unwrap()))
    }
}

/// Runs a check of the suite over one way.
macro_rules! contract {
    ($($check:ident),* $(,)?) => {
        mod tcp { $(super::contract!(@ $check, super::Way::Tcp);)* }
        mod rtu_over_tcp { $(super::contract!(@ $check, super::Way::RtuOverTcp);)* }
        mod serial { $(super::contract!(@ $check, super::Way::Serial);)* }
    };
    (@ $check:ident, $way:expr) => {
        #[tokio::test]
        async fn $check() {
            let stand = super::Stand::new($way, super::UNITS, super::DEVICES).await;
            super::testing::$check(super::ModbusRig(stand)).await.unwrap();
        }
    };
}
use contract;

contract!(
    opens_and_reads,
    keeps_names_stable,
    a_dead_device_gives_a_reason_and_then_recovers,
    stops_within_its_grace_period,
    never_blocks_the_runtime,
    a_command_ends_in_one_result,
);
