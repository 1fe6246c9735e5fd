//! Layouts: what all messages of a kind of a device have in common, said once.

use bytes::Bytes;

use super::BatchError;
use super::bytes::{Reader, put_number};
use crate::label::DeviceName;
use crate::message_id::Boot;
use crate::reading::{Reading, Series, Value};
use crate::unit::Unit;
use crate::uplink::entry::{Entry, EntryKind};

/// The number of a layout, from 1. In one run of the uplink it stands for the same layout for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayoutNumber(pub u32);

/// What messages of one device have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Layout {
    /// What the messages are.
    pub kind: EntryKind,
    /// The device.
    pub device: DeviceName,
    /// The run of the device's publisher.
    pub boot: Boot,
    /// What is read together, in its order; empty unless the kind is readings or aggregates.
    pub fields: Vec<Field>,
}

/// What one reading of a sample always says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// What it belongs to.
    pub series: Series,
    /// Its unit.
    pub unit: Option<Unit>,
    /// Of which type its value is.
    pub value: ValueType,
}

/// The types of values (RFC 8428 section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// A number.
    Number,
    /// A boolean.
    Boolean,
    /// A text.
    Text,
    /// Bytes.
    Opaque,
}

/// A unit that is the same as the field's before.
const SAME_UNIT: u8 = 63;

// === impl Layout ===

impl Layout {
    /// The layout of a message. Readings that repeat in the same order, as the samples of a burst do,
    /// are told once.
    pub fn of(entry: &Entry) -> Self {
        let fields = entry.content.readings().unwrap_or_default();
        let period = period(fields);
        Self {
            kind: entry.content.kind(),
            device: entry.id.device.clone(),
            boot: entry.id.boot,
            fields: fields.iter().take(period).map(Field::of).collect(),
        }
    }

    /// Whether a message is of this layout.
    pub fn fits(&self, entry: &Entry) -> bool {
        let is_same = self.kind == entry.content.kind()
            && self.boot == entry.id.boot
            && self.device == entry.id.device;
        is_same
            && match entry.content.readings() {
                None => true,
                Some(readings) if self.fields.is_empty() => readings.is_empty(),
                Some(readings) => {
                    !readings.is_empty()
                        && readings.len().is_multiple_of(self.fields.len())
                        && readings
                            .iter()
                            .zip(self.fields.iter().cycle())
                            .all(|(reading, field)| field.fits(reading))
                }
            }
    }

    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        to.push(self.kind.number());
        put_text(to, self.device.as_str());
        to.extend_from_slice(&self.boot.to_bits().to_be_bytes());
        put_number(to, self.fields.len() as u64);
        let mut before = (String::new(), None);
        for field in &self.fields {
            let name = field.series.to_string();
            let pairs = before.0.bytes().zip(name.bytes());
            let shared = pairs.take_while(|(one, other)| one == other).count();
            to.push(u8::try_from(shared).unwrap_or(0));
            put_text(to, name.get(shared..).unwrap_or_default());
            let unit = field.unit.map_or("", Unit::as_str);
            let is_same = field.unit.is_some() && field.unit == before.1;
            let length = if is_same {
                SAME_UNIT
            } else {
                u8::try_from(unit.len()).unwrap_or(0)
            };
            to.push(field.value.number() | length << 2);
            if !is_same {
                to.extend_from_slice(unit.as_bytes());
            }
            before = (name, field.unit);
        }
    }

    pub(super) fn decode(from: &mut Reader) -> Result<Self, BatchError> {
        const WHAT: &str = "the layout";
        let kind = from.byte(WHAT)?;
        let kind = EntryKind::from_number(kind).ok_or(BatchError::Wrong("the kind of a layout"))?;
        let device = take_text(from, "the device of a layout")?;
        let device = std::str::from_utf8(&device).ok();
        let device = device.and_then(|text| DeviceName::new(text).ok());
        let device = device.ok_or(BatchError::Wrong("the device of a layout"))?;
        let boot = Boot::from_bits(u64::from_be_bytes(from.array(WHAT)?));
        let mut fields: Vec<Field> = Vec::new();
        let mut name = Vec::new();
        for _ in 0..from.count(WHAT)? {
            let unit = fields.last().and_then(|field| field.unit);
            fields.push(read_field(from, &mut name, unit)?);
        }
        if !kind.has_readings() && !fields.is_empty() {
            return Err(BatchError::Wrong("the fields of a layout without readings"));
        }
        Ok(Self {
            kind,
            device,
            boot,
            fields,
        })
    }
}

/// After how many readings they repeat.
fn period(readings: &[Reading]) -> usize {
    let same = |one: &Reading, other: &Reading| {
        one.series == other.series
            && one.unit == other.unit
            && ValueType::of(&one.value) == ValueType::of(&other.value)
    };
    let Some((first, rest)) = readings.split_first() else {
        return 0;
    };
    let period = rest.iter().position(|reading| same(first, reading));
    let period = period.map_or(readings.len(), |place| place + 1);
    let later = readings.iter().skip(period);
    let repeats = readings.len().is_multiple_of(period)
        && readings
            .iter()
            .zip(later)
            .all(|(one, other)| same(one, other));
    if repeats { period } else { readings.len() }
}

fn put_text(to: &mut Vec<u8>, text: &str) {
    put_number(to, text.len() as u64);
    to.extend_from_slice(text.as_bytes());
}

fn take_text(from: &mut Reader, what: &'static str) -> Result<Bytes, BatchError> {
    let length = from.count(what)?;
    from.take(length, what)
}

/// Reads a field; `name` is the one before and becomes its own.
fn read_field(
    from: &mut Reader,
    name: &mut Vec<u8>,
    before: Option<Unit>,
) -> Result<Field, BatchError> {
    const NAME: &str = "the name of a field";
    const UNIT: &str = "the unit of a field";
    name.truncate(usize::from(from.byte(NAME)?));
    name.extend_from_slice(&take_text(from, NAME)?);
    let series = std::str::from_utf8(name).ok();
    let series = series.and_then(|text| text.parse().ok());
    let series = series.ok_or(BatchError::Wrong(NAME))?;
    let head = from.byte(UNIT)?;
    let unit = match head >> 2 {
        0 => None,
        SAME_UNIT => Some(before.ok_or(BatchError::Wrong(UNIT))?),
        length => {
            let symbol = from.take(usize::from(length), UNIT)?;
            let unit = std::str::from_utf8(&symbol).ok();
            let unit = unit.and_then(|symbol| symbol.parse().ok());
            Some(unit.ok_or(BatchError::Wrong(UNIT))?)
        }
    };
    Ok(Field {
        series,
        unit,
        value: ValueType::from_number(head & 3),
    })
}

// === impl Field ===

impl Field {
    fn of(reading: &Reading) -> Self {
        Self {
            series: reading.series.clone(),
            unit: reading.unit,
            value: ValueType::of(&reading.value),
        }
    }

    fn fits(&self, reading: &Reading) -> bool {
        self.value == ValueType::of(&reading.value)
            && self.unit == reading.unit
            && self.series == reading.series
    }
}

// === impl ValueType ===

impl ValueType {
    /// The type of a value.
    pub const fn of(value: &Value) -> Self {
        match value {
            Value::Number(_) => Self::Number,
            Value::Boolean(_) => Self::Boolean,
            Value::Text(_) => Self::Text,
            Value::Opaque(_) => Self::Opaque,
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::Number => 0,
            Self::Boolean => 1,
            Self::Text => 2,
            Self::Opaque => 3,
        }
    }

    const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Number,
            1 => Self::Boolean,
            2 => Self::Text,
            _ => Self::Opaque,
        }
    }
}
