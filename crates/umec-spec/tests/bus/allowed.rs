//! What the processes of a node do all day.

use async_nats::jetstream::{self, consumer};
use bytes::Bytes;
use futures_util::StreamExt;

use crate::fixture::{Bus, SOON, a_plan};

#[tokio::test]
async fn a_plugin_publishes_with_acknowledgement_and_a_repeat_is_marked() {
    let bus = Bus::start().await;
    let plugin = bus.connect("modbus").await;
    for (number, kind) in ["readings", "events", "status"].into_iter().enumerate() {
        let subject = format!("umec.v1.n.heater-1.{kind}");
        let acknowledgement = plugin.publish(&subject, kind).await.unwrap();
        assert_eq!(acknowledgement["stream"], "UMEC");
        assert_eq!(acknowledgement["seq"], number + 1);
    }
    let repeat = plugin
        .publish("umec.v1.n.heater-1.readings", "readings")
        .await
        .unwrap();
    assert_eq!(
        (&repeat["seq"], &repeat["duplicate"]),
        (&1.into(), &true.into())
    );
}

#[tokio::test]
async fn readers_read_the_stream_in_order_and_directly() {
    let bus = Bus::start().await;
    let plugin = bus.connect("modbus").await;
    for id in ["1", "2", "3"] {
        plugin
            .publish("umec.v1.n.heater-2.readings", id)
            .await
            .unwrap();
    }
    for name in ["edge-api", "uplink-cloud"] {
        let reader = bus.connect(name).await;
        let context = jetstream::with_prefix(reader.client.clone(), reader.api);
        let stream = context.get_stream("UMEC").await.unwrap();
        // Only a consumer with a name can be created by a subject that tells it.
        let ordered = consumer::pull::OrderedConfig {
            name: Some(format!("{name}-reads")),
            ..consumer::pull::OrderedConfig::default()
        };
        let consumer = stream.create_consumer(ordered).await.unwrap();
        let mut messages = consumer.messages().await.unwrap();
        for id in ["1", "2", "3"] {
            let message = tokio::time::timeout(SOON, messages.next()).await.unwrap();
            let message = message.unwrap().unwrap();
            assert_eq!(message.subject.as_str(), "umec.v1.n.heater-2.readings");
            assert_eq!(
                message
                    .headers
                    .as_ref()
                    .unwrap()
                    .get("Nats-Msg-Id")
                    .unwrap()
                    .as_str(),
                id
            );
        }
        let last = stream
            .direct_get_last_for_subject("umec.v1.n.heater-2.readings")
            .await;
        assert_eq!(last.unwrap().sequence, 3);
    }
}

#[tokio::test]
async fn an_uplink_keeps_its_position_in_a_durable_consumer() {
    let bus = Bus::start().await;
    let plugin = bus.connect("modbus").await;
    for id in ["1", "2", "3"] {
        plugin
            .publish("umec.v1.n.heater-1.readings", id)
            .await
            .unwrap();
    }
    let durable = || consumer::pull::Config {
        durable_name: Some("uplink-cloud".to_owned()),
        ack_policy: consumer::AckPolicy::All,
        ..consumer::pull::Config::default()
    };
    for expected in [1, 3] {
        let uplink = bus.connect("uplink-cloud").await;
        let context = jetstream::with_prefix(uplink.client.clone(), uplink.api);
        let stream = context.get_stream("UMEC").await.unwrap();
        let consumer = stream
            .get_or_create_consumer("uplink-cloud", durable())
            .await
            .unwrap();
        let mut messages = consumer.messages().await.unwrap();
        let first = tokio::time::timeout(SOON, messages.next()).await.unwrap();
        let first = first.unwrap().unwrap();
        assert_eq!(first.info().unwrap().stream_sequence, expected);
        if expected == 1 {
            let second = messages.next().await.unwrap().unwrap();
            second.double_ack().await.unwrap();
            // The third one goes back at once, instead of after the time for acknowledgements.
            let third = messages.next().await.unwrap().unwrap();
            third.ack_with(jetstream::AckKind::Nak(None)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_edge_api_publishes_aggregates() {
    let bus = Bus::start().await;
    let edge_api = bus.connect("edge-api").await;
    for device in ["heater-1", "station-1"] {
        let subject = format!("umec.v1.n.{device}.aggregates");
        let acknowledgement = edge_api.publish(&subject, device).await.unwrap();
        assert_eq!(acknowledgement["stream"], "UMEC");
    }
}

#[tokio::test]
async fn commands_reach_the_plugin_and_its_answer_comes_back() {
    let bus = Bus::start().await;
    for (plugin, device, callers) in [
        ("modbus", "heater-1", &["edge-api", "uplink-cloud"][..]),
        ("weather", "station-1", &["edge-api"]),
    ] {
        let plugin = bus.connect(plugin).await;
        let subject = format!("umec.v1.n.{device}.command.*");
        let mut commands = plugin.client.subscribe(subject).await.unwrap();
        plugin.client.flush().await.unwrap();
        for caller in callers {
            let caller = bus.connect(caller).await;
            let subject = format!("umec.v1.n.{device}.command.setpoint");
            let body = Bytes::from_static(b"20");
            let ask = caller.client.request(subject.clone(), body);
            let answer = async {
                let command = commands.next().await.unwrap();
                assert_eq!(command.subject.as_str(), subject);
                let reply = command.reply.unwrap();
                plugin.client.publish(reply, command.payload).await.unwrap();
            };
            let (result, ()) = tokio::join!(ask, answer);
            assert_eq!(result.unwrap().payload, "20");
        }
    }
}

#[tokio::test]
async fn the_operator_sees_everything_that_devices_say() {
    let bus = Bus::start().await;
    let operator = bus.connect("cli").await;
    let mut all = operator.client.subscribe("umec.v1.>").await.unwrap();
    operator.client.flush().await.unwrap();
    let plugin = bus.connect("weather").await;
    plugin
        .publish("umec.v1.n.station-1.readings", "1")
        .await
        .unwrap();
    let seen = tokio::time::timeout(SOON, all.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(seen.subject.as_str(), "umec.v1.n.station-1.readings");
}

#[tokio::test]
async fn a_node_of_many_devices_has_the_same_short_credentials() {
    const DEVICES: usize = 400;
    let bus = Bus::with_heaters(DEVICES).await;
    let few = a_plan(7).nodes.into_values().next().unwrap().bus;
    for user in &few.users {
        let own = bus.plan.user(user.name.as_str()).unwrap();
        let lengths = [own, user].map(|user| user.credentials.reveal().len());
        assert_eq!(lengths[0], lengths[1], "{}", user.name);
    }
    let plugin = bus.connect("modbus").await;
    let subject = format!("umec.v1.n.more-{}.readings", DEVICES - 1);
    let acknowledgement = plugin.publish(&subject, "1").await.unwrap();
    assert_eq!(acknowledgement["seq"], 1);
}
