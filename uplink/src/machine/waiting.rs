//! A message that waits for acknowledgement.

use std::time::Duration;

use umec_sdk::bus::Lane;
use umec_wire::uplink::batch::Row;
use umec_wire::uplink::{Content, Entry, EntryKind};

use super::layouts::Numbered;

#[derive(Debug)]
pub(super) struct Waiting {
    /// Its place in the stream.
    pub(super) position: u64,
    /// How it was read.
    pub(super) lane: Lane,
    pub(super) entry: Entry,
    pub(super) layout: Numbered,
    /// What it takes in memory, roughly.
    pub(super) bytes: usize,
    pub(super) since: Duration,
}

// === impl Waiting ===

impl Waiting {
    pub(super) fn new(
        now: Duration,
        position: u64,
        lane: Lane,
        entry: Entry,
        layout: Numbered,
    ) -> Self {
        let content = match &entry.content {
            Content::Readings(readings) | Content::Aggregates(readings) => size_of_val(&**readings),
            Content::Event { headers, data } => {
                let texts = headers.iter().map(|(n, v)| n.len() + v.len());
                texts.sum::<usize>() + data.len()
            }
            Content::Status { body, .. } => body.len(),
        };
        Self {
            position,
            lane,
            entry,
            layout,
            bytes: size_of::<Self>() + content,
            since: now,
        }
    }

    pub(super) fn row(&self) -> Option<Row<'_>> {
        let (number, layout) = &self.layout;
        Row::new(*number, layout, &self.entry)
    }

    pub(super) fn is_state(&self) -> bool {
        self.entry.content.kind() == EntryKind::Status
    }
}
