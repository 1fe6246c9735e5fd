//! One simulated unit: its registers, and its answer to a request. Bytes and a time in, bytes out.

use std::collections::BTreeMap;
use std::time::Duration;

use umec_spec::settings::modbus::{Register, RegisterType, Table};
use umec_spec::settings::modbus_line::{SimulatedRegister, SimulatedUnit, Wave};

use crate::pdu::{Exception, Request};
use crate::{pdu, raw, wave};

/// A unit and what was written to it.
#[derive(Debug)]
pub(crate) struct Unit {
    identity: Option<[String; 3]>,
    cells: Vec<Cell>,
    /// For each address of a table the cells that lie there, and which of their words.
    places: BTreeMap<(Table, u16), Vec<(usize, usize)>>,
}

/// A value in its registers.
#[derive(Debug)]
struct Cell {
    register: Register,
    wave: Wave,
    writable: bool,
    /// What was written, or what never changes.
    words: Option<Vec<u16>>,
    /// Where a follower was, and when.
    followed: (f64, Duration),
}

// === impl Unit ===

impl Unit {
    pub(crate) fn new(settings: &SimulatedUnit) -> Self {
        let cells: Vec<Cell> = settings.registers.iter().map(Cell::new).collect();
        let mut places = BTreeMap::<_, Vec<_>>::new();
        for (number, cell) in cells.iter().enumerate() {
            let register = &cell.register;
            for word in 0..register.width() {
                if let Some(address) = register.address.checked_add(word) {
                    let place = (register.table, address);
                    places
                        .entry(place)
                        .or_default()
                        .push((number, usize::from(word)));
                }
            }
        }
        Self {
            identity: settings.identity.clone(),
            cells,
            places,
        }
    }

    /// The answer to a request, a value or an exception.
    pub(crate) fn answer(&mut self, request: &[u8], now: Duration) -> Vec<u8> {
        let function = request.first().copied().unwrap_or_default();
        pdu::decode(request)
            .and_then(|request| self.act(request, now))
            .unwrap_or_else(|exception| pdu::exception(function, exception))
    }

    fn act(&mut self, request: Request<'_>, now: Duration) -> Result<Vec<u8>, Exception> {
        self.follow(now);
        match request {
            Request::Read {
                function,
                table,
                address,
                count,
            } => {
                let words = self.read(table, address, count, now)?;
                Ok(pdu::read(function, table, &words))
            }
            Request::Write {
                table,
                address,
                words,
                echo,
            } => {
                self.write(table, address, &words, now)?;
                Ok(echo.to_vec())
            }
            Request::Identify => {
                let identity = self.identity.as_ref().ok_or(Exception::IllegalFunction)?;
                Ok(pdu::identity(identity))
            }
        }
    }

    /// What the table shows at these addresses; bits are 0 or 1.
    pub(crate) fn read(
        &self,
        table: Table,
        address: u16,
        count: u16,
        now: Duration,
    ) -> Result<Vec<u16>, Exception> {
        let last = address
            .checked_add(count - 1)
            .ok_or(Exception::IllegalAddress)?;
        let mut shown = Vec::with_capacity(count.into());
        let mut latest = None;
        for (_, cells) in self.places.range((table, address)..=(table, last)) {
            let mut word = 0;
            for (number, offset) in cells {
                let cell = self.cells.get(*number).ok_or(Exception::DeviceFailure)?;
                if latest.as_ref().is_none_or(|(known, _)| known != number) {
                    latest = Some((*number, cell.show(now)));
                }
                let words = latest.as_ref().map(|(_, words)| words.as_slice());
                let part = words.and_then(|words| words.get(*offset)).copied();
                word |= part.unwrap_or_default() << cell.shift();
            }
            shown.push(word);
        }
        if shown.len() == usize::from(count) {
            Ok(shown)
        } else {
            Err(Exception::IllegalAddress)
        }
    }

    /// Writes all of it or nothing.
    fn write(
        &mut self,
        table: Table,
        address: u16,
        words: &[u16],
        now: Duration,
    ) -> Result<(), Exception> {
        let mut parts = Vec::new();
        for (step, word) in words.iter().enumerate() {
            let step = u16::try_from(step).map_err(|_| Exception::IllegalValue)?;
            let place = address.checked_add(step).ok_or(Exception::IllegalAddress)?;
            let cells = self
                .places
                .get(&(table, place))
                .ok_or(Exception::IllegalAddress)?;
            parts.extend(
                cells
                    .iter()
                    .map(|(number, offset)| (*number, *offset, *word)),
            );
        }
        let writable = |number: &usize| self.cells.get(*number).is_some_and(|cell| cell.writable);
        if !parts.iter().all(|(number, ..)| writable(number)) {
            return Err(Exception::IllegalAddress);
        }
        for (number, offset, word) in parts {
            if let Some(cell) = self.cells.get_mut(number) {
                let mut shown = cell.show(now);
                if let Some(part) = shown.get_mut(offset) {
                    *part = if cell.register.kind == RegisterType::Bit {
                        word >> cell.shift() & 1
                    } else {
                        word
                    };
                }
                cell.words = Some(shown);
            }
        }
        Ok(())
    }

    /// Lets the followers go on from where they were: what they follow was constant since.
    fn follow(&mut self, now: Duration) {
        for number in 0..self.cells.len() {
            let Some(Cell {
                wave:
                    Wave::Follow {
                        setpoint,
                        switch,
                        rest,
                        time,
                    },
                followed,
                ..
            }) = self.cells.get(number)
            else {
                continue;
            };
            let (value, since) = *followed;
            let switched_on = self
                .number_at(Table::Coil, *switch, now)
                .is_some_and(|on| on >= 0.5);
            let target = if switched_on {
                self.number_at(Table::Holding, *setpoint, now)
            } else {
                None
            };
            let target = target.unwrap_or(*rest);
            let value = wave::approach(value, target, now.saturating_sub(since), *time);
            if let Some(cell) = self.cells.get_mut(number) {
                cell.followed = (value, now);
            }
        }
    }

    fn number_at(&self, table: Table, address: u16, now: Duration) -> Option<f64> {
        let (number, _) = self.places.get(&(table, address))?.first()?;
        let cell = self.cells.get(*number)?;
        Some(raw::to_number(&cell.register, &cell.show(now)))
    }
}

// === impl Cell ===

impl Cell {
    fn new(settings: &SimulatedRegister) -> Self {
        let register = settings.register.clone();
        let words = match &settings.wave {
            Wave::Text { text } => Some(raw::from_text(&register, text)),
            Wave::Constant { value } => Some(raw::from_number(&register, *value)),
            _ => None,
        };
        let rest = match settings.wave {
            Wave::Follow { rest, .. } => rest,
            _ => 0.0,
        };
        Self {
            register,
            wave: settings.wave.clone(),
            writable: settings.writable && settings.register.table.is_writable(),
            words,
            followed: (rest, Duration::ZERO),
        }
    }

    fn show(&self, now: Duration) -> Vec<u16> {
        if let Some(words) = &self.words {
            return words.clone();
        }
        let value = wave::value(&self.wave, now).unwrap_or(self.followed.0);
        raw::from_number(&self.register, value)
    }

    /// Where a single bit lies in its register.
    fn shift(&self) -> u32 {
        match self.register.bit {
            Some(bit) if !self.register.table.holds_bits() => u32::from(bit.min(15)),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests;
