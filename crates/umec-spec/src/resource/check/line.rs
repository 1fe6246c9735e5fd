//! What must hold between the devices of one line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use umec_wire::{DeviceName, NodeName};

use crate::resource::problem::Problem;
use crate::resource::read::{Found, Report, Written};
use crate::resource::{Device, ModbusDevice};
use crate::settings::modbus::{Table, Transport};

/// A place on a line: the node, the line, the unit, the table, the address and the bit.
type Register<'w> = (&'w NodeName, Transport, u8, Table, u16, Option<u8>);

pub(super) fn check(written: &Written, report: &mut Report) {
    check_serial(written, report);
    check_simulation(written, report);
    check_registers(written, report);
}

/// Two devices on one serial line must agree on how it is set.
fn check_serial(written: &Written, report: &mut Report) {
    let mut first: BTreeMap<(&NodeName, &PathBuf), &Found<Device>> = BTreeMap::new();
    for device in written.devices.values() {
        let spec = &device.resource.spec;
        let serial = |device: &Found<Device>| device.resource.spec.modbus.as_ref()?.serial.clone();
        let Some(own) = spec.modbus.as_ref().and_then(|m| m.serial.as_ref()) else {
            continue;
        };
        let other = *first.entry((&spec.node, &own.path)).or_insert(device);
        if serial(other).is_some_and(|other| other != *own) {
            let problem = Problem::rule(
                format!(
                    "the same line has another baud rate or parity for {} at {}",
                    other.resource.metadata.name,
                    report.place_of(other, "spec.modbus.serial")
                ),
                "write the same for both",
            );
            report.complain(device, "spec.modbus.serial", problem);
        }
    }
}

/// A line is played as a whole, or it is real as a whole.
fn check_simulation(written: &Written, report: &mut Report) {
    let mut first: BTreeMap<(&NodeName, Transport), &Found<Device>> = BTreeMap::new();
    for device in written.devices.values() {
        let spec = &device.resource.spec;
        let Some(line) = spec.modbus.as_ref().and_then(ModbusDevice::transport) else {
            continue;
        };
        let other = *first.entry((&spec.node, line)).or_insert(device);
        if other.resource.is_simulated() != device.resource.is_simulated() {
            let problem = Problem::rule(
                format!(
                    "it shares its line with {} at {}, and only one of the two is simulated",
                    other.resource.metadata.name,
                    report.place_of(other, "metadata")
                ),
                "annotate both or neither",
            );
            report.complain(device, "metadata", problem);
        }
    }
}

/// Two devices may be two views of one unit, but not of one register: that is a unit id or an address
/// written twice.
fn check_registers(written: &Written, report: &mut Report) {
    let mut first: BTreeMap<Register<'_>, &Found<Device>> = BTreeMap::new();
    for device in written.devices.values() {
        let spec = &device.resource.spec;
        let (Some(modbus), Some(profile)) = (&spec.modbus, written.profiles.get(&spec.profile))
        else {
            continue;
        };
        let Some(line) = modbus.transport() else {
            continue;
        };
        let metrics = profile
            .resource
            .spec
            .metrics
            .iter()
            .filter_map(|m| m.modbus.as_ref());
        let mut clash = None;
        for metric in metrics {
            let place = (
                &spec.node,
                line.clone(),
                modbus.unit,
                metric.table,
                metric.address,
                metric.bit,
            );
            let other = *first.entry(place).or_insert(device);
            if other.resource.metadata.name != device.resource.metadata.name {
                clash = Some(other);
            }
        }
        if let Some(other) = clash {
            let name = DeviceName::from(other.resource.metadata.name.clone());
            let problem = Problem::rule(
                format!(
                    "{name} at {} reads the same registers of the same unit",
                    report.place_of(other, "spec.modbus")
                ),
                "give one of the two its own unit or address",
            );
            report.complain(device, "spec.modbus", problem);
        }
    }
}
