//! What every bus must do. Each check is given a bus with an empty stream.

use std::time::Duration;

use nkeys::KeyPair;
use umec_sdk::bus::{Ack, CommandError, Filter, Follow, Outbox, PublishError, Start, Stored};
use umec_sdk::{Bus, Node};
use umec_spec::settings::Trust;
use umec_spec::settings::stream::StreamSettings;
use umec_wire::command::{CommandId, CommandRequest, CommandResult, Outcome};
use umec_wire::signature::PublicKey;
use umec_wire::subject::Target;
use umec_wire::topic::CommandTopic;
use umec_wire::{
    Boot, CommandName, DeviceName, Label, MessageId, Pack, PluginName, Reading, Readings, Sequence,
    Series, Span, Status, Statuses, Topic, Value, status::State,
};

/// A bus with an empty stream, and the node it is used on.
pub(crate) struct Setup {
    pub(crate) bus: Bus,
    /// The same bus, as somebody whom `bus` does not believe.
    pub(crate) stranger: Bus,
    pub(crate) node: Node,
}

impl Setup {
    pub(crate) async fn new(bus: Bus, stranger: Bus, node: Node) -> Self {
        let stream = StreamSettings::bounded(100_000_000, Span::from_secs(86_400));
        bus.ensure_stream(&stream).await.unwrap();
        Self {
            bus,
            stranger,
            node,
        }
    }

    fn id(device: &str, sequence: u64) -> MessageId {
        MessageId {
            device: DeviceName::new(device).unwrap(),
            boot: Boot::from_bits(7),
            sequence: Sequence::new(sequence).unwrap(),
        }
    }

    fn topic<K: umec_wire::Kind>(&self, device: &str) -> Topic<K> {
        Topic::new(self.node.name.clone(), DeviceName::new(device).unwrap())
    }

    fn pack(&self, device: &str, value: f64) -> Pack {
        Pack {
            node: self.node.name.clone(),
            device: DeviceName::new(device).unwrap(),
            readings: vec![Reading {
                series: Series::raw("power".parse().unwrap()),
                time: self.node.clock.now(),
                unit: Some("W".parse().unwrap()),
                value: Value::number(value).unwrap(),
            }],
        }
    }

    pub(crate) fn outbox(&self, capacity: usize) -> Outbox {
        let Node { tasks, metrics, .. } = &self.node;
        self.bus.outbox(tasks, metrics, capacity)
    }

    pub(crate) fn push(&self, outbox: &Outbox, device: &str, sequence: u64) {
        let topic = self.topic::<Readings>(device);
        let id = Self::id(device, sequence);
        outbox.push(&topic, &id, &self.pack(device, 1.0), None);
    }

    pub(crate) async fn follow(&self, start: Start) -> Follow {
        self.bus.follow(start, Filter::default()).await.unwrap()
    }

    /// Position, device and sequence of what the stream holds.
    pub(crate) async fn history(&self, start: Start, filter: Filter) -> Vec<(u64, String, u64)> {
        let mut follow = self.bus.follow(start, filter).await.unwrap();
        let mut all = Vec::new();
        while let Some(stored) = follow.recorded().await {
            all.push(seen(&stored));
        }
        assert!(follow.caught_up());
        all
    }

    pub(crate) async fn try_publish(
        &self,
        device: &str,
        sequence: u64,
    ) -> Result<Ack, PublishError> {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let pack = self.pack(device, sequence as f64);
        let topic = self.topic::<Readings>(device);
        let id = Self::id(device, sequence);
        self.bus.publish(&topic, &id, &pack, None).await
    }

    pub(crate) async fn publish(&self, device: &str, sequence: u64) -> Ack {
        self.try_publish(device, sequence).await.unwrap()
    }

    async fn publish_status(&self, device: &str, sequence: u64) -> Ack {
        let status = Status {
            state: State::Up,
            reason: None,
            since: self.node.clock.now(),
            plugin: PluginName::new("modbus").unwrap(),
            identity: umec_wire::status::Identity::default(),
            metrics: Vec::new(),
            problems: std::collections::BTreeMap::new(),
        };
        let topic = self.topic::<Statuses>(device);
        let id = Self::id(device, sequence);
        self.bus.publish(&topic, &id, &status, None).await.unwrap()
    }
}

