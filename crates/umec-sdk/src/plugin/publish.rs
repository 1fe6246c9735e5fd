//! How a device speaks on the bus: one counter over all that is said about it.

use umec_wire::trace::TraceParent;
use umec_wire::{
    Boot, DeviceName, MessageId, NodeName, Pack, Readings, Sequence, Status, Statuses, Topic,
};

use crate::bus::Outbox;

/// The voice of one device.
#[derive(Debug)]
pub(crate) struct Voice {
    readings: Topic<Readings>,
    statuses: Topic<Statuses>,
    next: MessageId,
    outbox: Outbox,
    /// Filled for each sample and emptied, so that it keeps its room.
    pub(crate) pack: Pack,
}

impl Voice {
    pub(crate) fn new(node: NodeName, device: DeviceName, boot: Boot, outbox: Outbox) -> Self {
        Self {
            readings: Topic::new(node.clone(), device.clone()),
            statuses: Topic::new(node.clone(), device.clone()),
            next: MessageId {
                device: device.clone(),
                boot,
                sequence: Sequence::FIRST,
            },
            outbox,
            pack: Pack {
                node,
                device,
                readings: Vec::new(),
            },
        }
    }

    /// Publishes the readings in the pack, if there are any, and empties it; tells how many there were.
    pub(crate) fn say_readings(&mut self) -> u64 {
        let count = self.pack.readings.len() as u64;
        if count > 0 {
            self.outbox
                .push(&self.readings, &self.next, &self.pack, Some(new_trace()));
            self.next.sequence = self.next.sequence.next();
            self.pack.readings.clear();
        }
        count
    }

    pub(crate) fn say_status(&mut self, status: &Status) {
        self.outbox
            .push(&self.statuses, &self.next, status, Some(new_trace()));
        self.next.sequence = self.next.sequence.next();
    }
}

/// A trace that begins with this sample.
fn new_trace() -> TraceParent {
    TraceParent::begin([rand::random(), rand::random(), rand::random()])
}
