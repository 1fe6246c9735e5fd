//! A queue in lanes, one message of each in flight; bounded, the oldest goes first. Pure.

use std::collections::{HashMap, VecDeque};

use umec_wire::DeviceName;

/// The lanes of an outbox.
#[derive(Debug)]
pub(crate) struct Lanes<T> {
    by_device: HashMap<DeviceName, usize>,
    all: Vec<Lane<T>>,
    /// The lanes that have something to send and nothing in flight.
    ready: VecDeque<usize>,
    /// The number of the next entry, by which the oldest is found.
    next: u64,
    queued: usize,
    in_flight: usize,
    bytes: usize,
    most: usize,
    most_bytes: usize,
    closed: bool,
}

#[derive(Debug)]
struct Lane<T> {
    queue: VecDeque<Entry<T>>,
    busy: bool,
}

#[derive(Debug)]
struct Entry<T> {
    number: u64,
    bytes: usize,
    item: T,
}

// === impl Lanes ===

impl<T> Lanes<T> {
    pub(crate) fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            by_device: HashMap::new(),
            all: Vec::new(),
            ready: VecDeque::new(),
            next: 0,
            queued: 0,
            in_flight: 0,
            bytes: 0,
            most,
            most_bytes,
            closed: false,
        }
    }

    /// Appends an item to a device's lane and tells how many old ones had to go.
    pub(crate) fn push(&mut self, device: &DeviceName, item: T, bytes: usize) -> usize {
        let index = self.lane(device);
        let number = self.next;
        self.next += 1;
        self.queued += 1;
        self.bytes += bytes;
        if let Some(lane) = self.all.get_mut(index) {
            lane.queue.push_back(Entry {
                number,
                bytes,
                item,
            });
            if !lane.busy && lane.queue.len() == 1 {
                self.ready.push_back(index);
            }
        }
        let mut dropped = 0;
        while (self.queued > self.most || self.bytes > self.most_bytes) && self.drop_oldest() {
            dropped += 1;
        }
        dropped
    }

    /// The next item to send; its lane rests until [`Lanes::settle`].
    pub(crate) fn take(&mut self) -> Option<(usize, T)> {
        while let Some(index) = self.ready.pop_front() {
            let Some(lane) = self.all.get_mut(index) else {
                continue;
            };
            // A lane whose only entry was dropped stays in the list until its turn.
            if let Some(entry) = lane.queue.pop_front() {
                lane.busy = true;
                self.queued -= 1;
                self.in_flight += 1;
                self.bytes -= entry.bytes;
                return Some((index, entry.item));
            }
        }
        None
    }

    /// Says that a lane's item in flight has arrived.
    pub(crate) fn settle(&mut self, index: usize) {
        self.in_flight -= 1;
        if let Some(lane) = self.all.get_mut(index) {
            lane.busy = false;
            if !lane.queue.is_empty() {
                self.ready.push_back(index);
            }
        }
    }

    /// How many items there are, those in flight included.
    pub(crate) const fn len(&self) -> usize {
        self.queued + self.in_flight
    }

    /// Says that nothing more will come.
    pub(crate) const fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    fn lane(&mut self, device: &DeviceName) -> usize {
        if let Some(index) = self.by_device.get(device) {
            return *index;
        }
        let index = self.all.len();
        self.by_device.insert(device.clone(), index);
        self.all.push(Lane {
            queue: VecDeque::new(),
            busy: false,
        });
        index
    }

    /// Drops the oldest item that is not in flight.
    fn drop_oldest(&mut self) -> bool {
        let waiting = self.all.iter_mut().filter(|lane| !lane.queue.is_empty());
        let oldest = waiting.min_by_key(|lane| lane.queue.front().map(|entry| entry.number));
        let Some(entry) = oldest.and_then(|lane| lane.queue.pop_front()) else {
            return false;
        };
        self.queued -= 1;
        self.bytes -= entry.bytes;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DeviceName {
        DeviceName::new(text).unwrap()
    }

    #[test]
    fn a_device_has_one_item_in_flight_and_keeps_its_order() {
        let mut lanes = Lanes::new(10, 1_000);
        for item in 1..=3 {
            lanes.push(&name("a"), item, 1);
        }
        lanes.push(&name("b"), 9, 1);
        let (a, item) = lanes.take().unwrap();
        assert_eq!(item, 1);
        let (b, item) = lanes.take().unwrap();
        assert_eq!(item, 9);
        assert_eq!(lanes.take(), None);
        lanes.settle(a);
        assert_eq!(lanes.take(), Some((a, 2)));
        lanes.settle(b);
        assert_eq!(lanes.take(), None);
        assert_eq!(lanes.len(), 2);
    }

    #[test]
    fn the_oldest_of_all_lanes_is_dropped_when_the_queue_is_full() {
        let mut lanes = Lanes::new(2, 1_000);
        assert_eq!(lanes.push(&name("a"), 1, 1), 0);
        assert_eq!(lanes.push(&name("b"), 2, 1), 0);
        assert_eq!(lanes.push(&name("b"), 3, 1), 1);
        assert_eq!(lanes.take().map(|(_, item)| item), Some(2));
        assert_eq!(lanes.take(), None);
    }

    #[test]
    fn the_queue_is_bounded_by_bytes_too() {
        let mut lanes = Lanes::new(100, 100);
        lanes.push(&name("a"), 1, 60);
        assert_eq!(lanes.push(&name("a"), 2, 60), 1);
        assert_eq!(lanes.push(&name("a"), 3, 1_000), 2);
        assert_eq!((lanes.len(), lanes.take()), (0, None));
        assert_eq!(lanes.push(&name("a"), 4, 10), 0);
        assert_eq!(lanes.take().map(|(_, item)| item), Some(4));
    }
}
