//! What must be true at the end of every run.

use std::collections::BTreeSet;

use super::*;

impl World {
    pub(super) fn check(&self) {
        let seed = self.seed;
        let (messages, ids) = (self.kafka.messages(), self.node.ids());
        for id in &ids {
            let times = messages.get(&id.to_string()).copied().unwrap_or(0);
            let superseded = times == 0 && self.node.is_superseded(id);
            assert!(
                times == 1 || superseded,
                "seed {seed}: {id} is in Kafka {times} times"
            );
        }
        let known: BTreeSet<String> = ids.iter().map(MessageId::to_string).collect();
        assert!(
            messages.keys().all(|id| known.contains(id)),
            "seed {seed}: something was invented"
        );
        let place = |id: &str| {
            let id: MessageId = id.parse().unwrap();
            (id.device.clone(), ids.iter().position(|known| *known == id))
        };
        let mut states: Vec<_> = self.kafka.states().iter().map(|id| place(id)).collect();
        let written = states.clone();
        states.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(&b.1)));
        for device in (0..3).map(|number| format!("device-{number}")) {
            let of = |states: &[(umec_wire::DeviceName, Option<usize>)]| -> Vec<_> {
                states
                    .iter()
                    .filter(|s| s.0.as_str() == device)
                    .map(|s| s.1)
                    .collect()
            };
            assert_eq!(
                of(&written),
                of(&states),
                "seed {seed}: states of {device} are out of order"
            );
        }
        for (id, outcomes) in self.kafka.results() {
            assert_eq!(outcomes.len(), 1, "seed {seed}: {id} ended as {outcomes:?}");
        }
        for (id, times) in &self.node.executions {
            assert_eq!(*times, 1, "seed {seed}: {id} was done {times} times");
        }
    }
}
