//! What the settings must hold beyond their types.

use std::collections::BTreeSet;

use umec_spec::settings::modbus_line::{ModbusLineSettings, SimulatedLine};

/// Why settings cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Two units of one line share an id.
    #[error("lines[{line}]: two units have the id {unit}: give each its own")]
    DuplicateUnit {
        /// The line's place.
        line: usize,
        /// The id.
        unit: u8,
    },
}

/// Refuses settings that no line can be.
pub(crate) fn check(settings: &ModbusLineSettings) -> Result<(), ConfigError> {
    for (line, SimulatedLine { units, .. }) in settings.lines.iter().enumerate() {
        let mut seen = BTreeSet::new();
        if let Some(twice) = units.iter().find(|unit| !seen.insert(unit.unit)) {
            let unit = twice.unit;
            return Err(ConfigError::DuplicateUnit { line, unit });
        }
    }
    Ok(())
}
