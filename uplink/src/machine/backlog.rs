//! What has piled up and waits beside what is new, and how much of the way it may take.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use umec_sdk::bus::Lane;
use umec_spec::settings::uplink::Backlog as Settings;
use umec_wire::DeviceName;

use super::waiting::Waiting;

/// The backlog that was read, the oldest first.
#[derive(Debug)]
pub(super) struct Backlog {
    /// What may go up, in the order of the stream.
    pub(super) queue: VecDeque<Waiting>,
    held: Held,
    /// How many messages may fill a datagram, as far as is known.
    pub(super) filling: usize,
    /// How old a message is when it belongs here.
    after: Duration,
    /// In percent of what may be on its way.
    share: usize,
    rate: Option<Rate>,
    /// From when on there is nothing to share with.
    alone: Duration,
    /// The place in the stream of each device's newest state that was taken.
    states: HashMap<DeviceName, u64>,
}

/// What was read ahead and got old before it could go up: it waits until what lies before it in the stream has
/// been read.
#[derive(Debug, Default)]
struct Held {
    messages: VecDeque<Waiting>,
    bytes: usize,
    /// How far the stream has been read in order.
    passed: u64,
}

/// How many messages are held. Beyond it they stay among the new, in their order.
const MOST_HELD: usize = 4_096;

/// How many bytes of messages are held.
const MOST_HELD_BYTES: usize = 8 << 20;

/// How long after something new its share of the way is kept free for more: most series have a value a
/// second.
const ALONE: Duration = Duration::from_secs(2);

/// An amount a second that may be saved up for a second.
#[derive(Debug)]
struct Rate {
    bytes: f64,
    /// What may be sent at `at`; below 0 after more was sent.
    left: f64,
    at: Duration,
}

// === impl Backlog ===

