//! What is looked at in each beat: addresses that processes have written, whether what others wait for is
//! there, how processes are, and how far messages have got.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde::Deserialize;
use tokio::time::Instant;
use umec_spec::plan::{OPERATOR, Settings};
use umec_spec::settings::{BusSettings, stream::StreamSettings};

use super::figures::Source;
use super::inquiry::{Answer, heard};
use super::roster::foreign;
use super::run::{Asked, Running, Stream};
use super::service::{
    ADMIN, CLIENT, ConfigureError, EDGE_API, HTTP, MONITOR, NATS, Role, Service, credentials,
};
use crate::addresses::{self, Face, News};
use crate::http::EdgeApi;
use crate::overview::Phase;
use crate::state::write_private;
use crate::supervisor::{Event, PartId, State};

/// How long after an answer a process is asked again how it is.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// The same while it starts.
const ASK_SOON: Duration = Duration::from_millis(50);
/// How long everything may take to become ready before a node counts as running all the same.
const SETTLE: Duration = Duration::from_secs(10);
/// How often processes are asked for their metrics.
const MEASURE: Duration = Duration::from_millis(400);

/// The file that nats-server writes with `ports_file_dir`.
#[derive(Debug, Deserialize)]
struct Ports {
    nats: Vec<String>,
    #[serde(default)]
    monitoring: Vec<String>,
}

impl Running {
    /// Looks at everything once.
    pub(super) fn look(&mut self) {
        self.learn();
        self.reach_bus();
        self.listen();
        self.release();
        self.ask();
        self.measure();
        if self.phase == Phase::Starting && self.has_started() {
            self.phase = Phase::Running;
        }
        self.tell();
    }

    /// Whether the start is over: everything is ready, or has said why not for long enough.
    fn has_started(&self) -> bool {
        let settled = self.began.elapsed() >= SETTLE;
        let started = |state: &State| match state {
            State::Ready => true,
            State::Unready(_) | State::Starting(Some(_)) => settled,
            _ => false,
        };
        let mut states = self.supervisor.ids().map(|id| self.supervisor.state(id));
        states.all(started)
    }

