//! Which messages of a modem are in Kafka.

use std::time::Duration;

use hashbrown::HashMap;
use umec_wire::uplink::Ranges;
use umec_wire::{Boot, DeviceName, MessageId, Sequence, Timestamp};

/// The messages of one modem that are in Kafka, and those that will never come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(HashMap<DeviceName, HashMap<Boot, Mark>>);

/// The same for one device and boot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// Their sequences.
    pub done: Ranges,
    /// When one was added last.
    pub touched: Timestamp,
}

/// How long the marks of a boot are kept after its last message, when the device has a later one:
/// longer than a node's stream keeps messages that were not sent (7 days unless configured).
const KEPT: Duration = Duration::from_hours(10 * 24);

// === impl Marks ===

impl Marks {
    /// Whether a message is in Kafka, or was given up by the node.
    pub fn contains(&self, id: &MessageId) -> bool {
        let mark = self.0.get(&id.device).and_then(|boots| boots.get(&id.boot));
        mark.is_some_and(|mark| mark.done.contains(id.sequence.get()))
    }

    /// Adds a message.
    pub fn insert(&mut self, now: Timestamp, id: &MessageId) {
        let mark = self.mark(&id.device, id.boot);
        mark.touched = mark.touched.max(now);
        mark.done.insert(id.sequence.get());
    }

    /// Adds everything below `floor`.
    pub fn close_below(&mut self, device: &DeviceName, boot: Boot, floor: Sequence) {
        if floor > Sequence::FIRST {
            self.mark(device, boot).done.close_below(floor.get());
        }
    }

    /// Adds all that `other` has.
    pub fn merge(&mut self, device: &DeviceName, boot: Boot, other: &Mark) {
        let mark = self.mark(device, boot);
        mark.touched = mark.touched.max(other.touched);
        for range in other.done.iter() {
            mark.done.insert_range(range);
        }
    }

    /// Forgets boots that ended long ago.
    pub fn forget(&mut self, now: Timestamp) {
        for boots in self.0.values_mut() {
            let latest = boots.keys().max().copied();
            boots.retain(|boot, mark| {
                Some(*boot) == latest || now.saturating_since(mark.touched) < KEPT
            });
        }
    }

    /// All marks, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&DeviceName, Boot, &Mark)> {
        self.0
            .iter()
            .flat_map(|(device, boots)| boots.iter().map(move |(boot, mark)| (device, *boot, mark)))
    }

    fn mark(&mut self, device: &DeviceName, boot: Boot) -> &mut Mark {
        let boots = self.0.entry_ref(device).or_default();
        boots.entry(boot).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boots_that_ended_long_ago_are_forgotten_and_the_latest_is_not() {
        let id = |boot, sequence| MessageId {
            device: DeviceName::new("meter-3").unwrap(),
            boot: Boot::from_bits(boot),
            sequence: Sequence::new(sequence).unwrap(),
        };
        let mut marks = Marks::default();
        let old = Timestamp::from_millis(0);
        marks.insert(old, &id(1, 7));
        marks.insert(old, &id(2, 7));
        marks.close_below(
            &id(2, 7).device,
            Boot::from_bits(2),
            Sequence::new(6).unwrap(),
        );
        assert!(marks.contains(&id(2, 5)) && !marks.contains(&id(2, 6)));
        marks.forget(old.saturating_add(KEPT));
        assert!(!marks.contains(&id(1, 7)) && marks.contains(&id(2, 7)));
    }
}
