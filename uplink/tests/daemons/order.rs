//! The order in which Kafka gets what a node has kept for days.

use std::collections::{BTreeMap, BTreeSet};

use umec_e2e::kafka::{Broker, Record};
use umec_e2e::nats::Server;
use umec_wire::{MessageId, header, kafka};

use crate::site::{Cloud, Edge, eventually, keys};
use crate::store::Store;

const DEVICES: [&str; 3] = ["meter-1", "meter-2", "meter-3"];

/// Three days of a reading a minute, of each device.
const DAYS: u64 = 3 * 24 * 60;

/// The last reading of each device.
const LAST: u64 = DAYS + 300;

/// Room for all of it.
const BYTES: u64 = 64 << 20;

/// Some 500 messages: with the 10,240 that the uplink takes into memory at most less than there are.
const SMALL: u64 = 200_000;

/// The sequences of a device in the order of their records, and whether they are of the backlog.
type Arrived = BTreeMap<String, Vec<(u64, bool)>>;

fn arrived(records: &[Record]) -> Arrived {
    let mut arrived = Arrived::new();
    for record in records {
        let id: MessageId = record.header(kafka::MESSAGE_ID).unwrap().parse().unwrap();
        let is_replayed = record.header(header::REPLAYED).is_some();
        let of_device = arrived.entry(id.device.to_string()).or_default();
        of_device.push((id.sequence.get(), is_replayed));
    }
    arrived
}

/// How many places the farthest one is behind what came before it.
fn disorder(sequences: impl Iterator<Item = u64>) -> u64 {
    let mut highest = 0_u64;
    let mut farthest = 0;
    for sequence in sequences {
        farthest = farthest.max(highest.saturating_sub(sequence));
        highest = highest.max(sequence);
    }
    farthest
}

/// Fills a store of this many bytes while the cloud is away, lets it drain, and cuts it off once more meanwhile.
async fn drained(bytes: u64) -> Arrived {
    let store = Store::of(bytes, Server::start()).await;
    let broker = Broker::start();
    let keys = keys();
    let mut cloud = Cloud::start(&broker.bootstrap(), keys.path()).await;
    cloud.stop().await;
    let edge = Edge::on(store.bus.clone(), cloud.address());
    edge.publish_many(&DEVICES, 1..=DAYS, 1).await;
    cloud.restart().await;
    let acknowledged = || edge.figure("umec_uplink_acknowledged_messages_total");
    eventually(|| (acknowledged() >= 300.0).then_some(())).await;
    edge.publish_many(&DEVICES, DAYS + 1..=DAYS + 10, 1).await;
    // Once more, while the backlog drains and some has been read ahead.
    cloud.stop().await;
    edge.publish_many(&DEVICES, DAYS + 11..=LAST, 1).await;
    cloud.restart().await;
    edge.acknowledged(LAST * DEVICES.len() as u64).await;
    cloud.stop().await;
    arrived(&broker.records("umec.readings"))
}

/// The sequences of one lane.
fn lane(sequences: &[(u64, bool)], is_backlog: bool) -> impl Iterator<Item = u64> {
    let lane = sequences.iter().filter(move |(_, of)| *of == is_backlog);
    lane.map(|(sequence, _)| *sequence)
}

#[tokio::test(flavor = "multi_thread")]
async fn days_of_outage_drain_in_order_behind_what_is_new() {
    let arrived = drained(BYTES).await;
    for device in DEVICES {
        let sequences = &arrived[device];
        let set: BTreeSet<u64> = sequences.iter().map(|(sequence, _)| *sequence).collect();
        assert_eq!(set, (1..=LAST).collect(), "{device}");
        assert_eq!(sequences.len() as u64, LAST, "something is doubled");
        let is_new = |(sequence, is_backlog): &(u64, bool)| *sequence > DAYS && !is_backlog;
        let first_new = sequences.iter().position(is_new);
        let last_old = sequences.iter().rposition(|(_, is_backlog)| *is_backlog);
        assert!(first_new < last_old, "{device}: nothing overtook");
        let disorder = [false, true].map(|of| disorder(lane(sequences, of)));
        assert_eq!(disorder, [0, 0], "{device}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_store_that_overflowed_still_holds_drains_in_order() {
    let arrived = drained(SMALL).await;
    let held: usize = arrived.values().map(Vec::len).sum();
    assert!(
        (held as u64) < LAST * DEVICES.len() as u64,
        "nothing was dropped"
    );
    for device in DEVICES {
        let sequences = &arrived[device];
        assert_eq!(sequences.iter().map(|(s, _)| *s).max(), Some(LAST));
        let disorder = [false, true].map(|of| disorder(lane(sequences, of)));
        assert_eq!(disorder, [0, 0], "{device}");
    }
}