/// All devices of the checks, for one signer.
pub(crate) fn trust(pair: &KeyPair) -> Trust {
    let devices = ["a", "b", "c", "meter-3", "heater-1"];
    let devices: Vec<DeviceName> = devices.map(|d| DeviceName::new(d).unwrap()).into();
    Trust {
        key: PublicKey::of(pair),
        publish: devices.clone(),
        aggregate: devices.clone(),
        command: devices,
    }
}

/// What a check looks at: position, device and sequence.
fn seen(stored: &Stored) -> (u64, String, u64) {
    let id = &stored.message.id;
    (stored.sequence, id.device.to_string(), id.sequence.get())
}

pub(crate) async fn a_published_message_is_followed_as_it_was_sent(setup: Setup) {
    let mut follow = setup
        .bus
        .follow(Start::New, Filter::default())
        .await
        .unwrap();
    assert!(follow.caught_up());
    let pack = setup.pack("meter-3", 230.5);
    let (topic, id) = (setup.topic::<Readings>("meter-3"), Setup::id("meter-3", 1));
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        .parse()
        .unwrap();
    let ack = setup
        .bus
        .publish(&topic, &id, &pack, Some(trace))
        .await
        .unwrap();
    assert_eq!(
        ack,
        Ack {
            sequence: 1,
            duplicate: false
        }
    );
    let stored = follow.next().await.unwrap();
    assert_eq!(seen(&stored), (1, "meter-3".to_owned(), 1));
    assert_eq!(stored.message.trace, Some(trace));
    assert_eq!(stored.message.subject.to_string(), topic.subject());
    assert_eq!(
        stored.message.header("content-type"),
        Some("application/senml+json")
    );
    assert_eq!(stored.message.decode::<Readings>().unwrap(), pack);
}

pub(crate) async fn a_message_id_is_stored_once(setup: Setup) {
    assert_eq!(
        setup.publish("meter-3", 1).await,
        Ack {
            sequence: 1,
            duplicate: false
        }
    );
    assert_eq!(
        setup.publish("meter-3", 1).await,
        Ack {
            sequence: 1,
            duplicate: true
        }
    );
    assert_eq!(
        setup.publish("meter-3", 2).await,
        Ack {
            sequence: 2,
            duplicate: false
        }
    );
}

pub(crate) async fn a_follow_begins_where_it_is_told(setup: Setup) {
    setup.publish("a", 1).await;
    setup.publish("b", 1).await;
    setup.publish("a", 2).await;
    setup.publish_status("a", 3).await;
    let all = Filter::default();
    let sequences = async |start| -> Vec<u64> {
        let seen = setup.history(start, all.clone()).await;
        seen.into_iter().map(|(sequence, _, _)| sequence).collect()
    };
    assert_eq!(sequences(Start::First).await, [1, 2, 3, 4]);
    assert_eq!(sequences(Start::Sequence(3)).await, [3, 4]);
    assert_eq!(sequences(Start::Sequence(9)).await, [] as [u64; 0]);
    assert_eq!(sequences(Start::LastPerSubject).await, [2, 3, 4]);
    assert_eq!(sequences(Start::New).await, [] as [u64; 0]);
    let bounds = setup.bus.bounds().await.unwrap();
    assert_eq!(
        sequences(Start::Time(bounds.first_time)).await,
        [1, 2, 3, 4]
    );
    let after = bounds.last_time.saturating_add(Duration::from_secs(1));
    assert_eq!(sequences(Start::Time(after)).await, [] as [u64; 0]);
}

pub(crate) async fn history_ends_where_the_stream_ended(setup: Setup) {
    setup.publish("a", 1).await;
    let mut follow = setup
        .bus
        .follow(Start::First, Filter::default())
        .await
        .unwrap();
    assert!(!follow.caught_up());
    assert_eq!(follow.recorded().await.unwrap().sequence, 1);
    assert!(follow.recorded().await.is_none());
    setup.publish("a", 2).await;
    assert_eq!(follow.next().await.unwrap().sequence, 2);
}

pub(crate) async fn a_filter_chooses_devices_and_targets(setup: Setup) {
    setup.publish("a", 1).await;
    setup.publish_status("a", 2).await;
    setup.publish("b", 1).await;
    setup.publish("c", 1).await;
    let readings = Filter::targets([Target::Readings]);
    let seen = setup.history(Start::First, readings.clone()).await;
    assert_eq!(seen.len(), 3);
    let devices = vec![DeviceName::new("a").unwrap(), DeviceName::new("c").unwrap()];
    let both = Filter {
        devices,
        ..readings
    };
    let seen = setup.history(Start::First, both).await;
    assert_eq!(seen, [(1, "a".to_owned(), 1), (4, "c".to_owned(), 1)]);
}

