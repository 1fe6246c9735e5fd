//! Which process is started, stopped and waited for, and when: events and `now` in, actions out.
//!
//! Knows no process, file or clock; [`crate::children`] carries the actions out.

use std::time::Duration;

/// A point in time, as the duration since some origin that the caller keeps.
pub type Moment = Duration;

/// Which process, by its place in the list given to [`Supervisor::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartId(pub usize);

/// A place in the order of stopping: the highest rank stops first, rank 0 last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(pub u8);

/// How a process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// What it needs is not there yet.
    Waiting,
    /// It has been started and is not ready yet; why, where it says so.
    Starting(Option<String>),
    /// It does its work.
    Ready,
    /// It did its work before and says that it cannot at the moment.
    Unready(String),
    /// It ended and is started again at this time.
    BackOff {
        /// When.
        until: Moment,
        /// How it ended.
        reason: String,
    },
    /// It has been asked to end.
    Stopping,
    /// It has ended for good.
    Stopped,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// What a process needs is there.
    Released(PartId),
    /// A process could not be started, or ended; how.
    Ended(PartId, String),
    /// A process was asked how it is: ready, or why not.
    Probed(PartId, Result<(), String>),
    /// All of it is to stop; given a second time, at once.
    Stop,
    /// Time went by.
    Tick,
}

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Start a process. It runs until [`Event::Ended`].
    Start(PartId),
    /// Ask a process to end (SIGTERM).
    Terminate(PartId),
    /// End a process (SIGKILL).
    Kill(PartId),
}

/// The first pause before a process is started again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A process that was ready for so long begins again with the first pause.
const CALM: Duration = Duration::from_secs(10);

/// The processes and how they are.
#[derive(Debug)]
pub struct Supervisor {
    parts: Vec<Part>,
    grace: Duration,
    stopping: Option<Stopping>,
}

#[derive(Debug)]
struct Part {
    rank: Rank,
    state: State,
    failures: u32,
    ready_since: Option<Moment>,
    starts: u32,
}

#[derive(Debug)]
struct Stopping {
    rank: Rank,
    kill_at: Moment,
}

// === impl State ===

impl State {
    /// Whether there is a process.
    pub fn is_running(&self) -> bool {
        matches!(
            self,
            Self::Starting(_) | Self::Ready | Self::Unready(_) | Self::Stopping
        )
    }

    /// The state in one word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting(_) => "starting",
            Self::Ready => "ready",
            Self::Unready(_) => "unready",
            Self::BackOff { .. } => "failed",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// Why it is so, where there is more to say.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Starting(reason) => reason.as_deref(),
            Self::Unready(reason) | Self::BackOff { reason, .. } => Some(reason),
            Self::Waiting | Self::Ready | Self::Stopping | Self::Stopped => None,
        }
    }
}

// === impl Supervisor ===

impl Supervisor {
    /// Supervises processes, each with its rank; `grace` is how long one may take to end.
    pub fn new(ranks: impl IntoIterator<Item = Rank>, grace: Duration) -> Self {
        let part = |rank| Part {
            rank,
            state: State::Waiting,
            failures: 0,
            ready_since: None,
            starts: 0,
        };
        Self {
            parts: ranks.into_iter().map(part).collect(),
            grace,
            stopping: None,
        }
    }

    /// How a process is.
    pub fn state(&self, id: PartId) -> &State {
        self.parts
            .get(id.0)
            .map_or(&State::Stopped, |part| &part.state)
    }

    /// How often a process was started after its first time.
    pub fn restarts(&self, id: PartId) -> u32 {
        self.parts
            .get(id.0)
            .map_or(0, |part| part.starts.saturating_sub(1))
    }

    /// All processes.
    pub fn ids(&self) -> impl Iterator<Item = PartId> + use<> {
        (0..self.parts.len()).map(PartId)
    }

    /// Whether everything has ended and will not be started again.
    pub fn is_done(&self) -> bool {
        self.stopping.is_some() && self.parts.iter().all(|p| p.state == State::Stopped)
    }

    /// Whether everything has been told to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// When [`Event::Tick`] has something to do next.
    pub fn next_wake(&self) -> Option<Moment> {
        let restarts = self.parts.iter().filter_map(|part| match part.state {
            State::BackOff { until, .. } => Some(until),
            _ => None,
        });
        restarts
            .chain(self.stopping.as_ref().map(|s| s.kill_at))
            .min()
    }

