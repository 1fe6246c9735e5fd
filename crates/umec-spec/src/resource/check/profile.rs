//! What must hold for a profile and its metrics.

use std::collections::BTreeMap;

use umec_wire::command::POLL_INTERVAL;
use umec_wire::status::Limits;

use crate::resource::problem::{Problem, What};
use crate::resource::read::{Found, Report};
use crate::resource::{DeviceProfile, Metric, ModbusMetric, Simulation};
use crate::settings::modbus::{RegisterType, Table};

/// The most registers and bits of one request (Modbus Application Protocol V1.1b3 sections 6.3, 6.1).
const MOST_REGISTERS: u16 = 125;
const MOST_BITS: u16 = 2_000;

/// One metric, and how to tell of it.
struct Context<'c> {
    profile: &'c Found<DeviceProfile>,
    metric: &'c Metric,
    index: usize,
    report: &'c mut Report,
}

pub(super) fn check(profile: &Found<DeviceProfile>, report: &mut Report) {
    let spec = &profile.resource.spec;
    if spec.metrics.is_empty() {
        let problem = Problem::rule("a profile without metrics measures nothing", "add one");
        report.complain(profile, "spec.metrics", problem);
    }
    if let Some(modbus) = &spec.modbus {
        let mut bound = |field: &str, value: u16, most: u16| {
            if value == 0 || value > most {
                let problem = Problem::rule(
                    format!("{value} is not a number of one request"),
                    format!("write 1 to {most}"),
                );
                report.complain(profile, &format!("spec.modbus.{field}"), problem);
            }
        };
        bound("maxRegisters", modbus.max_registers, MOST_REGISTERS);
        bound("maxBits", modbus.max_bits, MOST_BITS);
    }
    check_names(profile, report);
    for (index, metric) in spec.metrics.iter().enumerate() {
        Context {
            profile,
            metric,
            index,
            report,
        }
        .check();
    }
    check_overlaps(profile, report);
}

fn check_names(profile: &Found<DeviceProfile>, report: &mut Report) {
    let mut first = BTreeMap::new();
    for (index, metric) in profile.resource.spec.metrics.iter().enumerate() {
        let at = format!("spec.metrics[{index}].name");
        if metric.name.as_str() == POLL_INTERVAL {
            let problem = Problem::rule(
                format!("{POLL_INTERVAL} is the command that says how often a device is sampled"),
                "give the metric another name, such as sampling-interval",
            );
            report.complain(profile, &at, problem);
        }
        match first.get(&metric.name) {
            None => {
                first.insert(&metric.name, at);
            }
            Some(before) => {
                let problem = Problem::Duplicate {
                    what: format!("a metric {:?}", metric.name.as_str()),
                    first: report.place_of(profile, before),
                };
                report.complain(profile, &at, problem);
            }
        }
    }
}

/// Tells of numbers that share some of their registers but not all: one of the addresses or types is
/// wrong. The same registers read twice in full are somebody's wish.
fn check_overlaps(profile: &Found<DeviceProfile>, report: &mut Report) {
    let metrics = profile.resource.spec.metrics.iter().enumerate();
    let mut spans: Vec<_> = metrics
        .filter_map(|(index, metric)| Some((index, metric, metric.modbus.as_ref()?)))
        .filter(|(_, _, modbus)| modbus.register_type() != RegisterType::Bit)
        .map(|(index, metric, modbus)| {
            let first = u32::from(modbus.address);
            (
                (modbus.table, first, first + registers(modbus)),
                index,
                metric,
            )
        })
        .collect();
    spans.sort_by_key(|(span, index, _)| (*span, *index));
    // Of those before, the one that reaches furthest is the one that may share.
    let mut furthest = None;
    for (after, index, metric) in &spans {
        let Some((before, other)) = furthest.replace((*after, metric)) else {
            continue;
        };
        if before.0 == after.0 && before.2 > after.2 {
            furthest = Some((before, other));
        }
        if before.0 == after.0 && after.1 < before.2 && before != *after {
            let problem = Problem::rule(
                format!(
                    "its registers are also in {}, but not all of them",
                    other.name
                ),
                "look up both addresses and types in the data sheet",
            );
            let at = format!("spec.metrics[{index}].modbus.address");
            report.complain(profile, &at, problem);
        }
    }
}

