//! Runs the processes of a node until it is told to stop: carries the supervisor's actions out, and keeps
//! the picture that is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use nix::sys::signal::Signal;
use tokio::time::Instant;
use umec_sdk::Node;
use umec_spec::plan::NodePlan;
use umec_wire::NodeName;

use super::figures::Figures;
use super::inquiry::{Answer, Heard, Inquiries};
use super::mend::Mending;
use super::service::{Service, Site};
use super::show::Show;
use super::signals::Signals;
use crate::addresses::Addresses;
use crate::children::{Children, Launch, last_words};
use crate::failure::Failure;
use crate::overview::Phase;
use crate::picture::{Picture, Served};
use crate::shown::Body;
use crate::state::{StateFolder, write_private, write_shared};
use crate::supervisor::{Action, Event, PartId, Supervisor};

/// How often everything is looked at while processes start.
const QUICK: Duration = Duration::from_millis(50);
/// How often everything is looked at, and shown.
const CALM: Duration = Duration::from_millis(500);
/// How long what was asked in a beat may take to be answered before all of it is shown.
const ANSWERS: Duration = Duration::from_millis(40);

/// What is to run, and where.
#[derive(Debug)]
pub(super) struct Mission {
    /// The state folder, taken.
    pub(super) folder: StateFolder,
    /// The node.
    pub(super) node: NodeName,
    /// Its plan.
    pub(super) plan: NodePlan,
    /// The processes, and the program of each.
    pub(super) services: Vec<(Service, PathBuf)>,
    /// Where the edge API is to be served, where that was said.
    pub(super) http: Option<SocketAddr>,
    /// The broker that was named; `None` for one in the gateway's memory.
    pub(super) kafka: Option<String>,
    /// This command as it has to be typed to speak of this node.
    pub(super) command: String,
    /// The files and folders of resources.
    pub(super) sources: Vec<PathBuf>,
}

/// A node that runs.
pub(super) struct Running {
    pub(super) mission: Mission,
    pub(super) addresses: Addresses,
    pub(super) supervisor: Supervisor,
    pub(super) children: Children,
    pub(super) picture: Picture,
    pub(super) figures: Figures,
    pub(super) phase: Phase,
    pub(super) began: Instant,
    pub(super) me: Node,
    pub(super) started: umec_wire::Timestamp,
    pub(super) links: BTreeSet<PathBuf>,
    pub(super) inquiries: Inquiries,
    /// When each process was last asked how it is; absent while an answer is on its way.
    pub(super) asked: BTreeMap<PartId, Asked>,
    pub(super) measured: Instant,
    pub(super) mending: Mending,
    /// When everything is looked at the next time.
    beat: Instant,
    /// When everything is shown, where something has been asked since the last time.
    draw: Option<Instant>,
    pub(super) stream: Stream,
    pub(super) feed: Option<BoxStream<'static, Heard>>,
    pub(super) report: Vec<u8>,
}

/// Whether a process has been asked how it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The answer is on its way.
    Waiting,
    /// It was answered then.
    Answered(Instant),
}

/// Whether the stream is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stream {
    /// The bus is not there yet.
    Unasked,
    /// The bus has been asked.
    Asked,
    /// It is there, with this last message of earlier runs.
    There(u64),
}

/// What the loop waits for.
enum Next {
    Signal,
    Ended(PartId, String),
    Answer(Answer),
    Heard(Heard),
    Beat,
    Draw,
}

// === impl Running ===

impl Running {
    /// Everything is ready to start.
    pub(super) fn new(mission: Mission) -> Self {
        let ranks = mission.services.iter().map(|(service, _)| service.rank);
        let me = Node::start(mission.node.clone());
        let grace = super::service::GRACE.duration();
        Self {
            addresses: Addresses::load(&mission.folder.layout),
            // A process is killed a little after it should have left by itself.
            supervisor: Supervisor::new(ranks, grace + grace / 2),
            children: Children::default(),
            picture: Picture::default(),
            figures: Figures::default(),
            phase: Phase::Starting,
            began: Instant::now(),
            started: me.clock.now(),
            me,
            links: BTreeSet::new(),
            inquiries: Inquiries::default(),
            asked: BTreeMap::new(),
            measured: Instant::now(),
            mending: Mending::default(),
            beat: Instant::now(),
            draw: None,
            stream: Stream::Unasked,
            feed: None,
            report: Vec::new(),
            mission,
        }
    }

    /// Runs until everything has been stopped.
    pub(super) async fn run(mut self, mut show: Show) -> Result<(), Failure> {
        let mut signals = Signals::new()?;
        self.look();
        show.show(&self.overview());
        while !self.supervisor.is_done() {
            match self.next(&mut signals).await {
                Next::Signal => {
                    self.phase = Phase::Stopping;
                    self.step(Event::Stop);
                }
                Next::Ended(id, how) => self.ended(id, how),
                // What is heard and answered is shown soon after the next beat: there may be much of it.
                Next::Answer(answer) => {
                    self.answered(answer);
                    continue;
                }
                Next::Heard(heard) => {
                    self.hear(heard);
                    continue;
                }
                Next::Beat => {
                    self.step(Event::Tick);
                    self.look();
                    self.beat = Instant::now() + self.pause();
                    self.draw = Some(Instant::now() + ANSWERS);
                    continue;
                }
                Next::Draw => self.draw = None,
            }
            show.show(&self.overview());
        }
        self.farewell();
        Ok(())
    }

