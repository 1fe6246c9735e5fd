//! Who ends a command, where several gateways have read it: the first that asks for it in `umec.marks`.
//!
//! All gateways read the same records in the same order. A right is asked for before a command is sent
//! or its result written, passed on when the modem moves to another gateway, inherited like modems, and
//! ends with a record without a value when the result is in Kafka.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use umec_wire::Boot;
use umec_wire::command::CommandId;

use crate::kafka::{Offsets, Place};

/// The rights as one gateway has read them.
#[derive(Debug, Default)]
pub(in crate::machine) struct Rights {
    of: HashMap<CommandId, Right>,
    /// Results of this gateway that are in Kafka, until the end of the right is read.
    ending: HashMap<CommandId, Place>,
}

#[derive(Debug)]
struct Right {
    holder: Boot,
    is_sent: bool,
    /// Up to where results were covered when it was read.
    since: Offsets,
}

/// The value of a record under `_right/<command>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::machine) struct RightRecord {
    /// Who is to end the command.
    pub(in crate::machine) gateway: Boot,
    /// Who says so: itself to ask, the holder to pass it on.
    pub(in crate::machine) by: Boot,
    /// Whether the node may have got the command.
    #[serde(default)]
    pub(in crate::machine) is_sent: bool,
}

/// Whose it is to end a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::machine) enum Standing {
    Mine,
    /// Nobody's: it can be asked for.
    Free,
    Anothers,
}

// === impl Rights ===

impl Rights {
    /// Takes a record; false where it is void, since another holds the right. `living` is the gateway
    /// that stands for one at present.
    pub(in crate::machine) fn take(
        &mut self,
        id: &CommandId,
        record: RightRecord,
        since: Offsets,
        living: impl Fn(Boot) -> Option<Boot>,
    ) -> bool {
        let known = self.of.get_mut(id);
        match known {
            None => {
                let right = Right {
                    holder: record.gateway,
                    is_sent: record.is_sent,
                    since,
                };
                self.of.insert(id.clone(), right);
                true
            }
            Some(right) => {
                let is_free = living(right.holder).is_none_or(|holder| holder == record.by);
                if is_free {
                    right.holder = record.gateway;
                    right.is_sent |= record.is_sent;
                }
                is_free
            }
        }
    }

    /// Whether this very gateway holds it.
    pub(in crate::machine) fn holds(&self, me: Boot, id: &CommandId) -> bool {
        self.of.get(id).is_some_and(|right| right.holder == me)
    }

    /// Whether somebody holds it or did.
    pub(in crate::machine) fn is_known(&self, id: &CommandId) -> bool {
        self.of.contains_key(id)
    }

    /// Whether the node may have got the command.
    pub(in crate::machine) fn is_sent(&self, id: &CommandId) -> bool {
        self.of.get(id).is_some_and(|right| right.is_sent)
    }

    /// Whose it is to end a command. `is_open` says that a gateway is gone, and what it wrote unknown.
    pub(in crate::machine) fn standing(
        &self,
        me: Boot,
        id: &CommandId,
        living: impl Fn(Boot) -> Option<Boot>,
        is_open: impl Fn(Boot) -> bool,
    ) -> Standing {
        let Some(right) = self.of.get(id) else {
            return Standing::Free;
        };
        match living(right.holder) {
            _ if right.holder == me => Standing::Mine,
            None => Standing::Free,
            Some(holder) if holder == me && !is_open(right.holder) => Standing::Free,
            Some(_) => Standing::Anothers,
        }
    }

    /// Notes that the result of this gateway is in Kafka.
    pub(in crate::machine) fn ends(&mut self, id: CommandId, place: Place) {
        self.ending.insert(id, place);
    }

    /// Takes the end of a right; the place of the result where it is this gateway's.
    pub(in crate::machine) fn ended(&mut self, id: &CommandId) -> Option<Place> {
        self.of.remove(id);
        self.ending.remove(id)
    }

    /// Whether the end of a right is on its way.
    pub(in crate::machine) fn is_ending(&self) -> bool {
        !self.ending.is_empty()
    }

    /// The rights that one gateway holds.
    pub(in crate::machine) fn of(&self, holder: Boot) -> impl Iterator<Item = &CommandId> {
        let held = self.of.iter().filter(move |(_, r)| r.holder == holder);
        held.map(|(id, _)| id)
    }

    /// What of `covered` an heir may count on. A result of another gateway may lie before one of this
    /// one that is covered: it counts from where results were when its right was read.
    pub(in crate::machine) fn bound(&self, me: Boot, mut covered: Offsets) -> Offsets {
        for right in self.of.values().filter(|right| right.holder != me) {
            covered.retain(|partition, offset| {
                let since = right.since.get(partition);
                *offset = since.map_or(*offset, |since| (*offset).min(*since));
                since.is_some()
            });
        }
        covered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Boot = Boot::from_bits(1);
    const B: Boot = Boot::from_bits(2);

    fn asks(gateway: Boot) -> RightRecord {
        RightRecord {
            gateway,
            by: gateway,
            is_sent: true,
        }
    }

    #[test]
    fn the_first_who_asks_has_it_until_it_passes_it_on() {
        let (mut rights, id) = (Rights::default(), CommandId("open-17".parse().unwrap()));
        let standing = |rights: &Rights, me| rights.standing(me, &id, Some, |_| false);
        assert_eq!(standing(&rights, A), Standing::Free);
        assert!(rights.take(&id, asks(A), Offsets::new(), Some));
        assert!(!rights.take(&id, asks(B), Offsets::new(), Some));
        assert_eq!(standing(&rights, A), Standing::Mine);
        assert_eq!(standing(&rights, B), Standing::Anothers);
        let passed = RightRecord {
            gateway: B,
            ..asks(A)
        };
        assert!(rights.take(&id, passed, Offsets::new(), Some));
        assert_eq!(standing(&rights, B), Standing::Mine);
        assert_eq!(rights.ended(&id), None);
        assert_eq!(standing(&rights, A), Standing::Free);
    }

    #[test]
    fn an_heir_asks_anew_when_it_knows_what_the_dead_wrote() {
        let (mut rights, id) = (Rights::default(), CommandId("open-17".parse().unwrap()));
        rights.take(&id, asks(A), Offsets::new(), Some);
        let heir = |boot| Some(if boot == A { B } else { boot });
        let standing = |rights: &Rights, open| rights.standing(B, &id, heir, |_| open);
        assert_eq!(standing(&rights, true), Standing::Anothers);
        assert_eq!(standing(&rights, false), Standing::Free);
        assert!(rights.take(&id, asks(B), Offsets::new(), heir));
        assert_eq!(standing(&rights, false), Standing::Mine);
        assert!(rights.is_sent(&id));
    }

    #[test]
    fn what_another_may_have_written_is_not_covered() {
        let (mut rights, id) = (Rights::default(), CommandId("open-17".parse().unwrap()));
        rights.take(&id, asks(A), Offsets::from([(0, 7)]), Some);
        let covered = Offsets::from([(0, 9), (1, 4)]);
        assert_eq!(rights.bound(B, covered.clone()), Offsets::from([(0, 7)]));
        assert_eq!(rights.bound(A, covered.clone()), covered);
    }
}
