//! Which answers may still come that nobody waits for, and how to tell them from the next one.

use std::collections::{BTreeMap, BTreeSet};

use tokio_modbus::{FunctionCode, Response};
use umec_spec::modbus_plan::ReadRequest;
use umec_spec::settings::modbus::Table;

/// What an answer looks like: all that RTU has to tell answers of one unit apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape {
    function: u8,
    /// The bytes behind the function code, without a byte that counts them.
    size: usize,
}

/// For each unit in doubt what its owed answers look like.
#[derive(Debug, Default)]
pub(crate) struct Doubts(BTreeMap<u8, BTreeSet<Shape>>);

/// More owed answers than this are not told apart any longer: the oldest will not come.
const OWED: usize = 16;

// === impl Shape ===

impl Shape {
    /// The echo of a write.
    pub(crate) const ECHO: usize = 4;

    /// The identification, which is as long as it likes.
    pub(crate) const IDENTITY: Self = Self {
        function: FunctionCode::EncapsulatedInterfaceTransport.value(),
        size: 0,
    };

    /// The answer to a read of so many registers or bits.
    pub(crate) fn read(table: Table, count: u16) -> Self {
        let count = usize::from(count);
        let (function, size) = match table {
            Table::Coil => (FunctionCode::ReadCoils, count.div_ceil(8)),
            Table::Discrete => (FunctionCode::ReadDiscreteInputs, count.div_ceil(8)),
            Table::Holding => (FunctionCode::ReadHoldingRegisters, count * 2),
            Table::Input => (FunctionCode::ReadInputRegisters, count * 2),
        };
        let function = function.value();
        Self { function, size }
    }

    /// The answer to a write.
    pub(crate) const fn echo(function: FunctionCode) -> Self {
        Self {
            function: function.value(),
            size: Self::ECHO,
        }
    }

    /// What an answer that came looks like.
    pub(crate) fn of(response: &Response) -> Self {
        let size = match response {
            Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits) => {
                bits.len().div_ceil(8)
            }
            Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words) => {
                words.len() * 2
            }
            Response::WriteSingleCoil(..)
            | Response::WriteMultipleCoils(..)
            | Response::WriteSingleRegister(..)
            | Response::WriteMultipleRegisters(..) => Self::ECHO,
            _ => 0,
        };
        let function = response.function_code().value();
        Self { function, size }
    }

    /// The bytes of the content.
    pub(crate) const fn size(self) -> usize {
        self.size
    }
}

// === impl Doubts ===

impl Doubts {
    pub(crate) fn add(&mut self, unit: u8, shapes: impl IntoIterator<Item = Shape>) {
        let owed = self.0.entry(unit).or_default();
        if owed.len() > OWED {
            owed.clear();
        }
        owed.extend(shapes);
    }

    pub(crate) fn clear(&mut self, unit: u8) {
        self.0.remove(&unit);
    }

    /// A request whose answer looks like none that is owed, where any is: a part of `known` if possible,
    /// else a little more than it.
    pub(crate) fn probe(&self, unit: u8, known: &ReadRequest) -> Option<ReadRequest> {
        let owed = self.0.get(&unit)?;
        let step = if known.table.holds_bits() { 8 } else { 1 };
        let count = (0..)
            .map(|number| 1 + number * step)
            .take(OWED * 2)
            .find(|count| !owed.contains(&Shape::read(known.table, *count)));
        Some(ReadRequest {
            count: count.unwrap_or(known.count),
            ..known.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(count: u16) -> ReadRequest {
        ReadRequest {
            table: Table::Holding,
            address: 40,
            count,
            registers: vec![0],
        }
    }

    #[test]
    fn a_probe_looks_like_nothing_that_is_owed() {
        let mut doubts = Doubts::default();
        assert_eq!(doubts.probe(3, &known(10)), None);
        doubts.add(3, [Shape::read(Table::Holding, 10)]);
        assert_eq!(doubts.probe(3, &known(10)), Some(known(1)));
        doubts.add(3, [Shape::read(Table::Holding, 1)]);
        assert_eq!(doubts.probe(3, &known(10)), Some(known(2)));
        assert_eq!(doubts.probe(4, &known(10)), None);
        doubts.clear(3);
        assert_eq!(doubts.probe(3, &known(10)), None);
    }

    #[test]
    fn bits_that_share_a_byte_look_alike() {
        assert_eq!(Shape::read(Table::Coil, 1), Shape::read(Table::Coil, 8));
        assert_ne!(Shape::read(Table::Coil, 8), Shape::read(Table::Coil, 9));
        assert_ne!(Shape::read(Table::Coil, 1), Shape::read(Table::Discrete, 1));
    }
}
