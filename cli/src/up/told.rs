//! What a running node tells: the overview that is shown, and the report for other commands.

use umec_spec::plan::{OPERATOR, Settings};

use super::prepare;
use super::run::Running;
use super::service::{ADMIN, CLIENT, EDGE_API, GATEWAY, HTTP, KAFKA, NATS, Role, UDP, credentials};
use crate::addresses::Face;
use crate::overview::{Hint, Overview, Phase, ProcessRow};
use crate::report::{EdgeApiFace, Faces, GatewayFace, KafkaFace, NatsFace, Report};
use crate::state::write_report;

impl Running {
    /// The node at this moment.
    pub(super) fn overview(&self) -> Overview {
        let has_gateway = |role: &Role| matches!(role, Role::Gateway { .. });
        let services = &self.mission.services;
        let has_cloud = services
            .iter()
            .any(|(service, _)| has_gateway(&service.role));
        let served = self.picture.served();
        Overview {
            node: self.mission.node.to_string(),
            uptime: self.began.elapsed(),
            phase: self.phase,
            devices: self.picture.rows(self.me.clock.now()),
            pipeline: self.figures.pipeline(served, has_cloud),
            processes: self.processes(),
            hints: self.hints(),
        }
    }

    /// Tells other commands, where anything has changed.
    pub(super) fn tell(&mut self) {
        let text = serde_json::to_vec_pretty(&self.report()).unwrap_or_default();
        if text != self.report {
            // Other commands say that they find nothing; the node itself is not hurt.
            write_report(&self.mission.folder.layout.status(), &text).unwrap_or_default();
            self.report = text;
        }
    }

    fn processes(&self) -> Vec<ProcessRow> {
        let rows = self.supervisor.ids().zip(&self.mission.services);
        let rows = rows.map(|(id, (service, _))| {
            let state = self.supervisor.state(id);
            ProcessRow {
                name: service.name.clone(),
                pid: self.children.identity(id).map(|identity| identity.pid),
                state: state.word().to_owned(),
                reason: state.reason().map(str::to_owned),
                restarts: self.supervisor.restarts(id),
                log: self.mission.folder.layout.log(&service.name),
            }
        });
        rows.collect()
    }

    fn faces(&self) -> Faces {
        let layout = &self.mission.folder.layout;
        let at = |process: &str, face: &str| self.addresses.of(&Face::new(process, face));
        let user = self.mission.plan.bus.user(OPERATOR);
        let embedded = at(GATEWAY, KAFKA).map(|address| KafkaFace {
            bootstrap: address.to_string(),
            embedded: true,
        });
        let named = self.mission.kafka.clone().map(|bootstrap| KafkaFace {
            bootstrap,
            embedded: false,
        });
        Faces {
            edge_api: at(EDGE_API, HTTP).map(|address| EdgeApiFace {
                url: format!("http://{address}"),
                token: layout.secrets().join(super::TOKEN),
            }),
            nats: at(NATS, CLIENT).zip(user).map(|(address, user)| NatsFace {
                url: format!("nats://{address}"),
                credentials: credentials(layout, OPERATOR),
                inbox: user.inbox.clone(),
            }),
            kafka: embedded.or(named),
            gateway: at(GATEWAY, UDP).map(|address| GatewayFace {
                udp: address.to_string(),
                admin: at(GATEWAY, ADMIN).map(|admin| admin.to_string()),
            }),
        }
    }

    fn report(&self) -> Report {
        let layout = &self.mission.folder.layout;
        let users = self.mission.plan.bus.users.iter();
        Report {
            node: self.mission.node.to_string(),
            phase: match self.phase {
                Phase::Starting => "starting",
                Phase::Running => "running",
                Phase::Stopping => "stopping",
            }
            .to_owned(),
            pid: std::process::id(),
            started: self.started,
            state: layout.root().to_owned(),
            sources: self.mission.sources.clone(),
            faces: self.faces(),
            tokens: prepare::tokens(layout, &self.mission.plan),
            credentials: users
                .map(|user| {
                    (
                        user.name.to_string(),
                        credentials(layout, user.name.as_str()),
                    )
                })
                .collect(),
            processes: self.processes(),
        }
    }

    /// What to try in another terminal; commands that can be pasted as they are.
    fn hints(&self) -> Vec<Hint> {
        let faces = self.faces();
        let umec = &self.mission.command;
        let header = short(&self.mission.folder.layout.header());
        let write = self.something_to_write();
        let hints = [
            ("watch", Some(format!("{umec} device watch"))),
            (
                "write",
                write.map(|what| format!("{umec} device write {what}")),
            ),
            (
                "API",
                faces
                    .edge_api
                    .map(|api| format!("curl -NH @{header} {}/api/v1/stream", api.url)),
            ),
            (
                "Kafka",
                faces
                    .kafka
                    .map(|kafka| format!("kcat -b {} -C -t umec.readings", kafka.bootstrap)),
            ),
            ("NATS", faces.nats.map(|_| format!("{umec} creds"))),
        ];
        let hints = hints.into_iter();
        hints
            .filter_map(|(what, command)| {
                Some(Hint {
                    what,
                    command: command?,
                })
            })
            .collect()
    }

    /// Something that can be written, a number where there is one: device, metric and value.
    fn something_to_write(&self) -> Option<String> {
        let processes = self.mission.plan.processes.iter();
        let devices = processes.flat_map(|process| match &process.settings {
            Settings::EdgeApi(settings) => settings.devices.as_slice(),
            _ => &[],
        });
        let writable = devices.flat_map(|device| {
            let metrics = device.metrics.iter();
            metrics.filter_map(move |metric| Some((device, metric, metric.write?)))
        });
        let written = writable.map(|(device, metric, limits)| {
            let (is_number, value) = match (limits.min, limits.max) {
                (Some(min), Some(max)) => (true, (min + (max - min) * 0.8).round().to_string()),
                (Some(bound), None) | (None, Some(bound)) => (true, bound.to_string()),
                (None, None) => (false, "on".to_owned()),
            };
            (
                is_number,
                format!("{} {}={value}", device.name, metric.name),
            )
        });
        // The last of those that are equal: in the example the thermostat, whose room follows.
        written
            .max_by_key(|(is_number, _)| *is_number)
            .map(|(_, told)| told)
    }
}

/// A path as it is typed from here.
fn short(path: &std::path::Path) -> String {
    let here = std::env::current_dir().ok();
    let inside = here.as_ref().and_then(|here| path.strip_prefix(here).ok());
    inside.unwrap_or(path).display().to_string()
}
