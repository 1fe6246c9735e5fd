//! Which gateway takes which modem, as the one partition of `umec.marks` tells it.
//!
//! All gateways read the same records in the same order and come to the same view. A gateway claims a
//! modem; where another has it, that one releases it when nothing of the modem is on its way to Kafka.
//! One that died is fenced by a record that names its heir, who scans what it wrote last.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use umec_wire::{Boot, Label, ModemName};

use super::snapshot::Places;

/// The view of one gateway.
#[derive(Debug)]
pub(super) struct Tenure {
    me: Boot,
    name: Label,
    owners: HashMap<ModemName, Owner>,
    gateways: BTreeMap<Boot, Gateway>,
    /// The places that were written last, whoever wrote them.
    latest: Places,
    /// The modems that another one has claimed of this gateway.
    leaving: BTreeSet<ModemName>,
    /// Since when this gateway reads its own records without a break.
    in_contact: Duration,
    is_deposed: bool,
    is_leaving: bool,
}

#[derive(Debug, Clone, Copy)]
struct Owner {
    boot: Boot,
    claimant: Option<Boot>,
    /// The gateway of which it was inherited, while that one's last records are not known.
    estate: Option<Boot>,
}

#[derive(Debug)]
struct Gateway {
    record: GatewayRecord,
    heard: Duration,
}

/// The value of a record under `_gateway/<boot>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GatewayRecord {
    pub(super) name: Label,
    pub(super) places: Places,
    /// Who owns its modems from here on; itself where it has left in order and nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) heir: Option<Boot>,
    /// Whether the marks of all that it wrote are written down.
    #[serde(default)]
    pub(super) is_settled: bool,
}

/// The value of a record under `_owner/<modem>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnerRecord {
    /// Who is to own the modem.
    pub(super) gateway: Boot,
    /// Who says so: itself to claim, the owner to release.
    pub(super) by: Boot,
    /// The owner as the claimant knew it: what compaction may have removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) of: Option<Boot>,
}

/// How long a gateway is silent before another fences it: four snapshots.
pub(super) const SILENCE: Duration = Duration::from_secs(8);

/// How long a gateway goes on without reading itself: shorter than it takes others to fence it.
pub(super) const LAPSE: Duration = Duration::from_secs(5);

// === impl Tenure ===

impl Tenure {
    pub(super) fn new(me: Boot, name: Label) -> Self {
        Self {
            me,
            name,
            owners: HashMap::new(),
            gateways: BTreeMap::new(),
            latest: Places::default(),
            leaving: BTreeSet::new(),
            in_contact: Duration::ZERO,
            is_deposed: false,
            is_leaving: false,
        }
    }

    /// Takes a record about a gateway.
    pub(super) fn gateway(&mut self, now: Duration, boot: Boot, record: GatewayRecord) {
        if let Some(known) = self.gateways.get_mut(&boot)
            && known.record.heir.is_some()
        {
            // What a fenced one still says is void.
            known.record.is_settled |= record.is_settled && record.heir == known.record.heir;
            return;
        }
        if boot == self.me {
            let before = self.gateways.get(&boot).map(|known| known.heard);
            if before.is_none_or(|heard| now > heard + LAPSE) {
                self.in_contact = now;
            }
            self.is_deposed |= record.heir.is_some_and(|heir| heir != self.me);
        }
        let heir = record.heir;
        if heir.is_none_or(|heir| heir == boot) {
            self.latest = record.places.clone();
        }
        self.gateways.insert(boot, Gateway { record, heard: now });
        if let Some(heir) = heir {
            self.pass_on(boot, heir);
        }
    }

