//! What a plugin supplies. Everything else of its life is the SDK's: schedule, deadlines, back-off,
//! births and deaths, sequence numbers, signatures, commands, drain.

mod book;
mod device;
mod figures;
mod ledger;
mod pause;
mod publish;
mod run;
mod schedule;

use std::future::Future;
use std::time::Duration;

use umec_spec::settings::plugin::{LinkSettings, Protocol};
use umec_wire::status::Identity;
use umec_wire::{Reason, Value};

pub use run::run_plugin;

/// A kind of device.
pub trait Plugin: Send + Sync + 'static {
    /// Its settings.
    type Protocol: Protocol;
    /// What it opens.
    type Link: Link<Self::Protocol> + 'static;

    /// Opens a link. Dropping the future, or the link, closes it.
    fn open(
        settings: &LinkSettings<Self::Protocol>,
    ) -> impl Future<Output = Result<Self::Link, Fault>> + Send;
}

/// An open link: a serial line, a connection, a camera. One task owns it, so calls never overlap. A call
/// whose deadline passes is dropped; the next one must not see what it left behind.
pub trait Link<P: Protocol>: Send {
    /// Reads metrics of one device that are due together.
    ///
    /// `device` is an index into the settings' devices, `due` are indices into that device's metrics, in
    /// rising order. Gives one entry for each, a value or why there is none.
    fn read(
        &mut self,
        device: usize,
        due: &[usize],
    ) -> impl Future<Output = Result<Samples, Fault>> + Send;

    /// Writes a value, whose type and limits are checked, once; gives what the device shows afterwards
    /// where it can be read back.
    fn write(
        &mut self,
        device: usize,
        metric: usize,
        value: &Value,
    ) -> impl Future<Output = Result<Option<Value>, Fault>> + Send {
        let _ = (device, metric, value);
        let reason = Reason::new("not-writable", "this kind of device cannot be written");
        std::future::ready(Err(Fault::Refused(reason)))
    }

    /// How long one call for a device may take before it is dropped, where that is not the device's timeout: a
    /// link that watches each of several exchanges itself gives the sum, and its own reasons come through.
    fn deadline(&self, device: usize) -> Option<Duration> {
        let _ = device;
        None
    }

    /// Asks a device who it is.
    fn identify(&mut self, device: usize) -> impl Future<Output = Result<Identity, Fault>> + Send {
        let _ = device;
        std::future::ready(Ok(Identity::default()))
    }
}

/// What one read gives: for each metric that was due its index, and its value or why there is none.
pub type Samples = Vec<(usize, Result<Value, Reason>)>;

/// Why a device gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The link is broken: it is closed and opened again, with growing pauses.
    #[error("the link: {0}")]
    Link(Reason),
    /// This device does not answer; the link and the others on it are as they were.
    #[error("the device: {0}")]
    Device(Reason),
    /// The device answered, and its answer is no.
    #[error("refused: {0}")]
    Refused(Reason),
}

// === impl Fault ===

impl Fault {
    /// The reason, whatever is at fault.
    pub const fn reason(&self) -> &Reason {
        match self {
            Self::Link(reason) | Self::Device(reason) | Self::Refused(reason) => reason,
        }
    }
}
