//! What plays the devices that ask for it with the annotation `umec.dev/simulate`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use umec_wire::{Label, Span};

use super::Node;
use super::plugins::{MODBUS, plugin_of, register};
use crate::resource::{Device, DeviceProfile, Metric, ModbusMetric, Resource};
use crate::settings::modbus::{Register, RegisterType, Serial, Transport};
use crate::settings::modbus_line::{
    ModbusLineSettings, Offer, SimulatedLine, SimulatedRegister, SimulatedUnit, Wave,
};

/// One simulator process.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedSimulator {
    /// Its name, unique on its node.
    pub name: Label,
    /// What is run, by its name.
    pub program: &'static str,
    /// The lines it plays.
    pub lines: Vec<PlannedLine>,
}

/// One line that is played.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedLine {
    /// The line that the devices' resources name.
    pub stands_in_for: Transport,
    /// The units on it.
    pub units: Vec<SimulatedUnit>,
}

/// Where a simulator tells or shows its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offered {
    /// It writes `address:port` into this file.
    AddressFile(PathBuf),
    /// It makes this link to a pseudo-terminal.
    Link(PathBuf),
}

impl Node<'_> {
    pub(super) fn simulators(&self) -> Vec<PlannedSimulator> {
        let mut lines: BTreeMap<Transport, BTreeMap<u8, SimulatedUnit>> = BTreeMap::new();
        let played = self.devices.iter().filter(|d| d.is_simulated());
        for device in played.filter(|d| plugin_of(&d.spec).as_str() == MODBUS) {
            let Some(modbus) = &device.spec.modbus else {
                continue;
            };
            let (Some(transport), Some(profile)) = (modbus.transport(), self.profile(&device.spec))
            else {
                continue;
            };
            let unit = lines.entry(transport).or_default().entry(modbus.unit);
            let unit = unit.or_insert_with(|| SimulatedUnit {
                unit: modbus.unit,
                identity: identity(profile),
                registers: Vec::new(),
                faults: Vec::new(),
            });
            unit.registers.extend(simulated_registers(profile));
        }
        if lines.is_empty() {
            return Vec::new();
        }
        let lines = lines.into_iter().map(|(stands_in_for, units)| PlannedLine {
            stands_in_for,
            units: units.into_values().collect(),
        });
        vec![PlannedSimulator {
            name: Label::new("modbus-line").expect("a label"),
            program: "umec-modbus-line",
            lines: lines.collect(),
        }]
    }
}

fn identity(profile: &DeviceProfile) -> Option<[String; 3]> {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let known = profile.manufacturer.is_some() || profile.model.is_some();
    known.then(|| {
        [
            text(&profile.manufacturer),
            text(&profile.model),
            "simulated".to_owned(),
        ]
    })
}

/// The registers that a simulator of a profile shows.
fn simulated_registers(profile: &DeviceProfile) -> Vec<SimulatedRegister> {
    let simulated = |metric: &Metric| {
        let modbus = metric.modbus.as_ref()?;
        let register = register(profile, modbus);
        Some(SimulatedRegister {
            wave: wave(profile, metric, &register),
            writable: metric.write.is_some(),
            register,
        })
    };
    profile.metrics.iter().filter_map(simulated).collect()
}

fn wave(profile: &DeviceProfile, metric: &Metric, register: &Register) -> Wave {
    let Some(simulation) = metric.simulate.clone() else {
        return fitting(profile, metric, register);
    };
    // Both are metrics of the profile: anything else is refused on reading.
    simulation.addressed(|name| {
        let metric = profile.metrics.iter().find(|m| m.name == name);
        metric
            .and_then(|m| m.modbus.as_ref())
            .map_or(0, |m: &ModbusMetric| m.address)
    })
}

/// What a metric might show that says nothing about it.
fn fitting(profile: &DeviceProfile, metric: &Metric, register: &Register) -> Wave {
    /// Units of what only grows: energy.
    const COUNTED: [&str; 6] = ["J", "Wh", "kWh", "VAh", "varh", "kvarh"];
    let writable = metric.write.is_some();
    match register.kind {
        RegisterType::String => Wave::Text {
            text: profile
                .model
                .clone()
                .unwrap_or_else(|| "simulated".to_owned()),
        },
        RegisterType::Bit if writable => Wave::Constant { value: 0.0 },
        RegisterType::Bit => Wave::Square {
            min: 0.0,
            max: 1.0,
            period: Span::from_secs(60),
        },
        _ => {
            let (low, high) = bounds(metric, register);
            let counted = metric
                .unit
                .is_some_and(|unit| COUNTED.contains(&unit.as_str()));
            if writable {
                Wave::Constant {
                    value: f64::midpoint(low, high),
                }
            } else if counted {
                Wave::Counter {
                    start: low.max(0.0),
                    per_second: register.scale.abs(),
                }
            } else {
                let quarter = (high - low) / 4.0;
                Wave::Sine {
                    min: low + quarter,
                    max: high - quarter,
                    period: Span::from_secs(120),
                }
            }
        }
    }
}

/// Bounds within which a metric may move: what may be written, what is believed, what the register
/// holds, and 0 to 100 where nothing bounds it.
fn bounds(metric: &Metric, register: &Register) -> (f64, f64) {
    let raw = match register.kind {
        RegisterType::I16 => (f64::from(i16::MIN), f64::from(i16::MAX)),
        RegisterType::U32 => (0.0, f64::from(u32::MAX)),
        RegisterType::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
        RegisterType::U64 => (0.0, 1e15),
        RegisterType::I64 | RegisterType::F64 => (-1e15, 1e15),
        RegisterType::F32 => (-1e6, 1e6),
        RegisterType::Bit | RegisterType::U16 | RegisterType::String => (0.0, f64::from(u16::MAX)),
    };
    let ends = [raw.0, raw.1].map(|end| end * register.scale + register.offset);
    let (held_low, held_high) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
    let said = metric
        .write
        .filter(|w| w.min.is_some() || w.max.is_some())
        .or(metric.range);
    let low = said.and_then(|limits| limits.min);
    let high = said.and_then(|limits| limits.max);
    let low = low.unwrap_or_else(|| high.map_or(0.0, |high| high.min(0.0)));
    let high = high.unwrap_or_else(|| low.max(0.0) + 100.0);
    (
        low.clamp(held_low, held_high),
        high.clamp(held_low, held_high),
    )
}

