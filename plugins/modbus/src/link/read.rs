//! Reading what is due: request by request, and around the registers that a device refuses.

use tokio_modbus::ExceptionCode;
use umec_sdk::Fault;
use umec_sdk::plugin::Samples;
use umec_spec::modbus_plan::ReadRequest;
use umec_wire::status::Reason;

use super::ModbusLink;
use crate::device::Device;
use crate::fault::{self, Meaning};
use crate::line::AskError;

impl ModbusLink {
    /// Reads what is due. A device that answers some of it is not down: the rest gets reasons.
    pub(super) async fn read_due(
        &mut self,
        device: usize,
        due: &[usize],
    ) -> Result<Samples, Fault> {
        let mut samples = Samples::with_capacity(due.len());
        let Some((unit, plan)) = self.devices.get_mut(device).map(|d| (d.unit, d.plan(due))) else {
            return Ok(samples);
        };
        for request in plan.iter() {
            let error = match self.read_request(device, request, &mut samples).await {
                Ok(()) => continue,
                Err(error) => error,
            };
            let fault = self.fault(&error, unit, &fault::asked(request));
            if samples.is_empty() || matches!(fault, Fault::Link(_)) {
                return Err(fault);
            }
            let left = due
                .iter()
                .filter(|number| !samples.iter().any(|(known, _)| known == *number));
            let left: Samples = left
                .map(|number| (*number, Err(fault.reason().clone())))
                .collect();
            samples.extend(left);
            break;
        }
        samples.sort_unstable_by_key(|(number, _)| *number);
        Ok(samples)
    }

    /// Reads one request, in smaller and smaller parts where the device refuses it.
    async fn read_request(
        &mut self,
        device: usize,
        request: &ReadRequest,
        samples: &mut Samples,
    ) -> Result<(), AskError> {
        let Some(Device { unit, patience, .. }) = self.devices.get(device) else {
            return Ok(());
        };
        let (unit, patience) = (*unit, *patience);
        self.line.settle(unit, request, patience).await?;
        let mut parts = vec![request.clone()];
        let mut cuts = Vec::new();
        let mut found_one = false;
        while let Some(part) = parts.pop() {
            let shown = self.line.read(unit, &part, patience).await;
            let Some(device) = self.devices.get_mut(device) else {
                return Ok(());
            };
            match shown {
                Ok(shown) => device.decode(&part, &shown, samples),
                Err(AskError::Exception(code)) => {
                    let meaning = fault::meaning(code);
                    if meaning == Meaning::Unreachable {
                        return Err(AskError::Exception(code));
                    }
                    let is_lone = part.registers.len() == 1;
                    let halves = match meaning {
                        Meaning::Addresses if !is_lone || parts.len() + cuts.len() > 0 => {
                            device.divide(&part)
                        }
                        _ => None,
                    };
                    if let Some((left, right, cut)) = halves {
                        cuts.push(cut);
                        parts.extend([right, left]);
                    } else {
                        found_one |= is_lone;
                        device.refused(&part, code, samples);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        if found_one && let Some(device) = self.devices.get_mut(device) {
            device.heal(request.table, &cuts);
        }
        Ok(())
    }
}

impl Device {
    /// Gives each register of a request the reason why it is refused.
    fn refused(&self, request: &ReadRequest, code: ExceptionCode, samples: &mut Samples) {
        for number in &request.registers {
            let reason = fault::exception(code);
            let reason = self.metrics.get(*number).map_or_else(
                || Reason::new("exception", "no such register"),
                |metric| metric.at(reason.clone()),
            );
            samples.push((*number, Err(reason)));
        }
    }
}
