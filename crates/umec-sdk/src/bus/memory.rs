//! The bus in memory: a stream with positions and known ids, durable positions, commands.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use umec_spec::settings::stream::StreamSettings;
use umec_wire::subject::Subject;
use umec_wire::{DeviceName, Label, NodeName, Timestamp};

use super::cursor::Kept;
use super::message::{Outgoing, Raw};
use super::{Ack, AskError, BusState, Filter, Start, StreamBounds};
use crate::clock::Clock;

/// A broker. A clone is the same one.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stream: Mutex<Stream>,
    /// The position of the newest message: followers wait for it to grow.
    last: watch::Sender<u64>,
    state: watch::Sender<BusState>,
    clock: Clock,
}

#[derive(Debug)]
struct Stream {
    messages: VecDeque<(Subject, Raw)>,
    /// The position of the next message.
    next: u64,
    bytes: u64,
    most_bytes: u64,
    longest: Duration,
    ids: HashMap<String, (u64, Timestamp)>,
    ids_by_age: VecDeque<(Timestamp, String)>,
    window: Duration,
    positions: BTreeMap<Label, u64>,
    kept: BTreeMap<Label, Kept>,
    commands: HashMap<(NodeName, DeviceName), mpsc::Sender<Request>>,
}

/// A command that waits for its answer.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) subject: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: bytes::Bytes,
    pub(crate) answer: oneshot::Sender<bytes::Bytes>,
}

/// How many commands wait for one device; further ones are answered by nobody.
const COMMANDS: usize = 16;

// === impl Memory ===

impl Memory {
    pub(crate) fn new(clock: Clock) -> Self {
        let stream = Stream {
            messages: VecDeque::new(),
            next: 1,
            bytes: 0,
            most_bytes: u64::MAX,
            longest: Duration::MAX,
            ids: HashMap::new(),
            ids_by_age: VecDeque::new(),
            window: Duration::from_mins(2),
            positions: BTreeMap::new(),
            kept: BTreeMap::new(),
            commands: HashMap::new(),
        };
        Self {
            shared: Arc::new(Shared {
                stream: Mutex::new(stream),
                last: watch::Sender::new(0),
                state: watch::Sender::new(BusState::Connected),
                clock,
            }),
        }
    }

    pub(crate) fn state(&self) -> watch::Receiver<BusState> {
        self.shared.state.subscribe()
    }

    pub(crate) fn set_state(&self, state: BusState) {
        self.shared.state.send_replace(state);
    }

    /// Tells when a message has come or the state has changed.
    pub(crate) fn news(&self) -> (watch::Receiver<u64>, watch::Receiver<BusState>) {
        (self.shared.last.subscribe(), self.shared.state.subscribe())
    }

    pub(crate) fn publish(&self, outgoing: &Outgoing) -> Result<Ack, AskError> {
        let mut stream = self.reach()?;
        let no_stream = || AskError::NoStream {
            subject: outgoing.subject.clone(),
        };
        let subject: Subject = outgoing.subject.parse().map_err(|_| no_stream())?;
        if !subject.target.is_kept() {
            return Err(no_stream());
        }
        let now = self.shared.clock.now();
        let ack = stream.store(subject, outgoing, now);
        drop(stream);
        self.shared.last.send_replace(ack.sequence);
        Ok(ack)
    }

    pub(crate) fn bounds(&self) -> Result<StreamBounds, AskError> {
        let stream = self.reach()?;
        let time = |message: Option<&(Subject, Raw)>| {
            message.map_or_else(Timestamp::default, |(_, raw)| raw.stored_at)
        };
        Ok(StreamBounds {
            first_sequence: stream.first(),
            first_time: time(stream.messages.front()),
            last_sequence: stream.next - 1,
            last_time: time(stream.messages.back()),
        })
    }

    pub(crate) fn ensure_stream(&self, settings: &StreamSettings) -> Result<(), AskError> {
        let mut stream = self.reach()?;
        stream.most_bytes = settings.bytes;
        stream.longest = settings.age.duration();
        stream.window = settings.duplicates.duration();
        let now = self.shared.clock.now();
        stream.trim(now);
        Ok(())
    }

    /// The positions of the messages that a follow begins with, and the position after which all follow.
    pub(crate) fn begin(&self, start: Start, filter: &Filter) -> (VecDeque<u64>, u64) {
        let stream = self.stream();
        let from = match start {
            Start::First => 0,
            Start::Sequence(sequence) => sequence.saturating_sub(1),
            Start::New | Start::LastPerSubject => stream.next - 1,
            Start::Time(time) => {
                let older = stream
                    .messages
                    .iter()
                    .take_while(|(_, raw)| raw.stored_at < time);
                stream.first() - 1 + older.count() as u64
            }
        };
        let mut last = BTreeMap::new();
        if start == Start::LastPerSubject {
            for (subject, raw) in &stream.messages {
                if filter.matches(&subject.device, &subject.target) {
                    last.insert(subject, raw.sequence);
                }
            }
        }
        let mut last: Vec<u64> = last.into_values().collect();
        last.sort_unstable();
        (last.into(), from)
    }

