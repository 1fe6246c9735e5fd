//! One device as its link knows it: what to ask for, what the answers mean, and what experience forbids. No I/O.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use umec_spec::modbus_plan::{self, Apart, ReadRequest};
use umec_spec::settings::modbus::{Modbus, Register, Slave, Table};
use umec_spec::settings::plugin::DeviceSettings;
use umec_wire::status::Reason;
use umec_wire::{MetricName, Value};

use crate::line::{Shape, Shown};
use crate::register::Codec;

/// A device.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) unit: u8,
    pub(crate) patience: Duration,
    pub(crate) metrics: Vec<Metric>,
    /// How many times in a row it gave nothing.
    pub(crate) failures: u32,
    slave: Slave,
    apart: Apart,
    /// Cuts that were taken back once; made again they stay.
    confirmed: BTreeSet<(Table, u16)>,
    plans: Vec<(Box<[usize]>, Plan)>,
}

/// One metric of a device.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: MetricName,
    pub(crate) register: Register,
    pub(crate) codec: Codec,
}

/// The requests that read what is due.
pub(crate) type Plan = Arc<[ReadRequest]>;

/// Groups that become due together, at most; a device has a handful of intervals.
const PLANS: usize = 32;

// === impl Device ===

impl Device {
    pub(crate) fn new(settings: &DeviceSettings<Modbus>) -> Self {
        let metrics = settings.metrics.iter().map(|metric| Metric {
            name: metric.name.clone(),
            register: metric.source.clone(),
            codec: Codec::new(&metric.source),
        });
        Self {
            unit: settings.device.unit,
            patience: settings.timeout.duration(),
            metrics: metrics.collect(),
            failures: 0,
            slave: settings.device.clone(),
            apart: Apart::default(),
            confirmed: BTreeSet::new(),
            plans: Vec::new(),
        }
    }

    /// The requests that read what is due.
    pub(crate) fn plan(&mut self, due: &[usize]) -> Plan {
        if let Some((_, plan)) = self.plans.iter().find(|(known, _)| **known == *due) {
            return Arc::clone(plan);
        }
        let registers = due.iter().filter_map(|number| {
            let metric = self.metrics.get(*number)?;
            Some((*number, &metric.register))
        });
        let plan: Plan = modbus_plan::plan(&self.slave, registers, &self.apart).into();
        if self.plans.len() >= PLANS {
            self.plans.clear();
        }
        self.plans.push((due.into(), Arc::clone(&plan)));
        plan
    }

    /// A request that the device should answer, and what all its answers look like.
    pub(crate) fn known(&mut self) -> (Option<ReadRequest>, Vec<Shape>) {
        let all: Vec<usize> = (0..self.metrics.len()).collect();
        let plan = self.plan(&all);
        let shapes = plan
            .iter()
            .map(|request| Shape::read(request.table, request.count));
        (plan.first().cloned(), shapes.collect())
    }

    /// Adds the values that an answer shows.
    pub(crate) fn decode(
        &self,
        request: &ReadRequest,
        shown: &Shown,
        samples: &mut Vec<(usize, Result<Value, Reason>)>,
    ) {
        for number in &request.registers {
            let Some(metric) = self.metrics.get(*number) else {
                continue;
            };
            samples.push((*number, metric.decode(request, shown)));
        }
    }

    /// Divides a request that ended in an exception, at its widest gap or in the middle, and remembers the cut.
    /// A register that stands alone is isolated instead, and nothing is left to divide.
    pub(crate) fn divide(
        &mut self,
        request: &ReadRequest,
    ) -> Option<(ReadRequest, ReadRequest, u16)> {
        self.plans.clear();
        if let [lone] = request.registers.as_slice() {
            self.apart.isolate(*lone);
            return None;
        }
        let registers: Vec<&Register> = request
            .registers
            .iter()
            .filter_map(|number| Some(&self.metrics.get(*number)?.register))
            .collect();
        let mut end = 0;
        let gaps: Vec<(u32, usize)> = registers
            .iter()
            .enumerate()
            .map(|(place, register)| {
                let gap = u32::from(register.address).saturating_sub(end);
                end = end.max(register.end());
                (gap, place)
            })
            .skip(1)
            .collect();
        let widest = gaps.iter().filter(|(gap, _)| *gap > 0).max();
        let place = widest.map_or(registers.len() / 2, |(_, place)| *place);
        let (left, right) = request.registers.split_at(place);
        let (left, right) = (self.part(request, left)?, self.part(request, right)?);
        if left.address == right.address {
            // Bits of one register: they stand or fall together.
            request
                .registers
                .iter()
                .for_each(|number| self.apart.isolate(*number));
        } else {
            self.apart.cut(right.table, right.address);
        }
        let at = right.address;
        Some((left, right, at))
    }

    /// Takes cuts back that only served to find a register that is isolated now.
    pub(crate) fn heal(&mut self, table: Table, cuts: &[u16]) {
        self.plans.clear();
        for address in cuts {
            if self.confirmed.insert((table, *address)) {
                self.apart.join(table, *address);
            }
        }
    }

    fn part(&self, whole: &ReadRequest, numbers: &[usize]) -> Option<ReadRequest> {
        let registers = numbers
            .iter()
            .filter_map(|number| self.metrics.get(*number));
        let end = registers
            .clone()
            .map(|metric| metric.register.end())
            .max()?;
        let begin = registers.map(|metric| metric.register.address).min()?;
        Some(ReadRequest {
            table: whole.table,
            address: begin,
            count: u16::try_from(end - u32::from(begin)).ok()?,
            registers: numbers.to_vec(),
        })
    }
}

// === impl Metric ===

impl Metric {
    /// The request that reads it alone.
    pub(crate) fn request(&self, number: usize) -> ReadRequest {
        ReadRequest {
            table: self.register.table,
            address: self.register.address,
            count: self.register.width(),
            registers: vec![number],
        }
    }

    /// The value that an answer shows for it, or why it shows none.
    pub(crate) fn decode(&self, request: &ReadRequest, shown: &Shown) -> Result<Value, Reason> {
        let from = usize::from(self.register.address.saturating_sub(request.address));
        let missing = || Reason::new("wrong-size", "the answer does not hold the register");
        match shown {
            Shown::Bits(bits) => {
                let bit = bits.get(from).copied().ok_or_else(missing)?;
                Ok(Codec::decode_bit(bit))
            }
            Shown::Words(words) => {
                let to = from + usize::from(self.register.width());
                let words = words.get(from..to).ok_or_else(missing)?;
                self.codec
                    .decode(words)
                    .map_err(|error| self.at(Reason::from(&error)))
            }
        }
    }

    /// Adds to a reason where it happened: `... at holding 10 (setpoint)`.
    pub(crate) fn at(&self, reason: Reason) -> Reason {
        let (table, address) = (self.register.table, self.register.address);
        Reason {
            text: format!("{} at {table} {address} ({})", reason.text, self.name),
            ..reason
        }
    }
}
