//! What must hold for a device.

use super::{check_address, check_reference};
use crate::resource::problem::Problem;
use crate::resource::read::{Found, Report, Written};
use crate::resource::{Device, DeviceProfile, EdgeNode, Kind, ModbusDevice, SIMULATE};

/// Names that are accounts, users or processes of a node's own.
const RESERVED: [&str; 5] = ["bus", "system", "cli", "edge-api", "modbus"];

/// The highest unit id on a line (Modbus over Serial Line V1.02 section 2.2).
const LAST_UNIT: u8 = 247;

/// What stands for the device itself on TCP (Modbus Messaging on TCP/IP V1.0b section 4.4.1.2).
const TCP_ITSELF: u8 = 255;

pub(super) fn check(device: &Found<Device>, written: &Written, report: &mut Report) {
    let spec = &device.resource.spec;
    let profile = spec.profile.as_str();
    check_reference(
        device,
        "spec.profile",
        DeviceProfile::KIND,
        profile,
        written,
        report,
    );
    // Without any EdgeNode a node is there because devices name it.
    if written.names(EdgeNode::KIND).next().is_some() {
        let node = spec.node.as_str();
        check_reference(device, "spec.node", EdgeNode::KIND, node, written, report);
    }
    match (&spec.modbus, &spec.custom) {
        (Some(modbus), None) => check_modbus(device, modbus, report),
        (None, Some(custom)) => {
            let plugin = custom.plugin.as_str();
            if RESERVED.contains(&plugin) || plugin.starts_with("uplink-") {
                let problem = Problem::rule(
                    format!("the name {plugin:?} is taken by a part of the node"),
                    "give the plugin another name",
                );
                report.complain(device, "spec.custom.plugin", problem);
            }
        }
        (Some(_), Some(_)) => {
            let problem = Problem::rule(
                "a device speaks one protocol, this one names modbus and custom",
                "remove one of them",
            );
            report.complain(device, "spec.custom", problem);
        }
        (None, None) => {
            let problem = Problem::rule(
                "the device does not say where it hangs",
                "add modbus, or custom for a plugin of your own",
            );
            report.complain(device, "spec", problem);
        }
    }
    check_annotation(device, report);
    check_profile(device, written, report);
}

fn check_modbus(device: &Found<Device>, modbus: &ModbusDevice, report: &mut Report) {
    if modbus.transport().is_none() {
        let named = [
            ("tcp", modbus.tcp.is_some()),
            ("rtuOverTcp", modbus.rtu_over_tcp.is_some()),
            ("serial", modbus.serial.is_some()),
        ];
        let named: Vec<_> = named
            .iter()
            .filter(|(_, is)| *is)
            .map(|(name, _)| *name)
            .collect();
        let problem = match named.as_slice() {
            [] => Problem::rule(
                "the line is not named",
                "add one of tcp, rtuOverTcp and serial",
            ),
            several => Problem::rule(
                format!(
                    "a device hangs on one line, this one names {}",
                    several.join(" and ")
                ),
                "keep one of them",
            ),
        };
        report.complain(device, "spec.modbus", problem);
    }
    if let Some(address) = &modbus.tcp {
        check_address(device, "spec.modbus.tcp", address, report);
    }
    if let Some(address) = &modbus.rtu_over_tcp {
        check_address(device, "spec.modbus.rtuOverTcp", address, report);
    }
    if let Some(serial) = &modbus.serial {
        if !serial.path.is_absolute() {
            let problem = Problem::rule(
                format!("{} is not the path of a device file", serial.path.display()),
                "write it from the root, such as /dev/ttyUSB0",
            );
            report.complain(device, "spec.modbus.serial.path", problem);
        }
        if !(50..=4_000_000).contains(&serial.baud) {
            let problem = Problem::rule(
                format!("{} is no speed of a serial line", serial.baud),
                "write bits per second, such as 9600 or 19200",
            );
            report.complain(device, "spec.modbus.serial.baud", problem);
        }
    }
    check_unit(device, modbus, report);
}

fn check_unit(device: &Found<Device>, modbus: &ModbusDevice, report: &mut Report) {
    let (allowed, range) = match (modbus.unit, modbus.tcp.is_some()) {
        (0 | TCP_ITSELF, true) | (1..=LAST_UNIT, _) => (true, ""),
        (_, true) => (
            false,
            "write 1 to 247, or 0 or 255 for the device behind the address itself",
        ),
        (_, false) => (
            false,
            "write 1 to 247; 0 speaks to all units and none answers",
        ),
    };
    if !allowed {
        let problem = Problem::rule(
            format!("there is no unit {} on this line", modbus.unit),
            range,
        );
        report.complain(device, "spec.modbus.unit", problem);
    }
}

fn check_annotation(device: &Found<Device>, report: &mut Report) {
    let Some(value) = device.resource.metadata.annotations.get(SIMULATE) else {
        return;
    };
    let problem = if value != "true" && value != "false" {
        Problem::rule(
            format!("the annotation {SIMULATE} is {value:?}"),
            "write \"true\" or \"false\", in quotes",
        )
    } else if value == "true" && device.resource.spec.custom.is_some() {
        Problem::rule(
            "only Modbus devices have a simulator",
            format!("remove the annotation {SIMULATE}"),
        )
    } else {
        return;
    };
    report.complain(device, "metadata.annotations", problem);
}

/// Tells of a profile that does not say where its metrics are in the device's protocol.
fn check_profile(device: &Found<Device>, written: &Written, report: &mut Report) {
    let spec = &device.resource.spec;
    let Some(profile) = written.profiles.get(&spec.profile) else {
        return;
    };
    let Some(metric) = profile.resource.spec.metrics.first() else {
        return;
    };
    let (wanted, there) = match (&spec.modbus, &spec.custom) {
        (Some(_), None) => ("modbus", metric.modbus.is_some()),
        (None, Some(_)) => ("custom", metric.custom.is_some()),
        _ => return,
    };
    // A profile whose metrics speak several protocols, or none, is told of where it stands.
    if !there && (metric.modbus.is_some() || metric.custom.is_some()) {
        let problem = Problem::rule(
            format!(
                "the metrics of the profile {} do not say where they are in {wanted}",
                spec.profile
            ),
            format!("name another profile, or add {wanted} to its metrics"),
        );
        report.complain(device, "spec.profile", problem);
    }
}
