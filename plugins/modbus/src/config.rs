//! What the settings must hold beyond their types.

use umec_spec::settings::modbus::{Modbus, Register, RegisterType, Slave, Table};
use umec_spec::settings::plugin::PluginSettings;
use umec_wire::{DeviceName, MetricName};

/// Why settings cannot be read by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A request of this size is none.
    #[error("device {device}: maxRegisters is 1 to 125 and maxBits 1 to 2000")]
    Limits {
        /// The device.
        device: DeviceName,
    },
    /// A register that no device can have.
    #[error("device {device}, metric {metric}: {problem}")]
    Register {
        /// The device.
        device: DeviceName,
        /// The metric.
        metric: MetricName,
        /// What is wrong.
        problem: &'static str,
    },
}

/// Refuses settings that no request could serve.
pub(crate) fn check(settings: &PluginSettings<Modbus>) -> Result<(), ConfigError> {
    for device in settings.links.iter().flat_map(|link| &link.devices) {
        let Slave {
            max_registers,
            max_bits,
            ..
        } = &device.device;
        if !(1..=125).contains(max_registers) || !(1..=2_000).contains(max_bits) {
            let device = device.name.clone();
            return Err(ConfigError::Limits { device });
        }
        for metric in &device.metrics {
            if let Some(problem) = problem(&metric.source) {
                return Err(ConfigError::Register {
                    device: device.name.clone(),
                    metric: metric.name.clone(),
                    problem,
                });
            }
        }
    }
    Ok(())
}

fn problem(register: &Register) -> Option<&'static str> {
    let is_bit = register.kind == RegisterType::Bit;
    let holds_bits = matches!(register.table, Table::Coil | Table::Discrete);
    if holds_bits && !is_bit {
        Some("coils and discrete inputs have the type bit")
    } else if register.end() > 65_536 {
        Some("the last address is 65535")
    } else if register.width() > 125 {
        Some("a text has at most 125 registers")
    } else if register.bit.is_some_and(|bit| bit > 15) {
        Some("a register has the bits 0 to 15")
    } else if !register.scale.is_normal() || !register.offset.is_finite() {
        Some("the scale is a number other than 0, the offset a number")
    } else {
        None
    }
}
