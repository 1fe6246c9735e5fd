//! What the bus keeps against what is in Kafka: nothing lost, nothing twice, no gap.

use std::collections::{BTreeMap, BTreeSet};

use umec_wire::{Boot, DeviceName, MessageId};

use crate::kafka::Record;
use crate::node::Node;
use crate::{fail, tools};

/// A message that the bus has acknowledged and keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its subject.
    pub subject: String,
    /// Its id.
    pub id: MessageId,
}

/// Reads all that a node's stream holds just now, with a foreign client.
#[track_caller]
pub fn kept(node: &Node) -> Vec<Kept> {
    let output = node
        .python("stream.py", &[])
        .output()
        .unwrap_or_else(|e| fail(&format!("{}: {e}", tools::python().display())));
    if !output.status.success() {
        fail(&format!(
            "the stream cannot be read: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| {
            let (_, subject, id): (u64, String, String) =
                serde_json::from_str(line).unwrap_or_else(|e| fail(&format!("{line}: {e}")));
            Kept {
                subject,
                id: parse(&id),
            }
        })
        .collect()
}

/// The ids of records in the order of their offsets.
#[track_caller]
pub fn ids(records: &[Record]) -> Vec<MessageId> {
    records
        .iter()
        .map(|record| {
            let id = record.header(umec_wire::kafka::MESSAGE_ID);
            parse(id.unwrap_or_else(|| fail(&format!("no message id in {record:?}"))))
        })
        .collect()
}

/// The ids that are in `all` more than once.
pub fn doubled(all: &[MessageId]) -> Vec<MessageId> {
    let mut seen = BTreeSet::new();
    all.iter()
        .filter(|id| !seen.insert(key(id)))
        .cloned()
        .collect()
}

/// The ids of `kept` that are not in `arrived`.
pub fn missing(kept: &[MessageId], arrived: &[MessageId]) -> Vec<MessageId> {
    let arrived: BTreeSet<_> = arrived.iter().map(key).collect();
    kept.iter()
        .filter(|id| !arrived.contains(&key(id)))
        .cloned()
        .collect()
}

/// The first message of each publisher's run that is not there though a later one is. A run that was
/// killed may lack its end, and nothing else.
pub fn gaps(kept: &[MessageId]) -> Vec<String> {
    let mut runs: BTreeMap<(&DeviceName, Boot), BTreeSet<u64>> = BTreeMap::new();
    for id in kept {
        runs.entry((&id.device, id.boot))
            .or_default()
            .insert(id.sequence.get());
    }
    runs.into_iter()
        .filter_map(|((device, boot), sequences)| {
            let last = sequences.last()?;
            let gap = (1..=*last).find(|sequence| !sequences.contains(sequence))?;
            Some(format!("{device}:{boot}:{gap} is missing before {last}"))
        })
        .collect()
}

fn key(id: &MessageId) -> (&DeviceName, Boot, u64) {
    (&id.device, id.boot, id.sequence.get())
}

#[track_caller]
fn parse(id: &str) -> MessageId {
    id.parse().unwrap_or_else(|e| fail(&format!("{id}: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(texts: &[&str]) -> Vec<MessageId> {
        texts.iter().map(|text| parse(text)).collect()
    }

    #[test]
    fn loss_doubles_and_gaps_are_found() {
        let kept = all(&[
            "a:0000000000000001:1",
            "a:0000000000000001:3",
            "b:0000000000000001:1",
        ]);
        let arrived = all(&[
            "b:0000000000000001:1",
            "a:0000000000000001:3",
            "b:0000000000000001:1",
        ]);
        assert_eq!(missing(&kept, &arrived), all(&["a:0000000000000001:1"]));
        assert_eq!(doubled(&arrived), all(&["b:0000000000000001:1"]));
        assert_eq!(gaps(&kept), ["a:0000000000000001:2 is missing before 3"]);
        assert!(gaps(&all(&["a:0000000000000001:2", "a:0000000000000001:1"])).is_empty());
    }
}