impl Resource<Device> {
    /// Whether a simulator plays the device.
    pub fn is_simulated(&self) -> bool {
        let annotation = self.metadata.annotations.get(crate::resource::SIMULATE);
        annotation.is_some_and(|value| value == "true")
    }
}

impl PlannedSimulator {
    /// The settings of the simulator; it offers its lines in `folder`.
    pub fn settings(&self, folder: &Path) -> ModbusLineSettings {
        let lines = self.lines.iter().enumerate();
        let line = |(index, line): (usize, &PlannedLine)| SimulatedLine {
            offer: line.offer(index, folder),
            units: line.units.clone(),
        };
        ModbusLineSettings {
            lines: lines.map(line).collect(),
        }
    }

    /// For each line where it is offered in `folder`, in the order of the lines.
    pub fn offered(&self, folder: &Path) -> Vec<Offered> {
        let lines = self.lines.iter().enumerate();
        lines
            .map(|(index, line)| line.offered(index, folder))
            .collect()
    }
}

impl PlannedLine {
    fn offered(&self, index: usize, folder: &Path) -> Offered {
        match self.stands_in_for {
            Transport::Tcp { .. } | Transport::RtuOverTcp { .. } => {
                Offered::AddressFile(folder.join(format!("line-{index}.address")))
            }
            Transport::Serial(_) => Offered::Link(folder.join(format!("line-{index}.tty"))),
        }
    }

    fn offer(&self, index: usize, folder: &Path) -> Offer {
        let listen = "127.0.0.1:0".to_owned();
        match (&self.stands_in_for, self.offered(index, folder)) {
            (Transport::Tcp { .. }, Offered::AddressFile(file)) => Offer::Tcp {
                listen,
                address_file: Some(file),
            },
            (Transport::Serial(serial), Offered::Link(link)) => Offer::Serial {
                link,
                baud: serial.baud,
                parity: serial.parity,
                paced: true,
            },
            (_, Offered::AddressFile(file) | Offered::Link(file)) => Offer::RtuOverTcp {
                listen,
                address_file: Some(file),
            },
        }
    }

    /// The line as the plugin is to reach it; `place` is the address or the link that is [`Offered`].
    pub fn transport_at(&self, place: &str) -> Transport {
        let address = place.trim().to_owned();
        match &self.stands_in_for {
            Transport::Tcp { .. } => Transport::Tcp { address },
            Transport::RtuOverTcp { .. } => Transport::RtuOverTcp { address },
            Transport::Serial(serial) => Transport::Serial(Serial {
                path: PathBuf::from(place),
                ..serial.clone()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(metrics: &str) -> Vec<Wave> {
        let text = format!("{{ model: X1, metrics: [{metrics}] }}");
        let profile: DeviceProfile = crate::yaml::from_str(&text).unwrap();
        let registers = simulated_registers(&profile);
        registers
            .into_iter()
            .map(|register| register.wave)
            .collect()
    }

    #[test]
    fn a_metric_that_says_nothing_shows_something_fitting() {
        let sine = |min, max| Wave::Sine {
            min,
            max,
            period: Span::from_secs(120),
        };
        for (metric, wave) in [
            ("modbus: { table: input, address: 0 }", sine(25.0, 75.0)),
            (
                "modbus: { table: input, address: 0, type: i16, scale: 0.1 }, range: { min: -40, max: 80 }",
                sine(-10.0, 50.0),
            ),
            // 65,535 steps of a thousandth are all that one register holds.
            (
                "modbus: { table: input, address: 0, scale: 0.001 }, range: { min: 0, max: 200 }",
                sine(16.383_75, 49.151_25),
            ),
            (
                "unit: Wh, modbus: { table: input, address: 0, type: u32, scale: 10 }",
                Wave::Counter {
                    start: 0.0,
                    per_second: 10.0,
                },
            ),
            (
                "modbus: { table: holding, address: 0 }, write: { min: 5, max: 30 }",
                Wave::Constant { value: 17.5 },
            ),
            (
                "modbus: { table: coil, address: 0 }, write: { }",
                Wave::Constant { value: 0.0 },
            ),
            (
                "modbus: { table: holding, address: 0, type: string, length: 2 }",
                Wave::Text {
                    text: "X1".to_owned(),
                },
            ),
        ] {
            assert_eq!(
                waves(&format!("{{ name: a, {metric} }}")),
                [wave],
                "{metric}"
            );
        }
    }

    #[test]
    fn a_follower_is_told_the_addresses_of_the_metrics_that_it_names() {
        let waves = waves(
            "{ name: t, modbus: { table: input, address: 0 }, \
               simulate: { kind: follow, setpoint: s, switch: h, rest: 17, time: 60s } }, \
             { name: s, modbus: { table: holding, address: 10 }, write: { } }, \
             { name: h, modbus: { table: coil, address: 4 }, write: { } }",
        );
        let follow = Wave::Follow {
            setpoint: 10,
            switch: 4,
            rest: 17.0,
            time: Span::from_secs(60),
        };
        assert_eq!(waves[0], follow);
    }
}