    /// The message at a position, while it is held.
    pub(crate) fn at(&self, sequence: u64) -> Option<Raw> {
        let stream = self.stream();
        let index = usize::try_from(sequence.checked_sub(stream.first())?).ok()?;
        stream.messages.get(index).map(|(_, raw)| raw.clone())
    }

    /// The first message after a position that a filter takes; otherwise the last position looked at.
    pub(crate) fn after(&self, sequence: u64, filter: &Filter) -> Result<Raw, u64> {
        let stream = self.stream();
        let known = sequence.saturating_add(1).saturating_sub(stream.first());
        let index = usize::try_from(known).unwrap_or(usize::MAX);
        let found = stream
            .messages
            .iter()
            .skip(index)
            .find(|(subject, _)| filter.matches(&subject.device, &subject.target));
        found.map(|(_, raw)| raw.clone()).ok_or(stream.next - 1)
    }

    /// The position of the newest message that a filter takes; 0 where there is none.
    pub(crate) fn newest(&self, filter: &Filter) -> u64 {
        let stream = self.stream();
        let mut newest_first = stream.messages.iter().rev();
        newest_first
            .find(|(subject, _)| filter.matches(&subject.device, &subject.target))
            .map_or(0, |(_, raw)| raw.sequence)
    }

    /// The acknowledged position of a name; a new one begins with what the stream holds.
    pub(crate) fn position(&self, name: &Label) -> u64 {
        let mut stream = self.stream();
        let begin = stream.first() - 1;
        *stream.positions.entry(name.clone()).or_insert(begin)
    }

    pub(crate) fn set_position(&self, name: &Label, sequence: u64) {
        self.stream().positions.insert(name.clone(), sequence);
    }

    /// What is kept with the position of a name.
    pub(crate) fn kept(&self, name: &Label) -> Kept {
        self.stream().kept.get(name).cloned().unwrap_or_default()
    }

    pub(crate) fn keep(&self, name: &Label, kept: &Kept) {
        self.stream().kept.insert(name.clone(), kept.clone());
    }

    pub(crate) fn listen(&self, node: &NodeName, device: &DeviceName) -> mpsc::Receiver<Request> {
        let (sender, receiver) = mpsc::channel(COMMANDS);
        let listeners = &mut self.stream().commands;
        listeners.insert((node.clone(), device.clone()), sender);
        receiver
    }

    /// Hands a command to whoever listens; gives it back where nobody does.
    pub(crate) fn request(
        &self,
        node: &NodeName,
        device: &DeviceName,
        request: Request,
    ) -> Result<(), AskError> {
        let stream = self.reach()?;
        let subject = request.subject.clone();
        let listener = stream.commands.get(&(node.clone(), device.clone()));
        listener
            .and_then(|listener| listener.try_send(request).ok())
            .ok_or(AskError::NoStream { subject })
    }

    fn stream(&self) -> MutexGuard<'_, Stream> {
        let stream = self.shared.stream.lock();
        stream.unwrap_or_else(PoisonError::into_inner)
    }

    fn reach(&self) -> Result<MutexGuard<'_, Stream>, AskError> {
        match &*self.shared.state.borrow() {
            BusState::Connected => Ok(self.stream()),
            BusState::Away(reason) => Err(AskError::Away(reason.clone())),
        }
    }
}

// === impl Stream ===

impl Stream {
    fn first(&self) -> u64 {
        self.messages
            .front()
            .map_or(self.next, |(_, raw)| raw.sequence)
    }

    fn store(&mut self, subject: Subject, outgoing: &Outgoing, now: Timestamp) -> Ack {
        self.trim(now);
        let id = outgoing.id();
        if let Some((sequence, _)) = self.ids.get(id) {
            return Ack {
                sequence: *sequence,
                duplicate: true,
            };
        }
        let sequence = self.next;
        self.next += 1;
        self.ids.insert(id.to_owned(), (sequence, now));
        self.ids_by_age.push_back((now, id.to_owned()));
        let headers = outgoing.headers.iter();
        let raw = Raw {
            sequence,
            stored_at: now,
            subject: outgoing.subject.clone(),
            headers: headers.map(|(n, v)| ((*n).to_owned(), v.clone())).collect(),
            body: outgoing.body.clone(),
        };
        self.bytes += size(&raw);
        self.messages.push_back((subject, raw));
        self.trim(now);
        Ack {
            sequence,
            duplicate: false,
        }
    }

    /// Forgets what is too old or too much.
    fn trim(&mut self, now: Timestamp) {
        while let Some((_, raw)) = self.messages.front()
            && (self.bytes > self.most_bytes || now.saturating_since(raw.stored_at) > self.longest)
        {
            self.bytes -= size(raw);
            self.messages.pop_front();
        }
        while let Some((stored, id)) = self.ids_by_age.front()
            && now.saturating_since(*stored) > self.window
        {
            self.ids.remove(id);
            self.ids_by_age.pop_front();
        }
    }
}

fn size(raw: &Raw) -> u64 {
    (raw.subject.len() + raw.body.len()) as u64
}
