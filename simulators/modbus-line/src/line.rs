//! A line and the units on it: a request in, what to do about it out. No socket, no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use umec_spec::settings::modbus::Table;
use umec_spec::settings::modbus_line::{Effect, Fault, SimulatedUnit};

use crate::fault::Faults;
use crate::frame::{self, Frame, Kind};
use crate::pdu::{self, Exception};
use crate::unit::Unit;

/// The units, and what happened on their line.
#[derive(Debug)]
pub(crate) struct Line {
    units: BTreeMap<u8, (Unit, Faults)>,
    pub(crate) counted: LineUse,
}

/// What happened on a line since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineUse {
    /// Requests to units of this line.
    pub requests: u64,
    /// Requests that write.
    pub writes: u64,
    /// Answers, whole or not.
    pub answers: u64,
    /// Bytes of both directions.
    pub bytes: u64,
    /// How long the wire was taken: characters, and the silent interval after each frame. Paced lines only.
    pub busy: Duration,
    /// Requests that began before the silent interval was over. Paced lines only.
    pub crowded: u64,
}

/// What a request leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Nothing,
    Answer { frame: Vec<u8>, delay: Duration },
    HangUp,
}

// === impl Line ===

impl Line {
    pub(crate) fn new(units: &[SimulatedUnit]) -> Self {
        let unit = |settings: &SimulatedUnit| {
            let faults = Faults::new(settings.faults.clone());
            (settings.unit, (Unit::new(settings), faults))
        };
        Self {
            units: units.iter().map(unit).collect(),
            counted: LineUse::default(),
        }
    }

    /// Says what a request leads to.
    pub(crate) fn handle(&mut self, request: &Frame, now: Duration) -> Reply {
        let is_write = matches!(request.pdu.first(), Some(5 | 6 | 15 | 16));
        if request.unit == 0 && request.kind == Kind::Rtu {
            // A broadcast: all listen, nobody answers (Modbus over Serial Line V1.02 section 2.1).
            for (unit, _) in self.units.values_mut() {
                unit.answer(&request.pdu, now);
            }
            return Reply::Nothing;
        }
        let Some((unit, faults)) = self.units.get_mut(&request.unit) else {
            return stranger(request);
        };
        self.counted.requests += 1;
        self.counted.writes += u64::from(is_write);
        let reply = afflicted(request, unit, faults.next().as_ref(), now);
        self.counted.answers += u64::from(matches!(reply, Reply::Answer { .. }));
        reply
    }

    pub(crate) fn afflict(&mut self, unit: u8, faults: Vec<Fault>) {
        if let Some((_, known)) = self.units.get_mut(&unit) {
            *known = Faults::new(faults);
        }
    }

    pub(crate) fn show(
        &self,
        unit: u8,
        table: Table,
        address: u16,
        count: u16,
        at: Duration,
    ) -> Option<Vec<u16>> {
        let (unit, _) = self.units.get(&unit)?;
        unit.read(table, address, count, at).ok()
    }
}

/// A gateway says that a unit is silent; a serial line just stays silent.
fn stranger(request: &Frame) -> Reply {
    match request.kind {
        Kind::Rtu => Reply::Nothing,
        Kind::Tcp { .. } => {
            let function = request.pdu.first().copied().unwrap_or_default();
            let pdu = pdu::exception(function, Exception::GatewayTargetSilent);
            at_once(frame::wrap(request.kind, request.unit, &pdu))
        }
    }
}

fn afflicted(request: &Frame, unit: &mut Unit, effect: Option<&Effect>, now: Duration) -> Reply {
    let Frame {
        kind,
        unit: id,
        pdu,
    } = request;
    if let Some(&Effect::Exception { code }) = effect {
        let function = pdu.first().copied().unwrap_or_default();
        let pdu = pdu::exception(function, Exception::Code(code));
        return at_once(frame::wrap(*kind, *id, &pdu));
    }
    let mut answer = unit.answer(pdu, now);
    if effect == Some(&Effect::Short) {
        shorten(&mut answer);
    }
    let right = frame::wrap(*kind, *id, &answer);
    match effect {
        None | Some(Effect::Short | Effect::Exception { .. }) => at_once(right),
        Some(Effect::Silence) => Reply::Nothing,
        Some(Effect::Drop) => Reply::HangUp,
        Some(Effect::Delay { by }) => Reply::Answer {
            frame: right,
            delay: by.duration(),
        },
        Some(Effect::WrongUnit) => at_once(frame::wrap(*kind, id ^ 1, &answer)),
        Some(Effect::Cut) => {
            let kept = right.len().saturating_sub(3).max(1);
            at_once(right.into_iter().take(kept).collect())
        }
        Some(Effect::BadCrc) => at_once(match *kind {
            Kind::Rtu => {
                let mut wrong = right;
                if let Some(last) = wrong.last_mut() {
                    *last ^= 0x55;
                }
                wrong
            }
            Kind::Tcp { transaction } => {
                let transaction = transaction.wrapping_sub(1);
                frame::wrap(Kind::Tcp { transaction }, *id, &answer)
            }
        }),
    }
}