    /// Takes an answer.
    pub(super) fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Health(id, health) => {
                self.asked.insert(id, Asked::Answered(Instant::now()));
                let health = self.mend(id, health);
                self.step(Event::Probed(id, health));
            }
            Answer::Figures(id, text) => {
                let source = self.mission.services.get(id.0);
                let source = source.map_or(Source::Other, |(service, _)| source_of(service));
                if let Some(text) = text {
                    self.figures.take(id, source, &text);
                }
                if let Some(floor) = self.figures.acknowledged() {
                    self.picture.acknowledged(floor);
                }
            }
            Answer::Stream(Ok(last)) => self.stream = Stream::There(last),
            // The bus was lost again in between: it is asked anew in the next beat.
            Answer::Stream(Err(_)) => self.stream = Stream::Unasked,
        }
    }

    /// Reads the addresses that running processes have written.
    fn learn(&mut self) {
        let layout = self.mission.folder.layout.clone();
        let mut found = Vec::new();
        for id in self.supervisor.ids() {
            let Some((service, _)) = self.mission.services.get(id.0) else {
                continue;
            };
            if !self.supervisor.state(id).is_running() {
                continue;
            }
            for (face, file) in service.faces(&layout) {
                found.extend(addresses::read(&file).map(|address| (face, address)));
            }
            let there = |link: &std::path::PathBuf| fs::symlink_metadata(link).is_ok();
            self.links
                .extend(service.links(&layout).into_iter().filter(there));
            let pid = self.children.identity(id).map(|identity| identity.pid);
            if let (Role::Nats, Some(pid)) = (&service.role, pid) {
                found.extend(nats_faces(&layout.run(), pid));
            }
        }
        let news = found.into_iter();
        let news: Vec<News> = news
            .map(|(face, address)| self.addresses.learn(face, address))
            .filter(|news| *news != News::Known)
            .collect();
        for news in &news {
            if let News::Moved(before) = news {
                self.restart_readers_of(*before);
            }
        }
        if !news.is_empty() {
            self.tell_foreign();
            // Kept ports are a convenience for the next run.
            self.addresses.save(&layout).unwrap_or_default();
        }
    }

    /// Writes the configurations of plugins that their owners start, as far as what they need is there.
    fn tell_foreign(&self) {
        let layout = &self.mission.folder.layout;
        for service in foreign(&self.mission.plan) {
            if let Ok(text) = service.configure(&self.site()) {
                let config = layout.config(&service.name, service.extension());
                // Its owner sees that there is none; what this node runs itself is not hurt.
                write_private(&config, text.as_bytes()).unwrap_or_default();
            }
        }
    }

    /// Lets processes start anew that were told an address at which nothing is served any more.
    fn restart_readers_of(&mut self, before: SocketAddr) {
        for id in self.supervisor.ids() {
            let Some((service, _)) = self.mission.services.get(id.0) else {
                continue;
            };
            let layout = &self.mission.folder.layout;
            let config = layout.config(&service.name, service.extension());
            let told = fs::read_to_string(config).unwrap_or_default();
            let is_reader = matches!(service.role, Role::Planned(_));
            if is_reader && told.contains(&before.to_string()) {
                self.children.signal(id, Signal::SIGTERM);
            }
        }
    }

    /// Connects to the bus once it is there, and sees to it that the stream is.
    fn reach_bus(&mut self) {
        if self.stream != Stream::Unasked {
            return;
        }
        let Some(address) = self.addresses.of(&Face::new(NATS, CLIENT)) else {
            return;
        };
        let Some(user) = self.mission.plan.bus.user(OPERATOR) else {
            return;
        };
        let settings = BusSettings {
            url: format!("nats://{address}"),
            credentials: credentials(&self.mission.folder.layout, OPERATOR),
            inbox: user.inbox.clone(),
            outbox: 1,
            jetstream: "$JS.API".to_owned(),
            trust: Vec::new(),
        };
        let stream: StreamSettings = self.mission.plan.bus.stream.clone();
        self.inquiries.stream(settings, self.me.clone(), stream);
        self.stream = Stream::Asked;
    }

    /// Listens to the edge API once it is there.
    fn listen(&mut self) {
        let (None, Stream::There(last)) = (&self.feed, &self.stream) else {
            return;
        };
        if let Some(api) = self.edge_api() {
            self.feed = Some(heard(api, *last));
        }
    }

    fn edge_api(&self) -> Option<EdgeApi> {
        let address = self.addresses.of(&Face::new(EDGE_API, HTTP))?;
        let token = self.mission.folder.layout.secrets().join(super::TOKEN);
        let token = fs::read_to_string(token).ok()?;
        let client = self.inquiries.client();
        Some(EdgeApi::new(
            client,
            &format!("http://{address}"),
            token.trim(),
        ))
    }

    /// Lets processes start for which everything is there.
    fn release(&mut self) {
        for id in self.supervisor.ids() {
            if *self.supervisor.state(id) == State::Waiting && self.may_start(id) {
                self.step(Event::Released(id));
            }
        }
    }

    fn may_start(&self, id: PartId) -> bool {
        let Some((service, _)) = self.mission.services.get(id.0) else {
            return false;
        };
        let needs_stream = matches!(service.role, Role::Planned(_));
        if needs_stream && !matches!(self.stream, Stream::There(_)) {
            return false;
        }
        let missing = service.configure(&self.site());
        // Any other error is told by the start itself.
        !matches!(missing, Err(ConfigureError::Missing(_)))
    }

    /// Asks processes how they are.
    fn ask(&mut self) {
        for id in self.supervisor.ids() {
            let pause = match self.supervisor.state(id) {
                State::Starting(_) => ASK_SOON,
                State::Ready | State::Unready(_) => ASK_AGAIN,
                _ => continue,
            };
            let due = match self.asked.get(&id) {
                None => true,
                Some(Asked::Waiting) => false,
                Some(Asked::Answered(at)) => at.elapsed() >= pause,
            };
            let Some((service, _)) = self.mission.services.get(id.0).filter(|_| due) else {
                continue;
            };
            let face = match service.role {
                Role::Nats => CLIENT,
                _ => ADMIN,
            };
            let Some(address) = self.addresses.of(&Face::new(&service.name, face)) else {
                continue;
            };
            match service.role {
                Role::Nats => {
                    let monitor = self.addresses.of(&Face::new(NATS, MONITOR));
                    self.inquiries.bus(id, address, monitor);
                }
                _ => self.inquiries.health(id, address),
            }
            self.asked.insert(id, Asked::Waiting);
        }
    }

    /// Asks processes for their metrics.
    fn measure(&mut self) {
        if self.measured.elapsed() < MEASURE {
            return;
        }
        self.measured = Instant::now();
        for id in self.supervisor.ids() {
            let Some((service, _)) = self.mission.services.get(id.0) else {
                continue;
            };
            let face = Face::new(&service.name, ADMIN);
            let counted = source_of(service) != Source::Other;
            if let Some(address) = self.addresses.of(&face).filter(|_| counted) {
                self.inquiries.figures(id, address);
            }
        }
    }
}

/// What the metrics of a process are about.
fn source_of(service: &Service) -> Source {
    match &service.role {
        Role::Gateway { .. } => Source::Gateway,
        Role::Planned(process) => match process.settings {
            Settings::Modbus(_) | Settings::Custom(_) => Source::Plugin,
            Settings::Uplink(_) => Source::Uplink,
            Settings::EdgeApi(_) => Source::Other,
        },
        Role::Nats | Role::Simulator(_) => Source::Other,
    }
}

/// The addresses that nats-server has written beside its process id.
fn nats_faces(folder: &Path, pid: u32) -> Vec<(Face, SocketAddr)> {
    let text = fs::read(folder.join(format!("nats-server_{pid}.ports"))).unwrap_or_default();
    let Ok(ports) = serde_json::from_slice::<Ports>(&text) else {
        return Vec::new();
    };
    let face = |name, scheme, urls: &[String]| {
        let mut addresses = urls.iter().filter_map(|url| {
            let address = url.strip_prefix(scheme)?;
            address.parse().ok()
        });
        addresses.next().map(|found| (Face::new(NATS, name), found))
    };
    let client = face(CLIENT, "nats://", &ports.nats);
    let monitor = face(MONITOR, "http://", &ports.monitoring);
    client.into_iter().chain(monitor).collect()
}
