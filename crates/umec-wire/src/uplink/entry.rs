//! One message of a device on its way up.

use bytes::Bytes;
use minicbor::decode::{Decoder, Error};
use minicbor::encode::{Encoder, Write};

use super::cbor::{self, DecodeError, Encoded};
use crate::message_id::{MessageId, Sequence};
use crate::subject::Target;
use crate::time::Timestamp;
use crate::trace::TraceParent;

/// What a device's message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    /// What the device measures; the body is a SenML pack.
    Readings,
    /// What the windows make of it; the body is a SenML pack.
    Aggregates,
    /// What happened; the body is the event's data, its attributes are headers.
    Events,
    /// How the device is; the body is JSON.
    Status,
}

/// One message of a device, as it was on the node's bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Which message it is.
    pub id: MessageId,
    /// The lowest sequence of this device and boot that may still be sent: whatever is below it and
    /// did not arrive never will. Not above the entry's own.
    pub floor: Sequence,
    /// When it came about, where the body does not tell.
    pub time: Option<Timestamp>,
    /// Which trace it belongs to.
    pub trace: Option<TraceParent>,
    /// The headers that belong to the body.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

// === impl EntryKind ===

impl EntryKind {
    /// All of them, in the order of their numbers on the wire.
    pub const ALL: [Self; 4] = [Self::Readings, Self::Aggregates, Self::Events, Self::Status];

    /// The kind of what is published on a subject; `None` for what does not go up.
    pub const fn of(target: &Target) -> Option<Self> {
        match target {
            Target::Readings => Some(Self::Readings),
            Target::Aggregates => Some(Self::Aggregates),
            Target::Events => Some(Self::Events),
            Target::Status => Some(Self::Status),
            Target::Frames | Target::Command(_) => None,
        }
    }

    /// The last part of the subject.
    pub const fn target(self) -> Target {
        match self {
            Self::Readings => Target::Readings,
            Self::Aggregates => Target::Aggregates,
            Self::Events => Target::Events,
            Self::Status => Target::Status,
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::Readings => 0,
            Self::Aggregates => 1,
            Self::Events => 2,
            Self::Status => 3,
        }
    }
}

// === impl Entry ===

impl Entry {
    /// Writes the entry.
    pub fn encode(&self) -> Vec<u8> {
        cbor::to_bytes(|to| self.write(to))
    }

    /// Reads an entry that is all of `bytes`; its body shares them.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let mut from = Decoder::new(bytes);
        let entry = Self::read(&mut from, bytes)?;
        cbor::end(&from)?;
        Ok(entry)
    }

    fn write<W: Write>(&self, to: &mut Encoder<W>) -> Encoded<W> {
        let MessageId {
            device,
            boot,
            sequence,
        } = &self.id;
        to.array(9)?.u8(self.kind.number())?.str(device.as_str())?;
        to.u64(boot.to_bits())?.u64(sequence.get())?;
        to.u64(sequence.get().saturating_sub(self.floor.get()))?;
        cbor::encode_option(to, self.time.as_ref(), |to, time| {
            to.i64(time.as_micros()).map(drop)
        })?;
        cbor::encode_option(to, self.trace.as_ref(), |to, trace| {
            let bytes = [&trace.trace_id[..], &trace.parent_id, &[trace.flags]].concat();
            to.bytes(&bytes).map(drop)
        })?;
        to.array(2 * self.headers.len() as u64)?;
        for (name, value) in &self.headers {
            to.str(name)?.str(value)?;
        }
        to.bytes(&self.body).map(drop)
    }

    pub(super) fn read(from: &mut Decoder<'_>, whole: &Bytes) -> Result<Self, Error> {
        cbor::array(from, 9)?;
        let number = from.u8()?;
        let kind = EntryKind::ALL.into_iter().find(|k| k.number() == number);
        let kind = kind.ok_or_else(|| Error::message("a kind that is not known"))?;
        let id = MessageId {
            device: cbor::label(from)?,
            boot: cbor::boot(from)?,
            sequence: cbor::sequence(from)?,
        };
        let floor = id.sequence.get().checked_sub(from.u64()?);
        let floor = floor
            .and_then(Sequence::new)
            .ok_or_else(|| Error::message("a floor below the first sequence"))?;
        let time = cbor::option(from, cbor::timestamp)?;
        let trace = cbor::option(from, trace)?;
        let mut words = cbor::list(from, |from| from.str().map(str::to_owned))?.into_iter();
        let mut headers = Vec::with_capacity(words.len() / 2);
        while let Some(name) = words.next() {
            let value = words
                .next()
                .ok_or_else(|| Error::message("a header without a value"))?;
            headers.push((name, value));
        }
        Ok(Self {
            kind,
            id,
            floor,
            time,
            trace,
            headers,
            body: whole.slice_ref(from.bytes()?),
        })
    }
}

fn trace(from: &mut Decoder<'_>) -> Result<TraceParent, Error> {
    let wrong = || Error::message("a trace has 25 bytes");
    let (trace_id, rest) = from.bytes()?.split_first_chunk().ok_or_else(wrong)?;
    let (parent_id, rest) = rest.split_first_chunk().ok_or_else(wrong)?;
    let [flags] = *rest else { return Err(wrong()) };
    Ok(TraceParent {
        trace_id: *trace_id,
        parent_id: *parent_id,
        flags,
    })
}