    /// Gives the modems of a gateway that is gone to its heir.
    fn pass_on(&mut self, gone: Boot, heir: Boot) {
        let me = self.me;
        self.owners.retain(|_, owner| {
            if owner.claimant == Some(gone) {
                owner.claimant = None;
            }
            if owner.boot != gone {
                return true;
            }
            owner.boot = heir;
            owner.estate = (heir == me).then_some(gone);
            if heir == gone {
                // It has left in order: a claimant has it, or nobody.
                let Some(claimant) = owner.claimant else {
                    return false;
                };
                owner.boot = claimant;
            }
            owner.claimant = owner.claimant.filter(|claimant| *claimant != owner.boot);
            true
        });
        let owners = &self.owners;
        let stays = |name: &ModemName| owners.get(name).is_some_and(|o| o.is_claimed_of(me));
        self.leaving.retain(stays);
        let claimed = owners.iter().filter(|(_, owner)| owner.is_claimed_of(me));
        self.leaving.extend(claimed.map(|(name, _)| name.clone()));
    }

    /// Takes a record about a modem's owner.
    pub(super) fn owner(&mut self, modem: ModemName, record: OwnerRecord) {
        let OwnerRecord { gateway, by, of } = record;
        if self.heir(by).is_some() {
            return;
        }
        let of = of.filter(|of| *of != gateway && self.gateways.contains_key(of));
        let of = of.and_then(|of| self.living(of));
        let fresh = Owner {
            boot: of.unwrap_or(gateway),
            claimant: None,
            estate: None,
        };
        let owner = self.owners.entry(modem.clone()).or_insert(fresh);
        if gateway == by {
            if owner.boot != gateway {
                owner.claimant = Some(gateway);
            }
        } else if owner.boot == by {
            let next = owner.claimant.take().unwrap_or(gateway);
            owner.boot = next;
            owner.estate = None;
            if let Some(living) = self.living(next) {
                if let Some(owner) = self.owners.get_mut(&modem) {
                    owner.boot = living;
                }
            } else {
                self.owners.remove(&modem);
            }
        }
        match self.owners.get(&modem) {
            Some(owner) if owner.is_claimed_of(self.me) => self.leaving.insert(modem),
            _ => self.leaving.remove(&modem),
        };
    }

    fn heir(&self, boot: Boot) -> Option<Boot> {
        self.gateways.get(&boot)?.record.heir
    }

    /// The gateway that stands for `boot` at present; none where it has left in order.
    pub(super) fn living(&self, boot: Boot) -> Option<Boot> {
        let mut boot = boot;
        // Heirs come later than those they inherit from, so this ends.
        for _ in 0..=self.gateways.len() {
            match self.heir(boot) {
                None => return Some(boot),
                Some(heir) if heir == boot => return None,
                Some(heir) => boot = heir,
            }
        }
        None
    }

    /// Whether messages of the modem may be written to Kafka here.
    pub(super) fn is_mine(&self, modem: &ModemName) -> bool {
        let owner = self.owners.get(modem);
        owner.is_some_and(|o| o.boot == self.me && o.claimant.is_none() && o.estate.is_none())
    }

    /// The other gateway that has the modem.
    pub(super) fn elsewhere(&self, modem: &ModemName) -> Option<Boot> {
        let owner = self.living(self.owners.get(modem)?.boot);
        owner.filter(|owner| *owner != self.me)
    }

    /// Whether the marks of the modem are this gateway's to write: also while another claims it.
    pub(super) fn holds(&self, modem: &ModemName) -> bool {
        let owner = self.owners.get(modem);
        owner.is_some_and(|o| o.boot == self.me && o.estate.is_none())
    }

    /// The claim to a modem, where one is to be made.
    pub(super) fn claim(&self, modem: &ModemName) -> Option<OwnerRecord> {
        let owner = self.owners.get(modem);
        let is_made = owner.is_some_and(|o| o.boot == self.me || o.claimant == Some(self.me));
        (!is_made).then(|| OwnerRecord {
            gateway: self.me,
            by: self.me,
            of: owner.map(|owner| owner.boot),
        })
    }

    /// The modems that others have claimed of this gateway, each with the release to be written when
    /// nothing of it is on its way.
    pub(super) fn leaving(&self) -> impl Iterator<Item = (&ModemName, OwnerRecord)> {
        self.leaving.iter().filter_map(|modem| {
            let owner = self.owners.get(modem)?;
            let record = OwnerRecord {
                gateway: owner.claimant?,
                by: self.me,
                of: None,
            };
            owner.estate.is_none().then_some((modem, record))
        })
    }

