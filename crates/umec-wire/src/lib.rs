//! What crosses a border of the platform: names, units, readings, subjects, commands, status,
//! events, problems and signatures, each with its encoding both ways.
//!
//! Pure: no socket, no file, no clock, no task and no randomness. Whoever needs a time or a random
//! number passes it in. How a process is configured is `umec-spec`'s business, how it speaks on the
//! bus `umec-sdk`'s.

pub mod command;
pub mod document;
pub mod event;
pub mod header;
pub mod kafka;
pub mod label;
pub mod message_id;
pub mod modem;
pub mod original;
pub mod problem;
pub mod reading;
pub mod senml;
pub mod signature;
pub mod span;
pub mod status;
pub mod subject;
pub mod time;
pub mod topic;
pub mod trace;
pub mod unit;
pub mod uplink;

pub use label::{
    CommandName, DeviceName, Label, LabelError, MetricName, ModemName, NodeName, PluginName,
};
pub use message_id::{Boot, MessageId, Sequence};
pub use reading::{Pack, Reading, Series, Statistic, Value};
pub use span::Span;
pub use status::{Reason, Status};
pub use time::Timestamp;
pub use topic::{Aggregates, Events, Kind, Readings, Statuses, Topic};
pub use unit::Unit;
