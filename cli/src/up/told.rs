//! What a running node tells: the overview that is shown, and the report for other commands.

use umec_spec::plan::OPERATOR;

use super::prepare;
use super::run::Running;
use super::service::{CLIENT, EDGE_API, GATEWAY, HTTP, KAFKA, NATS, Role, UDP, credentials};
use crate::addresses::Face;
use crate::overview::{Hint, Overview, Phase, ProcessRow};
use crate::report::{EdgeApiFace, Faces, GatewayFace, KafkaFace, NatsFace, Report};
use crate::state::write_private;

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
            write_private(&self.mission.folder.layout.status(), &text).unwrap_or_default();
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
        let mut hints = vec![Hint {
            what: "watch",
            command: "umec device watch".to_owned(),
        }];
        if let Some(write) = self.something_to_write() {
            hints.push(Hint {
                what: "write",
                command: write,
            });
        }
        if let Some(api) = faces.edge_api {
            let token = short(&api.token);
            hints.push(Hint {
                what: "API",
                command: format!(
                    "curl -NH \"Authorization: Bearer $(cat {token})\" {}/api/v1/stream",
                    api.url
                ),
            });
        }
        if let Some(kafka) = faces.kafka {
            hints.push(Hint {
                what: "Kafka",
                command: format!("kcat -b {} -C -t umec.readings", kafka.bootstrap),
            });
        }
        if let Some(nats) = faces.nats {
            hints.push(Hint {
                what: "NATS",
                command: format!("umec creds   ({})", nats.url),
            });
        }
        hints
    }

    /// A command that changes something, where a device takes one.
    fn something_to_write(&self) -> Option<String> {
        let processes = self.mission.plan.processes.iter();
        let mut devices = processes.flat_map(|process| match &process.settings {
            umec_spec::plan::Settings::EdgeApi(settings) => settings.devices.as_slice(),
            _ => &[],
        });
        devices.find_map(|device| {
            let metric = device.metrics.iter().find(|m| m.write.is_some())?;
            let limits = metric.write?;
            let value = match (limits.min, limits.max) {
                (Some(min), Some(max)) => f64::midpoint(min, max).round().to_string(),
                (Some(bound), None) | (None, Some(bound)) => bound.to_string(),
                (None, None) => "on".to_owned(),
            };
            Some(format!(
                "umec device write {} {}={value}",
                device.name, metric.name
            ))
        })
    }
}

/// A path as it is typed from here.
fn short(path: &std::path::Path) -> String {
    let here = std::env::current_dir().ok();
    let inside = here.as_ref().and_then(|here| path.strip_prefix(here).ok());
    inside.unwrap_or(path).display().to_string()
}