fn at_once(frame: Vec<u8>) -> Reply {
    Reply::Answer {
        frame,
        delay: Duration::ZERO,
    }
}

/// Takes a register, or eight bits, out of the answer to a read.
fn shorten(answer: &mut Vec<u8>) {
    let step = match answer.first() {
        Some(1 | 2) => 1,
        Some(3 | 4) => 2,
        _ => 0,
    };
    answer.truncate(answer.len().saturating_sub(step).max(2));
    if let Some(size) = answer.get_mut(1).filter(|_| step > 0) {
        *size = size.saturating_sub(step.try_into().unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use umec_spec::settings::modbus::{Register, RegisterType};
    use umec_spec::settings::modbus_line::{SimulatedRegister, Wave};
    use umec_wire::Span;

    use super::*;

    fn line(effect: Option<Effect>) -> Line {
        let register = |address| SimulatedRegister {
            register: Register::new(Table::Holding, address, RegisterType::U16),
            wave: Wave::Constant { value: 7.0 },
            writable: true,
        };
        let fault = |effect| Fault {
            effect,
            after: 0,
            count: None,
            each: 1,
        };
        Line::new(&[SimulatedUnit {
            unit: 2,
            identity: None,
            registers: vec![register(0), register(1)],
            faults: effect.into_iter().map(fault).collect(),
        }])
    }

    fn asked(effect: Option<Effect>, kind: Kind, unit: u8) -> Reply {
        let pdu = vec![3, 0, 0, 0, 2];
        line(effect).handle(&Frame { kind, unit, pdu }, Duration::ZERO)
    }

    #[test]
    fn each_fault_spoils_the_answer_in_its_way() {
        let tcp = Kind::Tcp { transaction: 9 };
        let right = frame::wrap(Kind::Rtu, 2, &[3, 4, 0, 7, 0, 7]);
        assert_eq!(asked(None, Kind::Rtu, 2), at_once(right.clone()));
        assert_eq!(asked(Some(Effect::Silence), Kind::Rtu, 2), Reply::Nothing);
        assert_eq!(asked(Some(Effect::Drop), tcp, 2), Reply::HangUp);
        assert_eq!(
            asked(Some(Effect::Short), Kind::Rtu, 2),
            at_once(frame::wrap(Kind::Rtu, 2, &[3, 2, 0, 7]))
        );
        assert_eq!(
            asked(Some(Effect::Exception { code: 6 }), tcp, 2),
            at_once(frame::wrap(tcp, 2, &[0x83, 6]))
        );
        assert_eq!(
            asked(Some(Effect::WrongUnit), Kind::Rtu, 2),
            at_once(frame::wrap(Kind::Rtu, 3, &[3, 4, 0, 7, 0, 7]))
        );
        assert_eq!(
            asked(Some(Effect::BadCrc), tcp, 2),
            at_once(frame::wrap(
                Kind::Tcp { transaction: 8 },
                2,
                &[3, 4, 0, 7, 0, 7]
            ))
        );
        let by = Span::from_secs(1);
        assert_eq!(
            asked(Some(Effect::Delay { by }), Kind::Rtu, 2),
            Reply::Answer {
                frame: right,
                delay: by.duration()
            }
        );
    }

    #[test]
    fn a_unit_that_is_not_there_is_silent_on_a_serial_line_and_told_of_by_a_gateway() {
        let tcp = Kind::Tcp { transaction: 9 };
        assert_eq!(asked(None, Kind::Rtu, 5), Reply::Nothing);
        assert_eq!(
            asked(None, tcp, 5),
            at_once(frame::wrap(tcp, 5, &[0x83, 11]))
        );
    }
}
