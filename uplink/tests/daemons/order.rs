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

/// Room for all of it.
const BYTES: u64 = 64 << 20;

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

#[tokio::test(flavor = "multi_thread")]
async fn days_of_outage_drain_in_order_behind_what_is_new() {
    let store = Store::of(BYTES, Server::start()).await;
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
    edge.publish_many(&DEVICES, DAYS + 11..=DAYS + 300, 1).await;
    cloud.restart().await;
    let last = DAYS + 300;
    let all = last * DEVICES.len() as u64;
    edge.acknowledged(all).await;
    let again = edge.figure("umec_uplink_sent_again_batches_total");
    cloud.stop().await;
    let arrived = arrived(&broker.records("umec.readings"));
    for (device, sequences) in &arrived {
        let set: BTreeSet<u64> = sequences.iter().map(|(sequence, _)| *sequence).collect();
        assert_eq!(set, (1..=last).collect(), "{device}");
        assert_eq!(
            sequences.len() as u64,
            last,
            "something of {device} is doubled"
        );
        let of = |lane: bool| {
            let lane = sequences
                .iter()
                .filter(move |(_, replayed)| *replayed == lane);
            lane.map(|(sequence, _)| *sequence)
        };
        let disorder = (disorder(of(false)), disorder(of(true)));
        let first_new = sequences
            .iter()
            .position(|(s, replayed)| *s > DAYS && !replayed);
        let last_old = sequences.iter().rposition(|(_, replayed)| *replayed);
        assert!(first_new < last_old, "{device}: nothing overtook");
        assert_eq!(
            disorder,
            (0, 0),
            "{device}, {again} batches were sent again"
        );
    }
    assert_eq!(arrived.len(), DEVICES.len());
}