/// How many registers a metric takes.
fn registers(modbus: &ModbusMetric) -> u32 {
    match modbus.register_type() {
        RegisterType::Bit | RegisterType::U16 | RegisterType::I16 => 1,
        RegisterType::U32 | RegisterType::I32 | RegisterType::F32 => 2,
        RegisterType::U64 | RegisterType::I64 | RegisterType::F64 => 4,
        RegisterType::String => u32::from(modbus.length.unwrap_or(1)),
    }
}

impl Context<'_> {
    fn complain(&mut self, field: &str, problem: Problem) {
        let at = format!("spec.metrics[{}]{field}", self.index);
        self.report.complain(self.profile, &at, problem);
    }

    fn rule(&mut self, field: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.complain(field, Problem::rule(problem, remedy));
    }

    fn check(&mut self) {
        match (&self.metric.modbus, &self.metric.custom) {
            (Some(modbus), None) => self.check_register(&modbus.clone()),
            (None, Some(_)) => {}
            (Some(_), Some(_)) => self.rule(
                ".custom",
                "a metric is in one protocol, this one names modbus and custom",
                "remove one of them",
            ),
            (None, None) => self.rule(
                "",
                "the metric does not say where it is",
                "add modbus: { table, address }, or custom for a plugin of your own",
            ),
        }
        let (first, own) = (self.profile.resource.spec.metrics.first(), self.metric);
        if first.is_some_and(|first| {
            (first.modbus.is_some(), first.custom.is_some())
                == (own.custom.is_some(), own.modbus.is_some())
        }) && own.modbus.is_some() != own.custom.is_some()
        {
            self.rule(
                "",
                "the metrics before are in another protocol",
                "make a profile of its own for it",
            );
        }
        self.check_limits(".range", self.metric.range);
        self.check_limits(".write", self.metric.write);
        if let Some(report) = self.metric.report {
            if !report.deadband.is_finite() || report.deadband < 0.0 {
                self.rule(
                    ".report.deadband",
                    "a difference is not negative",
                    "write 0 or more",
                );
            }
            if report.heartbeat < self.metric.every {
                let every = self.metric.every;
                self.rule(
                    ".report.heartbeat",
                    format!(
                        "a heartbeat of {} comes before the next sample, after {every}",
                        report.heartbeat
                    ),
                    format!("write {every} or more"),
                );
            }
        }
        self.check_simulation();
    }

    fn check_limits(&mut self, field: &str, limits: Option<Limits>) {
        let Some(Limits { min, max }) = limits else {
            return;
        };
        let kind = self.metric.modbus.as_ref().map(ModbusMetric::register_type);
        if matches!(kind, Some(RegisterType::Bit | RegisterType::String))
            && (min.is_some() || max.is_some())
        {
            self.rule(
                field,
                "only numbers have limits",
                "write { } to allow every value, or leave it out",
            );
        }
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            self.rule(
                field,
                format!("nothing lies between {min} and {max}"),
                "exchange min and max",
            );
        }
    }

    fn check_register(&mut self, modbus: &ModbusMetric) {
        let kind = modbus.register_type();
        let bits = matches!(modbus.table, Table::Coil | Table::Discrete);
        if bits && kind != RegisterType::Bit {
            self.rule(
                ".modbus.type",
                "coils and discrete inputs are single bits",
                "leave type out, or name the table holding or input",
            );
            return;
        }
        self.check_bit(modbus, kind, bits);
        self.check_length(modbus, kind);
        if matches!(modbus.table, Table::Discrete | Table::Input) && self.metric.write.is_some() {
            let writable = if bits { "coil" } else { "holding" };
            self.rule(
                ".write",
                "this table can only be read",
                format!("remove write, or name the table {writable}"),
            );
        }
        if !modbus.scale.is_finite() || modbus.scale == 0.0 {
            self.rule(
                ".modbus.scale",
                "a scale of 0 makes every value the same",
                "write 1, or leave it out",
            );
        }
        let plain = modbus.scale.to_bits() == 1.0_f64.to_bits() && modbus.offset == 0.0;
        if !plain && matches!(kind, RegisterType::Bit | RegisterType::String) {
            self.rule(
                ".modbus",
                "only numbers have a scale and an offset",
                "remove them",
            );
        }
        self.check_place(modbus, kind);
    }

    fn check_place(&mut self, modbus: &ModbusMetric, kind: RegisterType) {
        let size = registers(modbus);
        if u32::from(modbus.address) + size > 1 << 16 {
            self.rule(
                ".modbus.address",
                format!(
                    "{size} registers from {} on end after the last one, 65535",
                    modbus.address
                ),
                "addresses are counted from 0: look at the address and the type",
            );
        }
        let most = self
            .profile
            .resource
            .spec
            .modbus
            .as_ref()
            .map(|m| m.max_registers);
        if let Some(most) = most
            && u32::from(most) < size
            && kind != RegisterType::Bit
        {
            self.rule(
                ".modbus",
                format!("it takes {size} registers, and one request reads at most {most}"),
                "raise maxRegisters of the profile",
            );
        }
    }

    fn check_bit(&mut self, modbus: &ModbusMetric, kind: RegisterType, bits: bool) {
        match (modbus.bit, kind == RegisterType::Bit && !bits) {
            (None, false) => {}
            (Some(0..=15), true) => {
                if self.metric.write.is_some() {
                    self.rule(
                        ".write",
                        "one bit of a register cannot be written without its neighbours",
                        "write the whole register as u16, or a coil where the device has one",
                    );
                }
            }
            (Some(bit), true) => self.rule(
                ".modbus.bit",
                format!("a register has no bit {bit}"),
                "write 0 (the lowest) to 15",
            ),
            (None, true) => self.rule(
                ".modbus",
                "which bit of the register is not said",
                "add bit, from 0 (the lowest) to 15",
            ),
            (Some(_), false) => self.rule(
                ".modbus.bit",
                "only the type bit in the tables holding and input has a bit",
                "remove it, or write type: bit",
            ),
        }
    }

    fn check_length(&mut self, modbus: &ModbusMetric, kind: RegisterType) {
        match (modbus.length, kind == RegisterType::String) {
            (None, false) | (Some(1..=MOST_REGISTERS), true) => {}
            (Some(length), true) => self.rule(
                ".modbus.length",
                format!("a text cannot have {length} registers"),
                format!("write 1 to {MOST_REGISTERS}; two characters each"),
            ),
            (None, true) => self.rule(
                ".modbus",
                "how long the text is is not said",
                "add length, in registers of two characters",
            ),
            (Some(_), false) => self.rule(
                ".modbus.length",
                "only the type string has a length",
                "remove it, or write type: string",
            ),
        }
    }

    fn check_simulation(&mut self) {
        let at = ".simulate";
        match self.metric.simulate.clone() {
            None
            | Some(
                Simulation::Constant { .. } | Simulation::Counter { .. } | Simulation::Text { .. },
            ) => {}
            Some(
                Simulation::Sine { min, max, .. }
                | Simulation::Saw { min, max, .. }
                | Simulation::Square { min, max, .. },
            ) => {
                if min > max {
                    self.rule(
                        at,
                        format!("nothing lies between {min} and {max}"),
                        "exchange min and max",
                    );
                }
            }
            Some(Simulation::Follow {
                setpoint, switch, ..
            }) => {
                for (field, name, table, word) in [
                    ("setpoint", setpoint, Table::Holding, "holding"),
                    ("switch", switch, Table::Coil, "coil"),
                ] {
                    let metrics = &self.profile.resource.spec.metrics;
                    let found = metrics.iter().find(|m| m.name == name);
                    let there = found.and_then(|m| m.modbus.as_ref()).map(|m| m.table);
                    if found.is_none() {
                        let known = metrics.iter().map(|m| m.name.as_str());
                        let problem = Problem::unknown(What::Metric, name.as_str(), known);
                        self.complain(&format!("{at}.{field}"), problem);
                    } else if there != Some(table) {
                        self.rule(
                            &format!("{at}.{field}"),
                            format!("{name} is not in the table {word}"),
                            "name a metric that is",
                        );
                    }
                }
            }
        }
    }
}
