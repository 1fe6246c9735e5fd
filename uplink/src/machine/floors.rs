//! Which sequences of each device and boot are not acknowledged yet, and the floors that follow.

use std::collections::{BTreeSet, HashMap};

use umec_sdk::bus::Lane;
use umec_wire::{Boot, DeviceName, MessageId, Sequence};

/// The unacknowledged sequences.
#[derive(Debug, Default)]
pub(super) struct Floors(HashMap<(DeviceName, Boot), BTreeSet<Sequence>>);

/// How far a floor stays behind the truth. The stream keeps a device's messages in order of their
/// sequence; should two ever lie the other way round, this many places do no harm.
const SLACK: u64 = 32;

// === impl Floors ===

impl Floors {
    /// Takes a message that is about to be sent, and says its floor.
    ///
    /// Of what was read ahead nothing is known below: older messages are still in the stream.
    pub(super) fn taken(&mut self, id: &MessageId, lane: Lane) -> Sequence {
        let waiting = self.0.entry((id.device.clone(), id.boot)).or_default();
        waiting.insert(id.sequence);
        if lane == Lane::Ahead {
            return Sequence::FIRST;
        }
        let lowest = waiting.first().map_or(id.sequence, |s| *s);
        Sequence::new(lowest.get().saturating_sub(SLACK)).unwrap_or(Sequence::FIRST)
    }

    /// Takes a message that is acknowledged.
    pub(super) fn acknowledged(&mut self, id: &MessageId) {
        let key = (id.device.clone(), id.boot);
        if let Some(waiting) = self.0.get_mut(&key) {
            waiting.remove(&id.sequence);
            if waiting.is_empty() {
                self.0.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_stays_below_what_is_not_acknowledged() {
        let id = |sequence| MessageId {
            device: DeviceName::new("meter-3").unwrap(),
            boot: Boot::from_bits(1),
            sequence: Sequence::new(sequence).unwrap(),
        };
        let mut floors = Floors::default();
        assert_eq!(floors.taken(&id(5), Lane::Live).get(), 1);
        assert_eq!(floors.taken(&id(100), Lane::Live).get(), 1);
        floors.acknowledged(&id(5));
        assert_eq!(floors.taken(&id(101), Lane::Live).get(), 100 - SLACK);
        floors.acknowledged(&id(100));
        floors.acknowledged(&id(101));
        assert_eq!(floors.taken(&id(500), Lane::Live).get(), 500 - SLACK);
        assert_eq!(floors.taken(&id(900), Lane::Ahead), Sequence::FIRST);
        assert_eq!(floors.taken(&id(600), Lane::Backlog).get(), 500 - SLACK);
    }
}
