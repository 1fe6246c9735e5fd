//! W3C Trace Context: the header `traceparent`.

use std::fmt;
use std::str::FromStr;

/// The header's name (W3C Trace Context section 3.2).
pub const HEADER: &str = "traceparent";

/// One in so many traces that begin at a device is recorded: on a metered link the 25 bytes of a trace
/// would cost more than ten readings.
pub const SAMPLED: u64 = 1_024;

/// Which trace a message belongs to, and which span it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace; not all zero.
    pub trace_id: [u8; 16],
    /// The span that sent the message; not all zero.
    pub parent_id: [u8; 8],
    /// Flags; bit 0 means that the trace is recorded.
    pub flags: u8,
}

/// Says that a text is not a `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not 00-<32 hex>-<16 hex>-<2 hex> (W3C Trace Context section 3.2.2)")]
pub struct TraceParentError(String);

// === impl TraceParent ===

impl TraceParent {
    /// Begins a trace with three numbers drawn at random. One in [`SAMPLED`] is recorded, decided by
    /// the trace's id as OpenTelemetry's `TraceIdRatioBased` does: whoever sees the trace decides the
    /// same.
    pub fn begin(drawn: [u64; 3]) -> Self {
        // An id that is all zero is none.
        let [high, low, parent] = drawn;
        let mut trace_id = [0; 16];
        let (left, right) = trace_id.split_at_mut(8);
        left.copy_from_slice(&(high | 1).to_be_bytes());
        right.copy_from_slice(&low.to_be_bytes());
        Self {
            trace_id,
            parent_id: (parent | 1).to_be_bytes(),
            flags: u8::from(low >> 1 < (1 << 63) / SAMPLED),
        }
    }

    /// Whether whoever began the trace records it (W3C Trace Context section 3.2.2.5).
    pub const fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = data_encoding::HEXLOWER;
        write!(
            f,
            "00-{}-{}-{:02x}",
            hex.encode(&self.trace_id),
            hex.encode(&self.parent_id),
            self.flags
        )
    }
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        parse(text).ok_or_else(|| TraceParentError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<TraceParent> {
    let hex = data_encoding::HEXLOWER;
    let mut parts = text.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if version != "00" || parts.next().is_some() {
        return None;
    }
    let trace_id: [u8; 16] = hex.decode(trace.as_bytes()).ok()?.try_into().ok()?;
    let parent_id: [u8; 8] = hex.decode(parent.as_bytes()).ok()?.try_into().ok()?;
    let [flags]: [u8; 1] = hex.decode(flags.as_bytes()).ok()?.try_into().ok()?;
    let known = trace_id != [0; 16] && parent_id != [0; 8];
    known.then_some(TraceParent {
        trace_id,
        parent_id,
        flags,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_read_as_it_is_written() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(text.parse::<TraceParent>().unwrap().to_string(), text);
    }

    #[test]
    fn one_in_1024_traces_is_recorded_as_its_id_says() {
        let step = u64::MAX / 4_096;
        let begun = (0..4_096_u64).map(|place| TraceParent::begin([0, place * step + step / 2, 0]));
        let sampled: Vec<_> = begun.filter(TraceParent::is_sampled).collect();
        assert_eq!(sampled.len(), 4);
        for trace in sampled {
            assert_eq!(trace.to_string().parse(), Ok(trace));
        }
    }

    #[test]
    fn a_trace_of_zeros_or_of_another_shape_is_refused() {
        for text in [
            "",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert!(text.parse::<TraceParent>().is_err(), "{text}");
        }
    }
}
