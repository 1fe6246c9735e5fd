//! Writing one value, once. Whether a device that does not answer has done it is not known, and it is not asked again.

use std::borrow::Cow;

use tokio_modbus::{Request, Response};
use umec_sdk::Fault;
use umec_spec::settings::modbus::Table;
use umec_wire::Value;
use umec_wire::status::Reason;

use super::ModbusLink;
use crate::line::{AskError, Shape, Shown};
use crate::register::{Codec, Unwritable};

impl ModbusLink {
    pub(super) async fn write_once(
        &mut self,
        device: usize,
        metric: usize,
        value: &Value,
    ) -> Result<Option<Value>, Fault> {
        let Some(device) = self.devices.get(device) else {
            return Err(nowhere());
        };
        let Some(metric) = device.metrics.get(metric) else {
            return Err(nowhere());
        };
        let (unit, patience) = (device.unit, device.patience);
        let request = metric.request(0);
        let asked = format!("{request} ({})", metric.name);
        let (table, address, codec) =
            (metric.register.table, request.address, metric.codec.clone());
        let to_fault = |link: &Self, error: &AskError| link.fault(error, unit, &asked);
        let refuse = |error: &Unwritable| Fault::Refused(Reason::from(error));
        // Encoding comes first, so that what cannot be written never reaches the line.
        let bit = match table {
            Table::Coil => Some(Codec::encode_bit(value).map_err(|error| refuse(&error))?),
            Table::Holding => None,
            Table::Discrete | Table::Input => return Err(read_only(table)),
        };
        if bit.is_none() {
            codec.encode(value, 0).map_err(|error| refuse(&error))?;
        }
        if let Err(error) = self.line.settle(unit, &request, patience).await {
            return Err(to_fault(self, &error));
        }
        let mut before = 0;
        if codec.is_part_of_a_register() && bit.is_none() {
            let shown = self.line.read(unit, &request, patience).await;
            let shown = shown.map_err(|error| to_fault(self, &error))?;
            if let Shown::Words(words) = shown {
                before = words.first().copied().unwrap_or_default();
            }
        }
        let words = match bit {
            Some(_) => Vec::new(),
            None => codec
                .encode(value, before)
                .map_err(|error| refuse(&error))?,
        };
        let (order, echo) = written(address, bit, &words);
        let shape = Shape::echo(order.function_code());
        match self.line.ask(unit, order, shape, patience).await {
            Ok(answer) if answer == echo => {}
            Ok(_) => return Err(to_fault(self, &AskError::Foreign)),
            Err(error) => return Err(to_fault(self, &error)),
        }
        let Ok(shown) = self.line.read(unit, &request, patience).await else {
            return Ok(None);
        };
        Ok(match shown {
            Shown::Bits(bits) => bits.first().map(|bit| Codec::decode_bit(*bit)),
            Shown::Words(words) => codec.decode(&words).ok(),
        })
    }
}

/// The request that writes, and the echo that confirms it.
fn written(address: u16, bit: Option<bool>, words: &[u16]) -> (Request<'_>, Response) {
    match (bit, words) {
        (Some(bit), _) => (
            Request::WriteSingleCoil(address, bit),
            Response::WriteSingleCoil(address, bit),
        ),
        (None, [word]) => (
            Request::WriteSingleRegister(address, *word),
            Response::WriteSingleRegister(address, *word),
        ),
        (None, words) => (
            Request::WriteMultipleRegisters(address, Cow::Borrowed(words)),
            Response::WriteMultipleRegisters(
                address,
                u16::try_from(words.len()).unwrap_or(u16::MAX),
            ),
        ),
    }
}

fn nowhere() -> Fault {
    Fault::Refused(Reason::new("not-known", "there is no such metric"))
}

fn read_only(table: Table) -> Fault {
    let text = format!("the table {table} cannot be written");
    Fault::Refused(Reason::new("not-writable", text))
}
