//! The contract of plugins, kept by the smallest plugin there can be.

use umec_sdk::testing::{self, Rig};
use umec_spec::settings::plugin::{DeviceSettings, LinkSettings, MetricSettings, PluginSettings};
use umec_wire::status::{Identity, Limits};
use umec_wire::{DeviceName, MetricName, PluginName, Span, Value};

use super::example::{Boxes, Cell, Trouble, Wire, WireName};

struct BoxRig {
    name: &'static str,
    wire: Wire,
}

fn rig(name: &'static str) -> BoxRig {
    let wire = Wire::new(name, &[20.0, 1.0]);
    BoxRig { name, wire }
}

impl Rig for BoxRig {
    type Plugin = Boxes;

    fn settings(&self) -> PluginSettings<Boxes> {
        let metric = |name: &str, cell, write| MetricSettings {
            name: MetricName::new(name).unwrap(),
            unit: None,
            every: Span::from_millis(20),
            range: None,
            write,
            report: None,
            source: Cell(cell),
        };
        let device = DeviceSettings {
            name: DeviceName::new("box-1").unwrap(),
            identity: Identity::default(),
            timeout: Span::from_millis(200),
            device: (),
            metrics: vec![
                metric("setpoint", 0, Some(Limits::default())),
                metric("fixed", 1, None),
            ],
        };
        PluginSettings {
            plugin: PluginName::new("boxes").unwrap(),
            links: vec![LinkSettings {
                link: WireName(self.name.to_owned()),
                devices: vec![device],
            }],
            state: None,
        }
    }

    async fn silence(&mut self) {
        self.wire.fail(Trouble::Silent(0));
    }

    async fn mend(&mut self) {
        self.wire.mend();
    }

    fn writable(&self) -> Option<(MetricName, Value)> {
        let value = Value::number(21.5).unwrap();
        Some((MetricName::new("setpoint").unwrap(), value))
    }
}

macro_rules! contract {
    ($($check:ident)*) => {$(
        #[tokio::test]
        async fn $check() {
            testing::$check(rig(stringify!($check))).await.unwrap();
        }
    )*};
}

contract! {
    opens_and_reads
    keeps_names_stable
    a_dead_device_gives_a_reason_and_then_recovers
    stops_within_its_grace_period
    never_blocks_the_runtime
    a_command_ends_in_one_result
}
