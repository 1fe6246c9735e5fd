//! What a store that is too small drops is told, and all that it held arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use umec_e2e::kafka::Record;
use umec_e2e::nats::Server;
use umec_uplink::machine::GAP;
use umec_wire::MessageId;

use crate::site::{Cloud, Edge, eventually, keys};
use crate::store::Store;

/// Some 500 messages of one reading.
const BYTES: u64 = 200_000;

/// Readings of a message of which the store holds some tens.
const LARGE: u32 = 60;

/// What a store drops again is told up to 20 s later.
const DEADLINE: Duration = Duration::from_mins(3);

/// What has come to Kafka.
struct Told {
    /// The sequences of each device, in the order of the records.
    arrived: BTreeMap<String, Vec<u64>>,
    /// How many messages the node says that its store has dropped.
    dropped: u64,
    /// What devices lack by their own numbers.
    missing: BTreeMap<String, BTreeSet<u64>>,
}

fn told(cloud: &Cloud) -> Told {
    let mut told = Told {
        arrived: BTreeMap::new(),
        dropped: 0,
        missing: BTreeMap::new(),
    };
    for record in cloud.records("umec.readings") {
        let id: MessageId = record.header("umec_message_id").unwrap().parse().unwrap();
        let of_device = told.arrived.entry(id.device.to_string()).or_default();
        of_device.push(id.sequence.get());
    }
    for (device, gap) in gaps(&cloud.records("umec.events")) {
        let messages = gap["messages"].as_u64().unwrap();
        assert_eq!(gap["why"], "store");
        if device == "uplink" {
            assert_eq!(numbers(&gap["positions"]).len() as u64, messages);
            told.dropped += messages;
        } else {
            let numbers = numbers(&gap["sequences"]);
            assert_eq!(numbers.len() as u64, messages, "{gap}");
            let of_device = told.missing.entry(device).or_default();
            for number in numbers {
                assert!(of_device.insert(number), "{number} is told twice");
            }
        }
    }
    told
}

fn gaps(records: &[Record]) -> Vec<(String, Value)> {
    let gaps = records.iter().filter(|r| r.header("ce_type") == Some(GAP));
    gaps.map(|record| {
        let device = record.key.as_deref().unwrap().split_once('/').unwrap().1;
        let data = serde_json::from_str(record.value.as_deref().unwrap()).unwrap();
        (device.to_owned(), data)
    })
    .collect()
}

fn numbers(ranges: &Value) -> Vec<u64> {
    let ranges = ranges.as_array().unwrap().iter();
    let end = |range: &Value, name: &str| range[name].as_u64().unwrap();
    ranges
        .flat_map(|range| end(range, "first")..=end(range, "last"))
        .collect()
}

impl Told {
    fn count(&self) -> u64 {
        self.arrived.values().map(Vec::len).sum::<usize>() as u64
    }

    /// Whether exactly those messages of a device are told to be missing that have not arrived.
    fn tells_all(&self, device: &str, last: u64) -> bool {
        let arrived = self.sequences(device);
        let lacking: BTreeSet<u64> = (1..=last).filter(|n| !arrived.contains(n)).collect();
        self.missing.get(device) == Some(&lacking)
    }

    fn sequences(&self, device: &str) -> BTreeSet<u64> {
        let arrived = &self.arrived[device];
        let set: BTreeSet<u64> = arrived.iter().copied().collect();
        assert_eq!(set.len(), arrived.len(), "something of {device} is doubled");
        set
    }
}

/// Waits until as many messages as this have arrived or are told as dropped.
async fn accounted(cloud: &Cloud, messages: u64) -> Told {
    let mut probe = || {
        let told = told(cloud);
        let (arrived, dropped) = (told.count(), told.dropped);
        let state = format!("{arrived} arrived and {dropped} dropped of {messages}");
        std::future::ready(if arrived + dropped < messages {
            Err(state)
        } else {
            Ok(told)
        })
    };
    umec_e2e::eventually_async(DEADLINE, &mut probe).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_full_store_drops_is_told_to_the_message_and_all_that_it_holds_arrives() {
    let store = Store::of(BYTES, Server::start()).await;
    let keys = keys();
    let mut cloud = Cloud::start("embedded", keys.path()).await;
    cloud.stop().await;
    let edge = Edge::on(store.bus.clone(), cloud.address());
    // More than the uplink takes into memory, 8 MiB at the most, and the store holds together.
    edge.publish_many(&["meter-1", "meter-2", "meter-3"], 1..=20, LARGE)
        .await;
    let pair = ["meter-1", "meter-2"];
    edge.publish_many(&pair, 21..=800, LARGE).await;
    // A device whose run ends in the hole, or before.
    edge.publish_many(&["meter-3"], 21..=60, LARGE).await;
    edge.publish_many(&pair, 801..=1_200, LARGE).await;
    cloud.restart().await;
    let acknowledged = "umec_uplink_acknowledged_messages_total";
    eventually(|| (edge.figure(acknowledged) >= 300.0).then_some(())).await;
    edge.publish_many(&pair, 1_201..=1_210, LARGE).await;
    let all = 2 * 1_210 + 60;
    accounted(&cloud, all).await;
    // Which of a device's messages are missing shows with its next one that is read in order, which may
    // take a while: what is new is read ahead.
    let mut last = 1_210;
    let told = loop {
        let told = told(&cloud);
        if pair.iter().all(|device| told.tells_all(device, last)) {
            break told;
        }
        last += 1;
        assert!(last < 1_300, "{:?}", told.missing);
        edge.publish_many(&pair, last..=last, LARGE).await;
        accounted(&cloud, 2 * last + 60).await;
    };
    let all = 2 * last + 60;
    assert_eq!(told.count() + told.dropped, all);
    assert!(told.dropped > 500, "{} were dropped", told.dropped);
    // Of what has ended less may be known, and nothing wrong.
    let arrived = told.sequences("meter-3");
    let missing = told.missing.get("meter-3").into_iter().flatten();
    assert!(missing.into_iter().all(|number| !arrived.contains(number)));
    let skipped = edge.figure(r#"umec_uplink_skipped_messages_total{reason="store"}"#);
    assert_eq!(skipped.to_string(), told.dropped.to_string());
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_full_store_drops_is_told_once_also_when_the_uplink_begins_anew_meanwhile() {
    let store = Store::of(BYTES, Server::start()).await;
    let keys = keys();
    let mut cloud = Cloud::start("embedded", keys.path()).await;
    let mut edge = Edge::on(store.bus.clone(), cloud.address());
    edge.publish_many(&["meter-1"], 1..=50, 1).await;
    edge.acknowledged(50).await;
    let before = told(&cloud);
    assert_eq!((before.count(), before.dropped), (50, 0));
    cloud.stop().await;
    edge.publish_many(&["meter-1"], 51..=2_000, 1).await;
    edge.restart();
    cloud.restart().await;
    let held = accounted(&cloud, 1_950).await;
    // The broker is new as well.
    assert_eq!(held.count() + held.dropped, 1_950);
    assert!(held.dropped > 500, "{} were dropped", held.dropped);
    let first = *held.sequences("meter-1").first().unwrap();
    assert_eq!(first, 51 + held.dropped);
    edge.acknowledged(2_000).await;
    // What was told is done: the next run finds nothing that is missing.
    edge.restart();
    edge.publish_many(&["meter-1"], 2_001..=2_010, 1).await;
    edge.acknowledged(2_010).await;
    let after = told(&cloud);
    assert_eq!(
        (after.count(), after.dropped),
        (held.count() + 10, held.dropped)
    );
    cloud.stop().await;
}
