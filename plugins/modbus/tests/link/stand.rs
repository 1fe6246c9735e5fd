//! A simulated line and an open link on it.

use std::path::Path;

use tempfile::TempDir;
use umec_modbus::{ModbusLink, ModbusPlugin};
use umec_modbus_line::{Place, Running, RunningLine, start};
use umec_sdk::{Fault, Plugin as _};
use umec_spec::settings::modbus::Modbus;
use umec_spec::settings::modbus_line::{Effect, Fault as LineFault, ModbusLineSettings};
use umec_spec::settings::plugin::LinkSettings;
use umec_spec::yaml;

/// How a line is offered and reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Tcp,
    RtuOverTcp,
    Serial,
}

pub(crate) const WAYS: [Way; 3] = [Way::Tcp, Way::RtuOverTcp, Way::Serial];

/// What a test stands on.
pub(crate) struct Stand {
    pub(crate) way: Way,
    running: Running,
    pub(crate) settings: LinkSettings<Modbus>,
    _folder: TempDir,
}

impl Stand {
    /// Plays units and describes the link to them; both texts are lists in YAML.
    pub(crate) async fn new(way: Way, units: &str, devices: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("line");
        let offer = match way {
            Way::Tcp => "{ kind: tcp, listen: 127.0.0.1:0 }".to_owned(),
            Way::RtuOverTcp => "{ kind: rtuOverTcp, listen: 127.0.0.1:0 }".to_owned(),
            Way::Serial => format!("{{ kind: serial, link: {}, baud: 115200 }}", link.display()),
        };
        let played = format!("lines:\n- offer: {offer}\n  units:\n{}", indented(units));
        let played: ModbusLineSettings = yaml::from_str(&played).unwrap();
        let running = start(&played).await.unwrap();
        let transport = match (way, &running.lines[0].place) {
            (Way::Tcp, Place::Tcp(address)) => format!("{{ kind: tcp, address: '{address}' }}"),
            (_, Place::Tcp(address)) => format!("{{ kind: rtuOverTcp, address: '{address}' }}"),
            (_, Place::Serial(path)) => serial(path),
        };
        let settings = format!(
            "link: {{ transport: {transport} }}\ndevices:\n{}",
            indented(devices)
        );
        Self {
            way,
            running,
            settings: yaml::from_str(&settings).unwrap(),
            _folder: folder,
        }
    }

    pub(crate) fn line(&self) -> &RunningLine {
        &self.running.lines[0]
    }

    pub(crate) async fn open(&self) -> ModbusLink {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn try_open(&self) -> Result<ModbusLink, Fault> {
        ModbusPlugin::open(&self.settings).await
    }

    /// Lets the next requests to a unit go wrong.
    pub(crate) fn afflict(&self, unit: u8, effect: Effect, count: u64) {
        let fault = LineFault {
            effect,
            after: 0,
            count: Some(count),
            each: 1,
        };
        self.line().afflict(unit, vec![fault]);
    }
}

fn serial(path: &Path) -> String {
    format!("{{ kind: serial, path: {}, baud: 115200 }}", path.display())
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n  ")
}