pub(crate) async fn a_cursor_begins_after_what_was_acknowledged(setup: Setup) {
    let name = Label::new("uplink").unwrap();
    for sequence in 1..=5 {
        setup.publish("a", sequence).await;
    }
    let mut cursor = setup.bus.cursor(&name, Filter::default()).await.unwrap();
    for sequence in 1..=4 {
        assert_eq!(cursor.next().await.unwrap().sequence, sequence);
    }
    for sequence in [2, 1, 4] {
        cursor.acknowledge(sequence);
    }
    assert_eq!(cursor.unacknowledged(), 1);
    cursor.flush().await;
    drop(cursor);
    for _ in 0..2 {
        let mut cursor = setup.bus.cursor(&name, Filter::default()).await.unwrap();
        for sequence in 3..=5 {
            assert_eq!(cursor.next().await.unwrap().sequence, sequence);
        }
    }
}

pub(crate) async fn an_outbox_delivers_everything_in_order(setup: Setup) {
    let outbox = setup.outbox(1_000);
    for sequence in 1..=50 {
        for device in ["a", "b", "c"] {
            setup.push(&outbox, device, sequence);
        }
    }
    outbox.settled().await;
    let all = setup.history(Start::First, Filter::default()).await;
    for device in ["a", "b", "c"] {
        let of_device = all.iter().filter(|(_, name, _)| name == device);
        let sequences: Vec<u64> = of_device.map(|(_, _, sequence)| *sequence).collect();
        assert_eq!(sequences, (1..=50).collect::<Vec<u64>>());
    }
    drop(outbox);
    setup
        .node
        .tasks
        .drain(Duration::from_secs(5))
        .await
        .unwrap();
}

pub(crate) fn command(setup: &Setup, id: &str) -> (CommandTopic, CommandRequest) {
    let topic = CommandTopic {
        node: setup.node.name.clone(),
        device: DeviceName::new("heater-1").unwrap(),
        name: CommandName::new("setpoint").unwrap(),
    };
    let request = CommandRequest {
        id: CommandId(Label::new(id).unwrap()),
        value: Some(Value::number(21.5).unwrap()),
        issuer: "test".to_owned(),
        expires: setup
            .node
            .clock
            .now()
            .saturating_add(Duration::from_secs(5)),
    };
    (topic, request)
}

pub(crate) async fn a_command_ends_in_its_result(setup: Setup) {
    let (topic, request) = command(&setup, "c-1");
    let mut commands = setup
        .bus
        .commands(&topic.node, &topic.device)
        .await
        .unwrap();
    let expected = CommandResult {
        id: request.id.clone(),
        outcome: Outcome::Done,
        reason: None,
        value: request.value.clone(),
        time: setup.node.clock.now(),
    };
    let asked = setup.bus.command(&topic, &request);
    let answered = async {
        let incoming = commands.next().await.unwrap();
        assert_eq!(incoming.topic, topic);
        assert_eq!(incoming.request, request);
        incoming.answer(expected.clone()).await;
    };
    let (result, ()) = tokio::join!(asked, answered);
    assert_eq!(result.unwrap(), expected);
}

pub(crate) async fn a_command_that_nobody_takes_is_told_at_once(setup: Setup) {
    let (topic, request) = command(&setup, "c-2");
    let error = setup.bus.command(&topic, &request).await.unwrap_err();
    assert_eq!(
        error,
        CommandError::NobodyListens {
            device: topic.device
        }
    );
}

pub(crate) async fn the_bounds_tell_what_the_stream_holds(setup: Setup) {
    let bounds = setup.bus.bounds().await.unwrap();
    assert!(bounds.is_empty());
    setup.publish("a", 1).await;
    setup.publish("a", 2).await;
    let bounds = setup.bus.bounds().await.unwrap();
    assert_eq!((bounds.first_sequence, bounds.last_sequence), (1, 2));
    assert!(!bounds.is_empty());
    assert!(bounds.first_time <= bounds.last_time);
}