    /// Takes an event and says what to do.
    pub fn handle(&mut self, event: Event, now: Moment) -> Vec<Action> {
        match event {
            Event::Released(id) => self.start(id, |state| *state == State::Waiting),
            Event::Ended(id, reason) => self.ended(id, reason, now),
            Event::Probed(id, health) => {
                self.probed(id, health, now);
                Vec::new()
            }
            Event::Stop => self.stop(now),
            Event::Tick => self.tick(now),
        }
    }

    fn start(&mut self, id: PartId, may: impl Fn(&State) -> bool) -> Vec<Action> {
        let Some(part) = self.parts.get_mut(id.0) else {
            return Vec::new();
        };
        if self.stopping.is_some() || !may(&part.state) {
            return Vec::new();
        }
        part.state = State::Starting(None);
        part.starts += 1;
        vec![Action::Start(id)]
    }

    fn probed(&mut self, id: PartId, health: Result<(), String>, now: Moment) {
        let Some(part) = self.parts.get_mut(id.0) else {
            return;
        };
        let next = match (&part.state, health) {
            (State::Starting(_) | State::Unready(_), Ok(())) => {
                part.ready_since = Some(now);
                State::Ready
            }
            (State::Ready, Ok(())) => {
                let calm = part
                    .ready_since
                    .is_some_and(|since| now.saturating_sub(since) >= CALM);
                if calm {
                    part.failures = 0;
                }
                return;
            }
            (State::Starting(_), Err(reason)) => State::Starting(Some(reason)),
            (State::Ready | State::Unready(_), Err(reason)) => State::Unready(reason),
            (State::Waiting | State::BackOff { .. } | State::Stopping | State::Stopped, _) => {
                return;
            }
        };
        part.state = next;
    }

    fn ended(&mut self, id: PartId, reason: String, now: Moment) -> Vec<Action> {
        let stopping = self.stopping.is_some();
        let Some(part) = self.parts.get_mut(id.0) else {
            return Vec::new();
        };
        part.ready_since = None;
        if stopping {
            part.state = State::Stopped;
            return self.stop_next_rank(now);
        }
        let pause = FIRST_PAUSE
            .saturating_mul(2_u32.saturating_pow(part.failures))
            .min(LONGEST_PAUSE);
        part.failures += 1;
        part.state = State::BackOff {
            until: now + pause,
            reason,
        };
        Vec::new()
    }

    fn tick(&mut self, now: Moment) -> Vec<Action> {
        let late = self.stopping.as_mut().is_some_and(|s| now >= s.kill_at);
        if late {
            if let Some(stopping) = self.stopping.as_mut() {
                stopping.kill_at = now + self.grace;
            }
            return self.with_running(|part| part.state == State::Stopping, Action::Kill);
        }
        let due = |state: &State| matches!(state, State::BackOff { until, .. } if *until <= now);
        self.ids().flat_map(|id| self.start(id, due)).collect()
    }

    fn stop(&mut self, now: Moment) -> Vec<Action> {
        if self.stopping.is_some() {
            for part in &mut self.parts {
                if part.state.is_running() {
                    part.state = State::Stopping;
                }
            }
            return self.with_running(|_| true, Action::Kill);
        }
        for part in &mut self.parts {
            if !part.state.is_running() {
                part.state = State::Stopped;
            }
        }
        self.stopping = Some(Stopping {
            rank: Rank(u8::MAX),
            kill_at: now + self.grace,
        });
        self.stop_next_rank(now)
    }

    /// Begins with the next rank when nothing runs in the present one or above.
    fn stop_next_rank(&mut self, now: Moment) -> Vec<Action> {
        let running = self.parts.iter().filter(|part| part.state.is_running());
        let Some(highest) = running.map(|part| part.rank).max() else {
            return Vec::new();
        };
        let Some(stopping) = self.stopping.as_mut().filter(|s| highest < s.rank) else {
            return Vec::new();
        };
        stopping.rank = highest;
        stopping.kill_at = now + self.grace;
        for part in &mut self.parts {
            if part.rank == highest && part.state.is_running() {
                part.state = State::Stopping;
            }
        }
        self.with_running(|part| part.rank == highest, Action::Terminate)
    }

    fn with_running(
        &self,
        which: impl Fn(&Part) -> bool,
        action: impl Fn(PartId) -> Action,
    ) -> Vec<Action> {
        let parts = self.parts.iter().enumerate();
        parts
            .filter(|(_, part)| part.state.is_running() && which(part))
            .map(|(index, _)| action(PartId(index)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
