//! A whole plugin: temperatures that Linux shows as files, such as
//! `/sys/class/thermal/thermal_zone0/temp`, which holds thousandths of a degree.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use umec_sdk::plugin::{Fault, Link, Plugin, Samples};
use umec_sdk::{Program, run_plugin};
use umec_spec::settings::plugin::{LinkSettings, Protocol};
use umec_wire::{Reason, Value};

const PROGRAM: Program = Program {
    name: "umec-board",
    about: "Publishes temperatures that Linux shows as files",
};

/// What a `Device` of this plugin says under `custom`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Zone {
    /// The folder with the files.
    folder: PathBuf,
}

/// What a metric says under `custom`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct File {
    /// The file's name.
    file: PathBuf,
    /// What one step of its number means.
    scale: f64,
}

/// Nothing has to be opened once for several devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Nothing {}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Files {}

impl Protocol for Files {
    type Link = Nothing;
    type Device = Zone;
    type Metric = File;
}

struct Board(LinkSettings<Files>);

impl Plugin for Board {
    type Protocol = Files;
    type Link = Self;

    async fn open(settings: &LinkSettings<Files>) -> Result<Self, Fault> {
        Ok(Self(settings.clone()))
    }
}

impl Link<Files> for Board {
    async fn read(&mut self, device: usize, due: &[usize]) -> Result<Samples, Fault> {
        let device = &self.0.devices[device];
        let mut samples = Samples::new();
        for index in due {
            let File { file, scale } = &device.metrics[*index].source;
            let path = device.device.folder.join(file);
            let text = tokio::fs::read_to_string(&path).await.map_err(|error| {
                Fault::Device(Reason::new(
                    "no-file",
                    format!("{}: {error}", path.display()),
                ))
            })?;
            let value = text
                .trim()
                .parse()
                .ok()
                .and_then(|n: f64| Value::number(n * scale).ok());
            let reason = || Reason::new("no-number", format!("{}: {text:?}", path.display()));
            samples.push((*index, value.ok_or_else(reason)));
        }
        Ok(samples)
    }
}

fn main() -> ExitCode {
    umec_sdk::main(PROGRAM, run_plugin::<Board>)
}