impl Backlog {
    pub(super) fn new(settings: &Settings) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a rate below 2^52 bytes a second"
        )]
        let rate = settings.per_second.map(|bytes| Rate {
            bytes: bytes.get() as f64,
            left: bytes.get() as f64,
            at: Duration::ZERO,
        });
        Self {
            queue: VecDeque::new(),
            held: Held::default(),
            filling: 1,
            after: settings.after.duration(),
            share: usize::try_from(settings.share.clamp(1, 100)).unwrap_or(100),
            rate,
            alone: Duration::ZERO,
            states: HashMap::new(),
        }
    }

    /// What stands for the bytes of backlog that are on their way against a window that is shared with
    /// what is new: nothing for none, so that some backlog always gets through.
    pub(super) fn weighed(&self, bytes: usize) -> usize {
        bytes.saturating_mul(100).div_ceil(self.share)
    }

    /// Takes note that something new went out.
    pub(super) fn went_out(&mut self, now: Duration) {
        self.alone = now + ALONE;
    }

    /// From when on nothing new is there to share with.
    pub(super) const fn alone(&self) -> Duration {
        self.alone
    }

    /// Whether the rate allows another batch.
    pub(super) fn may_send(&mut self, now: Duration) -> bool {
        self.rate.as_mut().is_none_or(|rate| {
            rate.fill(now);
            rate.left > 0.0
        })
    }

    /// Takes note of what was sent for the first time.
    pub(super) fn sent(&mut self, bytes: usize) {
        if let Some(rate) = &mut self.rate {
            #[expect(clippy::cast_precision_loss, reason = "a datagram or a few")]
            let bytes = bytes as f64;
            rate.left -= bytes;
        }
    }

    /// When the rate allows another batch; `None` where nothing waits for it.
    pub(super) fn wake(&self) -> Option<Duration> {
        let rate = self.rate.as_ref().filter(|_| !self.queue.is_empty())?;
        let missing = (-rate.left).max(0.0) / rate.bytes;
        // A little more than nothing must be left.
        Some(rate.at + Duration::from_secs_f64(missing) + Duration::from_millis(1))
    }

    /// Takes over what has waited among the new for so long that it is new no more. States stay: a
    /// later one may wait for them.
    pub(super) fn take_old(&mut self, now: Duration, queue: &mut VecDeque<Waiting>) {
        let is_old = |message: &Waiting| self.is_old(now, message);
        let may_go = |first: &Waiting| is_old(first) && !self.held.has_no_room_for(first);
        if !queue.front().is_some_and(may_go) {
            return;
        }
        let old = queue.iter().take_while(|message| is_old(message)).count();
        let rest = queue.split_off(old);
        let (states, old): (VecDeque<_>, VecDeque<_>) = std::mem::replace(queue, rest)
            .into_iter()
            .partition(Waiting::is_state);
        let mut left = VecDeque::new();
        for message in old {
            if self.held.has_no_room_for(&message) {
                left.push_back(message);
            } else if let Some(message) = self.held.hold(message) {
                self.push(message);
            }
        }
        for message in left.into_iter().rev() {
            queue.push_front(message);
        }
        for state in states.into_iter().rev() {
            queue.push_front(state);
        }
    }

    /// Takes a message to where it belongs in the order of the stream.
    pub(super) fn push(&mut self, message: Waiting) {
        insert(&mut self.queue, message);
    }

    /// Takes note of how far the stream has been read in order, and lets go of what was held until then.
    pub(super) fn passed(&mut self, position: u64) {
        self.held.passed = self.held.passed.max(position);
        while let Some(message) = self.held.release() {
            self.push(message);
        }
    }

    /// How many messages are held.
    pub(super) fn held(&self) -> usize {
        self.held.messages.len()
    }

    /// Their bytes.
    pub(super) const fn held_bytes(&self) -> usize {
        self.held.bytes
    }

    /// All that waits here.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Waiting> {
        self.queue.iter().chain(&self.held.messages)
    }

    /// Whether a message has waited for so long that it is new no more.
    pub(super) fn is_old(&self, now: Duration, message: &Waiting) -> bool {
        message.since + self.after <= now
    }

    /// Takes note of a device's state at a place of the stream; says whether it is the newest so far.
    pub(super) fn is_newest(&mut self, device: &DeviceName, position: u64) -> bool {
        let newest = self.states.entry(device.clone()).or_default();
        let is_newest = position >= *newest;
        *newest = position.max(*newest);
        is_newest
    }
}

// === impl Held ===

impl Held {
    /// Holds a message that was read ahead of what has not been read yet; gives back any other.
    fn hold(&mut self, message: Waiting) -> Option<Waiting> {
        if !self.belongs(&message) {
            return Some(message);
        }
        self.bytes += message.bytes;
        insert(&mut self.messages, message);
        None
    }

    /// Whether a message was read ahead of what has not been read yet.
    fn belongs(&self, message: &Waiting) -> bool {
        message.lane == Lane::Ahead && message.position > self.passed
    }

    /// Whether it should be held and cannot be.
    fn has_no_room_for(&self, message: &Waiting) -> bool {
        let is_full = self.messages.len() >= MOST_HELD || self.bytes >= MOST_HELD_BYTES;
        is_full && self.belongs(message)
    }

    /// The first message, where all before it has been read.
    fn release(&mut self) -> Option<Waiting> {
        let passed = self.passed;
        let first = self
            .messages
            .pop_front_if(|first| first.position <= passed)?;
        self.bytes -= first.bytes;
        Some(first)
    }
}

/// Most often the last place is the right one.
fn insert(queue: &mut VecDeque<Waiting>, message: Waiting) {
    let place = queue
        .back()
        .filter(|last| last.position > message.position)
        .map(|_| queue.partition_point(|other| other.position < message.position));
    match place {
        None => queue.push_back(message),
        Some(place) => queue.insert(place, message),
    }
}

// === impl Rate ===

