//! The smallest plugin there can be, and the simulated device that it reads.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use umec_sdk::plugin::Samples;
use umec_sdk::{Fault, Link, Plugin};
use umec_spec::settings::plugin::{LinkSettings, Protocol};
use umec_wire::{Reason, Value};

/// Boxes of numbers, reached through a wire that a test holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Boxes {}

impl Protocol for Boxes {
    type Link = WireName;
    type Device = ();
    type Metric = Cell;
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WireName(pub(crate) String);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cell(pub(crate) usize);

pub(crate) struct BoxLink {
    wire: Wire,
    cells: Vec<Vec<usize>>,
}

impl Plugin for Boxes {
    type Protocol = Self;
    type Link = BoxLink;

    async fn open(settings: &LinkSettings<Self>) -> Result<BoxLink, Fault> {
        let wire = Wire::named(&settings.link.0);
        wire.trouble(Trouble::Cut)?;
        let cells = settings.devices.iter().map(|device| {
            let cells = device.metrics.iter().map(|metric| metric.source.0);
            cells.collect()
        });
        let cells = cells.collect();
        Ok(BoxLink { wire, cells })
    }
}

impl Link<Boxes> for BoxLink {
    async fn read(&mut self, device: usize, due: &[usize]) -> Result<Samples, Fault> {
        self.wire.exchange(device).await?;
        let state = self.wire.0.lock().unwrap();
        let value = |metric: &usize| state.cells[self.cells[device][*metric]].clone();
        Ok(due.iter().map(|metric| (*metric, value(metric))).collect())
    }

    async fn write(
        &mut self,
        device: usize,
        metric: usize,
        value: &Value,
    ) -> Result<Option<Value>, Fault> {
        self.wire.exchange(device).await?;
        let mut state = self.wire.0.lock().unwrap();
        state.writes += 1;
        state.cells[self.cells[device][metric]] = Ok(value.clone());
        Ok(Some(value.clone()))
    }
}

// === the simulated device ===

/// A wire to a box. Links find it by its name.
#[derive(Clone)]
pub(crate) struct Wire(pub(crate) Arc<Mutex<State>>);

pub(crate) struct State {
    pub(crate) cells: Vec<Result<Value, Reason>>,
    pub(crate) trouble: Vec<Trouble>,
    pub(crate) reads: Vec<usize>,
    pub(crate) writes: usize,
    pub(crate) takes: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The wire itself.
    Cut,
    /// The device of this number says nothing.
    Silent(usize),
}

static WIRES: Mutex<Vec<(String, Wire)>> = Mutex::new(Vec::new());

impl Wire {
    pub(crate) fn new(name: &str, cells: &[f64]) -> Self {
        let cells = cells.iter().map(|cell| Ok(Value::number(*cell).unwrap()));
        let wire = Self(Arc::new(Mutex::new(State {
            cells: cells.collect(),
            trouble: Vec::new(),
            reads: Vec::new(),
            writes: 0,
            takes: Duration::from_millis(1),
        })));
        WIRES.lock().unwrap().push((name.to_owned(), wire.clone()));
        wire
    }

    fn named(name: &str) -> Self {
        let wires = WIRES.lock().unwrap();
        let wire = wires.iter().find(|(known, _)| known == name);
        wire.unwrap().1.clone()
    }

    pub(crate) fn set(&self, cell: usize, value: f64) {
        self.0.lock().unwrap().cells[cell] = Ok(Value::number(value).unwrap());
    }

    pub(crate) fn fail(&self, trouble: Trouble) {
        self.0.lock().unwrap().trouble.push(trouble);
    }

    pub(crate) fn mend(&self) {
        self.0.lock().unwrap().trouble.clear();
    }

    fn trouble(&self, trouble: Trouble) -> Result<(), Fault> {
        if self.0.lock().unwrap().trouble.contains(&trouble) {
            let reason = Reason::new("wire-cut", "the wire is cut");
            return Err(Fault::Link(reason));
        }
        Ok(())
    }

    /// What each question to a device goes through.
    async fn exchange(&mut self, device: usize) -> Result<(), Fault> {
        let takes = {
            let mut state = self.0.lock().unwrap();
            state.reads.push(device);
            state.takes
        };
        tokio::time::sleep(takes).await;
        self.trouble(Trouble::Cut)?;
        if self.trouble(Trouble::Silent(device)).is_err() {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}
