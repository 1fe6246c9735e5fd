//! The lines as a process.

use std::time::Duration;

use anyhow::Context as _;
use tracing::{info, info_span};
use umec_sdk::metrics::{GaugeFamily, Metrics};
use umec_sdk::{Node, Program};
use umec_spec::settings::Process;
use umec_spec::settings::modbus_line::ModbusLineSettings;

use crate::running::{self, Place, RunningLine};

/// The program.
pub const PROGRAM: Program = Program {
    name: "umec-modbus-line",
    about: "Stands in for Modbus devices on TCP ports and pseudo-terminals",
};

/// How often the figures follow what happens.
const REFRESH: Duration = Duration::from_millis(500);

/// Plays the lines until the node's tasks are told to stop.
pub async fn run(process: Process<ModbusLineSettings>, node: Node) -> anyhow::Result<()> {
    let running = running::start(&process.settings)
        .await
        .context("the lines cannot be played")?;
    for line in &running.lines {
        info!(place = %line.place, "a line is played");
    }
    let part = node.health.part("lines");
    part.ready();
    let figures = Figures::new(&node.metrics);
    let lines = running.lines.clone();
    let stopping = node.tasks.stopping();
    drop(node.tasks.spawn(info_span!("figures"), async move {
        while stopping
            .run_until_cancelled(tokio::time::sleep(REFRESH))
            .await
            .is_some()
        {
            figures.show(&lines);
        }
    }));
    node.tasks.stopped().await;
    running.stop().await;
    Ok(())
}

/// What each line tells of itself.
#[derive(Debug)]
struct Figures {
    requests: GaugeFamily,
    answers: GaugeFamily,
    bytes: GaugeFamily,
    busy: GaugeFamily,
    played: GaugeFamily,
    crowded: GaugeFamily,
}

impl Figures {
    fn new(metrics: &Metrics) -> Self {
        let family = |name, help| metrics.gauge_family(name, help, &["line"]);
        Self {
            requests: family("umec_line_requests", "Requests to units of the line"),
            answers: family("umec_line_answers", "Answers, whole or not"),
            bytes: family("umec_line_bytes", "Bytes of both directions"),
            busy: family(
                "umec_line_busy_microseconds",
                "How long the wire of a paced line was taken, silent intervals included",
            ),
            played: family(
                "umec_line_played_microseconds",
                "How long the line has been played",
            ),
            crowded: family(
                "umec_line_crowded_requests",
                "Requests that began before the silent interval was over",
            ),
        }
    }

    fn show(&self, lines: &[RunningLine]) {
        for line in lines {
            let counted = line.counted();
            let name = line.place.to_string();
            let set = |family: &GaugeFamily, number: u128| {
                let number = i64::try_from(number).unwrap_or(i64::MAX);
                family.with(&[&name]).set(number);
            };
            set(&self.requests, counted.requests.into());
            set(&self.answers, counted.answers.into());
            set(&self.bytes, counted.bytes.into());
            set(&self.busy, counted.busy.as_micros());
            set(&self.played, line.elapsed().as_micros());
            set(&self.crowded, counted.crowded.into());
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Serial(link) => write!(f, "{}", link.display()),
        }
    }
}
