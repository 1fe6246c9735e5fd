//! What a process stands on: its node's name, its boot, and the few things that every part may use.

use umec_wire::{Boot, NodeName, Timestamp};

use crate::bus::Bus;
use crate::clock::Clock;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::pages::Pages;
use crate::tasks::Tasks;

/// What `run(config, node)` of every daemon is given.
#[derive(Debug, Clone)]
pub struct Node {
    /// The machine that the process runs on; for a cloud process the name of its installation.
    pub name: NodeName,
    /// This run of the process.
    pub boot: Boot,
    /// The time of day.
    pub clock: Clock,
    /// Its tasks.
    pub tasks: Tasks,
    /// Its figures.
    pub metrics: Metrics,
    /// Whether it does its work.
    pub health: Health,
    /// What it shows beside health and figures.
    pub pages: Pages,
    pub(crate) bus: Option<Bus>,
}

/// Says that the process was configured without a bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this process needs the bus and its configuration has none: add the section `bus`")]
pub struct NoBus;

/// When the clocks of tests begin: 2026-01-01T00:00:00Z.
pub(crate) const TEST_START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

// === impl Node ===

impl Node {
    /// A new run, without a bus: what [`crate::main()`] begins with, and programs that are no daemons.
    pub fn start(name: NodeName) -> Self {
        let clock = Clock::system();
        Self {
            name,
            boot: Boot::new(clock.now(), rand::random()),
            clock,
            tasks: Tasks::new(),
            metrics: Metrics::default(),
            health: Health::default(),
            pages: Pages::default(),
            bus: None,
        }
    }

    /// The node's bus.
    pub fn bus(&self) -> Result<&Bus, NoBus> {
        self.bus.as_ref().ok_or(NoBus)
    }

    /// A node for a test: its clock is that of the bus, begins at 2026-01-01T00:00:00Z and goes with tokio's time.
    pub fn for_test(name: NodeName, bus: Option<Bus>) -> Self {
        let clock = bus.as_ref().map(|bus| bus.clock().clone());
        Self {
            boot: Boot::new(TEST_START, rand::random()),
            clock: clock.unwrap_or_else(|| Clock::starting_at(TEST_START)),
            bus,
            ..Self::start(name)
        }
    }

    /// The same node as another run of the process would see it: a later boot, its own tasks and figures.
    #[must_use]
    pub fn restarted(&self) -> Self {
        Self {
            boot: Boot::from_bits(self.boot.to_bits().saturating_add(1 << 16)),
            clock: self.clock.clone(),
            bus: self.bus.clone(),
            ..Self::start(self.name.clone())
        }
    }
}