impl Rate {
    fn fill(&mut self, now: Duration) {
        let more = now.saturating_sub(self.at).as_secs_f64() * self.bytes;
        self.left = (self.left + more).min(self.bytes);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use umec_spec::resource::Bytes;
    use umec_wire::uplink::{Content, Entry, Layout, LayoutNumber};
    use umec_wire::{Boot, MessageId, Sequence};

    use super::*;

    fn backlog(share: u32, per_second: Option<u64>) -> Backlog {
        Backlog::new(&Settings {
            share,
            per_second: per_second.map(Bytes::new),
            ..Settings::default()
        })
    }

    #[test]
    fn a_share_of_the_way_is_never_nothing() {
        let half = backlog(50, None);
        assert_eq!([0, 1, 8].map(|n| half.weighed(n)), [0, 2, 16]);
        assert_eq!(backlog(1, None).weighed(0), 0);
        assert_eq!(backlog(100, None).weighed(7), 7);
    }

    #[test]
    fn a_rate_is_kept_over_any_time_and_saves_up_no_more_than_a_second() {
        let mut backlog = backlog(50, Some(1_000));
        let mut sent = 0;
        for step in 0..100_000 {
            let now = Duration::from_mins(1) + Duration::from_millis(step);
            if backlog.may_send(now) {
                backlog.sent(237);
                sent += 237;
            }
        }
        assert!((100_000..=101_500).contains(&sent), "{sent}");
    }

    #[test]
    fn an_older_state_is_not_the_newest() {
        let mut backlog = backlog(50, None);
        let device = DeviceName::new("meter-3").unwrap();
        assert!(backlog.is_newest(&device, 9));
        assert!(!backlog.is_newest(&device, 5));
        assert!(backlog.is_newest(&device, 12));
    }

    fn waiting(position: u64, lane: Lane) -> Waiting {
        let entry = Entry {
            id: MessageId {
                device: DeviceName::new("meter-3").unwrap(),
                boot: Boot::from_bits(1),
                sequence: Sequence::FIRST,
            },
            floor: Sequence::FIRST,
            trace: None,
            content: Content::Readings(Vec::new()),
        };
        let layout = (LayoutNumber(1), Arc::new(Layout::of(&entry)));
        Waiting::new(Duration::ZERO, position, lane, entry, layout)
    }

    #[test]
    fn what_was_read_ahead_and_got_old_goes_up_after_what_lies_before_it() {
        let mut backlog = backlog(50, None);
        let order = |backlog: &Backlog| -> Vec<u64> {
            backlog
                .queue
                .iter()
                .map(|message| message.position)
                .collect()
        };
        backlog.passed(5);
        backlog.push(waiting(5, Lane::Backlog));
        let ahead = [(4, Lane::Live), (40, Lane::Ahead), (41, Lane::Ahead)];
        let mut queue = ahead.map(|(at, lane)| waiting(at, lane)).into();
        backlog.take_old(Duration::from_hours(1), &mut queue);
        assert_eq!((order(&backlog), backlog.held()), (vec![4, 5], 2));
        assert!(backlog.held_bytes() > 0 && backlog.messages().count() == 4);
        backlog.passed(40);
        assert_eq!((order(&backlog), backlog.held()), (vec![4, 5, 40], 1));
        backlog.passed(41);
        assert_eq!((order(&backlog), backlog.held()), (vec![4, 5, 40, 41], 0));
        assert_eq!(backlog.held_bytes(), 0);
    }

    #[test]
    fn memory_for_what_is_held_has_a_bound() {
        let mut backlog = backlog(50, None);
        let ahead = (1..=6_000).map(|position| waiting(position, Lane::Ahead));
        let mut queue: VecDeque<Waiting> = ahead.collect();
        backlog.take_old(Duration::from_hours(1), &mut queue);
        assert_eq!((backlog.held(), backlog.queue.len()), (MOST_HELD, 0));
        let left = queue.iter().map(|message| message.position);
        assert!(left.eq(4_097..=6_000));
    }
}