    /// The pause between two beats.
    fn pause(&self) -> Duration {
        match self.phase {
            Phase::Running => CALM,
            Phase::Starting | Phase::Stopping => QUICK,
        }
    }

    async fn next(&mut self, signals: &mut Signals) -> Next {
        let wake = self.supervisor.next_wake().map(|at| self.began + at);
        let wake = wake.map_or(self.beat, |at| at.min(self.beat));
        let draw = self.draw.unwrap_or(wake + CALM);
        // Every arm is cancel safe: what is not taken this time is there the next time.
        tokio::select! {
            () = signals.next() => Next::Signal,
            (id, how) = self.children.ended() => Next::Ended(id, how),
            () = tokio::time::sleep_until(draw) => Next::Draw,
            () = tokio::time::sleep_until(wake) => Next::Beat,
            answer = self.inquiries.next() => Next::Answer(answer),
            Some(heard) = next_of(&mut self.feed) => Next::Heard(heard),
        }
    }

    /// Takes an event, and does what follows from it.
    pub(super) fn step(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.supervisor.handle(event, self.began.elapsed()) {
                match action {
                    Action::Start(id) => {
                        if let Err(reason) = self.start(id) {
                            events.push(Event::Ended(id, reason));
                        }
                    }
                    Action::Terminate(id) => self.children.signal(id, Signal::SIGTERM),
                    Action::Kill(id) => self.children.signal(id, Signal::SIGKILL),
                }
            }
        }
        self.remember();
    }

    fn start(&mut self, id: PartId) -> Result<(), String> {
        let Some((service, program)) = self.mission.services.get(id.0) else {
            return Err("there is no such process".to_owned());
        };
        let layout = &self.mission.folder.layout;
        let config = layout.config(&service.name, service.extension());
        let text = service
            .configure(&self.site())
            .map_err(|error| umec_sdk::chain(&error))?;
        write_private(&config, text.as_bytes())
            .map_err(|error| format!("{}: {error}", config.display()))?;
        let files = service.faces(layout).into_iter().map(|(_, file)| file);
        for file in files.chain(service.links(layout)) {
            // What an earlier run has left would be taken for this one's; most often nothing is there.
            std::fs::remove_file(file).unwrap_or_default();
        }
        let launch = Launch {
            program: program.clone(),
            arguments: Service::arguments(&config),
            log: layout.log(&service.name),
        };
        let name = service.name.clone();
        self.addresses.forget(&name);
        self.asked.remove(&id);
        let started = self.children.start(id, &launch);
        started.map(drop).map_err(|error| error.to_string())
    }

    fn ended(&mut self, id: PartId, how: String) {
        let Some((service, _)) = self.mission.services.get(id.0) else {
            return;
        };
        let log = self.mission.folder.layout.log(&service.name);
        let reason = match last_words(&log) {
            Some(words) => format!("{how}: {words}"),
            None => how,
        };
        self.step(Event::Ended(id, reason));
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Devices(devices) => {
                for device in &devices {
                    self.picture.device(device);
                }
            }
            Heard::Document(document) => match document.body {
                Body::Readings(readings) => self.picture.readings(Served {
                    place: document.place,
                    id: document.id,
                    readings,
                }),
                Body::Status(status) => {
                    self.picture.status(document.place, &document.id, &status);
                }
                Body::Other => {}
            },
        }
    }

    pub(super) fn site(&self) -> Site<'_> {
        Site {
            layout: &self.mission.folder.layout,
            node: &self.mission.node,
            plan: &self.mission.plan,
            addresses: &self.addresses,
            links: &self.links,
            http: self.mission.http,
        }
    }

    /// Writes down which processes run, for a later `umec up` that finds them without this one.
    fn remember(&self) {
        let running = self.children.identities();
        let text = serde_json::to_vec(&running).unwrap_or_default();
        // Without the list nothing is swept later; the children still end together with this process.
        write_shared(&self.mission.folder.layout.processes(), &text).unwrap_or_default();
    }

    /// Leaves nothing behind that holds only while this runs.
    fn farewell(&self) {
        let layout = &self.mission.folder.layout;
        for file in [layout.status(), layout.processes()] {
            std::fs::remove_file(file).unwrap_or_default();
        }
    }
}

/// The next of a stream that may not be there yet; waits for ever where it is not. Cancel safe.
async fn next_of<T>(stream: &mut Option<BoxStream<'static, T>>) -> Option<T> {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}
