//! Which requests read the registers of one Modbus device: neighbours travel together, within what
//! the device allows.
//!
//! The plugin reads by this plan and `umec device plan` shows it. Sending is not its business.

use std::collections::BTreeSet;
use std::fmt;

use crate::settings::modbus::{Register, Slave, Table};

/// One request, and the registers that its answer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// Which table it reads.
    pub table: Table,
    /// The first address.
    pub address: u16,
    /// How many registers, or bits in the tables of bits.
    pub count: u16,
    /// The registers in it, by the numbers under which they were given, in the order of their addresses.
    pub registers: Vec<usize>,
}

/// What experience with a device forbids: merging that ended in an exception.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Apart {
    alone: BTreeSet<usize>,
    cuts: BTreeSet<(Table, u16)>,
}

/// Merges registers into requests. Each register is in exactly one of them, and none is torn.
///
/// No request is larger than the device allows, except for a register that is wider itself.
pub fn plan<'a>(
    slave: &Slave,
    registers: impl IntoIterator<Item = (usize, &'a Register)>,
    apart: &Apart,
) -> Vec<ReadRequest> {
    let mut sorted: Vec<(usize, &Register)> = registers.into_iter().collect();
    sorted.sort_by_key(|(number, register)| {
        (register.table, register.address, register.end(), *number)
    });
    let mut requests: Vec<Open> = Vec::new();
    for (number, register) in sorted {
        let joined = requests
            .last_mut()
            .is_some_and(|open| open.take(number, register, slave, apart));
        if !joined {
            requests.push(Open::begin(number, register, apart));
        }
    }
    requests.into_iter().map(Open::close).collect()
}

/// A request that may still grow.
#[derive(Debug)]
struct Open {
    table: Table,
    begin: u32,
    end: u32,
    alone: bool,
    registers: Vec<usize>,
}

// === impl Open ===

impl Open {
    fn begin(number: usize, register: &Register, apart: &Apart) -> Self {
        Self {
            table: register.table,
            begin: register.address.into(),
            end: register.end(),
            alone: apart.alone.contains(&number),
            registers: vec![number],
        }
    }

    /// Takes the register in if it may.
    fn take(&mut self, number: usize, register: &Register, slave: &Slave, apart: &Apart) -> bool {
        let limit = match self.table {
            Table::Coil | Table::Discrete => slave.max_bits,
            Table::Holding | Table::Input => slave.max_registers,
        };
        let address = u32::from(register.address);
        let end = self.end.max(register.end());
        let fits = self.table == register.table
            && address <= self.end + u32::from(slave.max_gap)
            && end - self.begin <= u32::from(limit)
            && !self.alone
            && !apart.alone.contains(&number)
            && !apart.cuts_between(self.table, self.begin, address);
        if fits {
            self.end = end;
            self.registers.push(number);
        }
        fits
    }

    fn close(self) -> ReadRequest {
        let clip = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        ReadRequest {
            table: self.table,
            address: clip(self.begin),
            count: clip(self.end - self.begin),
            registers: self.registers,
        }
    }
}

// === impl Apart ===

impl Apart {
    /// Keeps a register out of all merging.
    pub fn isolate(&mut self, number: usize) {
        self.alone.insert(number);
    }

    /// Lets no request reach from below `address` to it.
    pub fn cut(&mut self, table: Table, address: u16) {
        self.cuts.insert((table, address));
    }

    /// Lets requests reach across `address` again.
    pub fn join(&mut self, table: Table, address: u16) {
        self.cuts.remove(&(table, address));
    }

    fn cuts_between(&self, table: Table, begin: u32, address: u32) -> bool {
        let clip = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        begin < address
            && self
                .cuts
                .range((table, clip(begin + 1))..=(table, clip(address)))
                .next()
                .is_some()
    }
}

impl fmt::Display for ReadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = u32::from(self.address) + u32::from(self.count.saturating_sub(1));
        write!(f, "{} {}", self.table, self.address)?;
        if last > u32::from(self.address) {
            write!(f, " to {last}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