    /// Earlier runs of this very gateway: of one name only one runs.
    pub(super) fn predecessors(&self) -> Vec<Boot> {
        self.others()
            .filter(|(_, g)| g.record.name == self.name)
            .map(|(boot, _)| boot)
            .collect()
    }

    /// Gateways that nobody has heard for long, as far as this one could have heard them.
    pub(super) fn silent(&self, now: Duration) -> Vec<Boot> {
        let me = self.gateways.get(&self.me);
        let is_in_contact = me.is_some_and(|me| now < me.heard + LAPSE);
        if !is_in_contact || now <= self.in_contact + SILENCE {
            return Vec::new();
        }
        let silent = self.others().filter(|(_, g)| now > g.heard + SILENCE);
        silent.map(|(boot, _)| boot).collect()
    }

    /// Whether this gateway must not go on: it was fenced, or others may be about to.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        let me = self.gateways.get(&self.me);
        let lapsed = me.is_some_and(|me| now > me.heard + LAPSE);
        self.is_deposed || (lapsed && self.others().next().is_some())
    }

    fn others(&self) -> impl Iterator<Item = (Boot, &Gateway)> {
        let living = self
            .gateways
            .iter()
            .filter(|(_, g)| g.record.heir.is_none());
        living
            .filter(|(boot, _)| **boot != self.me)
            .map(|(boot, g)| (*boot, g))
    }

    /// This gateway's own record.
    pub(super) fn own_record(&self, places: Places) -> (Boot, GatewayRecord) {
        let record = GatewayRecord {
            name: self.name.clone(),
            places,
            heir: self.is_leaving.then_some(self.me),
            is_settled: self.is_leaving,
        };
        (self.me, record)
    }

    /// Lets the own record say from here on that this gateway has left in order.
    pub(super) fn leave(&mut self) {
        self.is_leaving = true;
    }

    /// The record that makes this gateway the heir of another.
    pub(super) fn fence(&self, boot: Boot) -> Option<GatewayRecord> {
        let record = self.gateways.get(&boot)?.record.clone();
        Some(GatewayRecord {
            heir: Some(self.me),
            ..record
        })
    }

    /// Those whose last records this gateway has to know before it takes their modems, each with its
    /// record.
    pub(super) fn estates(&self) -> impl Iterator<Item = (Boot, &GatewayRecord)> {
        let gone = self.gateways.iter().filter(|(boot, g)| {
            let is_open = g.record.heir.is_some() && !g.record.is_settled;
            is_open && self.living(**boot) == Some(self.me)
        });
        gone.map(|(boot, gateway)| (*boot, &gateway.record))
    }

    /// Takes the word that what these gateways wrote is known.
    pub(super) fn known(&mut self, estates: &[Boot]) {
        for owner in self.owners.values_mut() {
            owner.estate = owner.estate.filter(|estate| !estates.contains(estate));
        }
    }

    /// The places from which on Kafka has to be read to know what estates hold.
    pub(super) fn scan_from(&self) -> Places {
        let mut estates = self.estates();
        let Some((_, first)) = estates.next() else {
            return self.latest.clone();
        };
        estates.fold(first.places.clone(), |places, (_, next)| {
            places.least(&next.places)
        })
    }

    pub(super) const fn latest(&self) -> &Places {
        &self.latest
    }

    /// Whether a gateway is fenced or has left.
    pub(super) fn is_gone(&self, boot: Boot) -> bool {
        self.heir(boot).is_some()
    }

    /// Whether this gateway has read its own record.
    pub(super) fn is_announced(&self) -> bool {
        self.gateways.contains_key(&self.me)
    }

    /// Counts all silence from now on.
    pub(super) fn begin(&mut self, now: Duration) {
        self.in_contact = now;
        for gateway in self.gateways.values_mut() {
            gateway.heard = now;
        }
    }
}

// === impl Owner ===

impl Owner {
    fn is_claimed_of(&self, boot: Boot) -> bool {
        self.boot == boot && self.claimant.is_some()
    }
}

#[cfg(test)]
mod tests;
