//! The plugin's link: the devices of one line, read and written through it.

mod read;
mod write;

use std::time::{Duration, Instant};

use tokio_modbus::prelude::{ReadCode, ReadDeviceIdentificationResponse};
use tokio_modbus::{Request, Response};
use umec_sdk::plugin::Samples;
use umec_sdk::{Fault, Link, Plugin};
use umec_spec::settings::modbus::Modbus;
use umec_spec::settings::plugin::LinkSettings;
use umec_wire::Value;
use umec_wire::status::Identity;

use crate::device::Device;
use crate::fault;
use crate::line::{AskError, Line, Shape};

/// Modbus as a kind of device.
#[derive(Debug)]
pub enum ModbusPlugin {}

/// An open line and the devices on it.
#[derive(Debug)]
pub struct ModbusLink {
    line: Line,
    devices: Vec<Device>,
}

/// A line is dead when each of its devices gave nothing so many times in a row.
const DEAD: u32 = 2;

/// How long opening a line may go on searching for somebody who answers.
const SEARCH: Duration = Duration::from_secs(3);

impl Plugin for ModbusPlugin {
    type Protocol = Modbus;
    type Link = ModbusLink;

    async fn open(settings: &LinkSettings<Modbus>) -> Result<ModbusLink, Fault> {
        let line = Line::open(&settings.link).await;
        let line = line.map_err(|error| fault::fault(&error, 0, "", &settings.link.transport))?;
        let devices = settings.devices.iter().map(Device::new).collect();
        let mut opened = ModbusLink { line, devices };
        opened.find_somebody().await?;
        Ok(opened)
    }
}

impl Link<Modbus> for ModbusLink {
    async fn read(&mut self, device: usize, due: &[usize]) -> Result<Samples, Fault> {
        let read = self.read_due(device, due).await;
        self.note(device, read.as_ref().err());
        match read {
            Err(Fault::Device(_)) if self.is_dead() => {
                Err(fault::nobody(self.devices.len(), self.line.transport()))
            }
            read => read,
        }
    }

    async fn write(
        &mut self,
        device: usize,
        metric: usize,
        value: &Value,
    ) -> Result<Option<Value>, Fault> {
        self.write_once(device, metric, value).await
    }

    /// Each exchange has its own deadline; this is for all that one call may need.
    fn deadline(&self, device: usize) -> Option<Duration> {
        let device = self.devices.get(device)?;
        let exchange = device.patience + self.line.longest_frame();
        let exchanges = u32::try_from(device.metrics.len()).unwrap_or(u32::MAX);
        Some(exchange.saturating_mul(exchanges.saturating_mul(2).saturating_add(8)))
    }

    async fn identify(&mut self, device: usize) -> Result<Identity, Fault> {
        let Some(Device { unit, patience, .. }) = self.devices.get(device) else {
            return Ok(Identity::default());
        };
        let (unit, patience) = (*unit, *patience);
        let request = Request::ReadDeviceIdentification(ReadCode::Basic, 0);
        match self
            .line
            .ask(unit, request, Shape::IDENTITY, patience)
            .await
        {
            Ok(Response::ReadDeviceIdentification(objects)) => Ok(identity(&objects)),
            Err(error @ (AskError::Open(_) | AskError::Broken(_))) => {
                Err(self.fault(&error, unit, "its identification"))
            }
            // Many devices do not know the question; some answer it with silence.
            _ => Ok(Identity::default()),
        }
    }
}

impl ModbusLink {
    /// On a serial line trusts nobody at first, since an answer to a process that is gone may still be on its way,
    /// and makes sure that somebody answers.
    async fn find_somebody(&mut self) -> Result<(), Fault> {
        if !self.line.is_serial() {
            return Ok(());
        }
        let mut known = Vec::new();
        for device in &mut self.devices {
            let (request, shapes) = device.known();
            self.line.doubt(device.unit, shapes);
            known.extend(request.map(|request| (device.unit, request, device.patience)));
        }
        let begin = Instant::now();
        for (unit, request, patience) in &known {
            if begin.elapsed() > SEARCH {
                // The reads go on with the search; opening must come to an end.
                return Ok(());
            }
            match self.line.settle(*unit, request, *patience).await {
                Ok(()) => return Ok(()),
                Err(error @ (AskError::Open(_) | AskError::Broken(_))) => {
                    return Err(self.fault(&error, *unit, &fault::asked(request)));
                }
                Err(_) => {}
            }
        }
        if known.is_empty() {
            return Ok(());
        }
        Err(fault::nobody(known.len(), self.line.transport()))
    }

    /// Counts how often a device gave nothing in a row.
    fn note(&mut self, device: usize, fault: Option<&Fault>) {
        if let Some(device) = self.devices.get_mut(device) {
            device.failures = match fault {
                Some(Fault::Device(_)) => device.failures.saturating_add(1),
                Some(Fault::Link(_)) => device.failures,
                Some(Fault::Refused(_)) | None => 0,
            };
        }
    }

    /// Whether nobody on the wire answers any more.
    fn is_dead(&self) -> bool {
        self.line.is_serial() && self.devices.iter().all(|device| device.failures >= DEAD)
    }

    fn fault(&self, error: &AskError, unit: u8, asked: &str) -> Fault {
        fault::fault(error, unit, asked, self.line.transport())
    }
}

/// The first three objects are the basic ones (Modbus Application Protocol V1.1b3 section 6.21).
fn identity(objects: &ReadDeviceIdentificationResponse) -> Identity {
    let text = |id: u8| {
        let object = objects
            .device_id_objects
            .iter()
            .find(|object| object.id == id)?;
        let text = String::from_utf8_lossy(&object.value);
        let text = text.trim_matches(['\0', ' ']);
        (!text.is_empty()).then(|| text.to_owned())
    };
    Identity {
        manufacturer: text(0),
        model: text(1),
        revision: text(2),
        serial: None,
    }
}
