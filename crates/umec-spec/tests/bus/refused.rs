//! What no process may do, each attempt made and refused.

use async_nats::ConnectOptions;
use bytes::Bytes;
use futures_util::StreamExt;

use crate::fixture::{Bus, Connected, NEVER, SOON, a_plan};

/// Who tries to publish or request what.
const PUBLISHES: &[(&str, &str)] = &[
    // a plugin for another plugin's device
    ("modbus", "umec.v1.n.station-1.readings"),
    ("weather", "umec.v1.n.heater-1.readings"),
    ("weather", "umec.v1.n.heater-1.status"),
    // for a device, a node or a version that is not there
    ("modbus", "umec.v1.n.heater-3.readings"),
    ("modbus", "umec.v1.other.heater-1.readings"),
    ("modbus", "umec.v2.n.heater-1.readings"),
    // what is not a plugin's to say
    ("modbus", "umec.v1.n.heater-1.aggregates"),
    ("modbus", "umec.v1.n.heater-1.command.setpoint"),
    ("weather", "umec.v1.n.heater-1.command.setpoint"),
    // a plugin and JetStream
    ("modbus", "$JS.API.STREAM.INFO.UMEC"),
    ("modbus", "$JS.API.STREAM.PURGE.UMEC"),
    ("modbus", "JS.bus.API.STREAM.INFO.UMEC"),
    ("modbus", "JS.bus.API.CONSUMER.CREATE.UMEC.spy"),
    ("modbus", "$JS.API.DIRECT.GET.UMEC"),
    ("modbus", "$SYS.REQ.SERVER.PING"),
    // the edge API speaks for no device, and does not touch the stream or an uplink's position
    ("edge-api", "umec.v1.n.heater-1.readings"),
    ("edge-api", "umec.v1.n.heater-1.status"),
    ("edge-api", "umec.v1.n.heater-3.aggregates"),
    ("edge-api", "JS.bus.API.STREAM.DELETE.UMEC"),
    ("edge-api", "JS.bus.API.STREAM.PURGE.UMEC"),
    ("edge-api", "JS.bus.API.STREAM.UPDATE.UMEC"),
    ("edge-api", "JS.bus.API.STREAM.MSG.DELETE.UMEC"),
    ("edge-api", "JS.bus.API.CONSUMER.CREATE.UMEC.uplink-cloud"),
    ("edge-api", "JS.bus.API.CONSUMER.DELETE.UMEC.uplink-cloud"),
    ("edge-api", "JS.bus.API.CONSUMER.MSG.NEXT.UMEC.uplink-cloud"),
    ("edge-api", "$JS.ACK.UMEC.uplink-cloud.1.1.1.1.0"),
    // an uplink says nothing about devices, and commands only those that its resource allows
    ("uplink-cloud", "umec.v1.n.heater-1.readings"),
    ("uplink-cloud", "umec.v1.n.heater-1.aggregates"),
    ("uplink-cloud", "umec.v1.n.heater-2.command.setpoint"),
    ("uplink-spare", "umec.v1.n.heater-1.command.setpoint"),
    (
        "uplink-spare",
        "JS.bus.API.CONSUMER.DELETE.UMEC.uplink-cloud",
    ),
    ("uplink-spare", "$JS.ACK.UMEC.uplink-cloud.1.1.1.1.0"),
    ("uplink-cloud", "JS.bus.API.STREAM.PURGE.UMEC"),
    // the operator looks, and says nothing in a device's name
    ("cli", "umec.v1.n.heater-1.readings"),
    ("cli", "umec.v1.n.heater-1.command.setpoint"),
];

/// Who tries to subscribe to what.
const SUBSCRIBES: &[(&str, &str)] = &[
    ("modbus", ">"),
    ("modbus", "umec.v1.>"),
    ("modbus", "umec.v1.n.heater-1.readings"),
    ("modbus", "umec.v1.n.station-1.command.*"),
    ("modbus", "_INBOX.>"),
    ("modbus", "_INBOX.weather.>"),
    ("weather", "umec.v1.n.heater-1.command.*"),
    ("edge-api", "umec.v1.>"),
    ("edge-api", "umec.v1.n.heater-1.command.*"),
    ("edge-api", "_INBOX.uplink-cloud.>"),
    ("uplink-cloud", "umec.v1.>"),
    ("uplink-cloud", "$JS.>"),
    ("cli", "$SYS.>"),
    ("cli", "_INBOX.modbus.>"),
];

#[tokio::test]
async fn nobody_publishes_or_asks_what_is_not_his() {
    let bus = Bus::start().await;
    for (user, subject) in PUBLISHES {
        let mut user = bus.connect(user).await;
        let body = Bytes::from_static(b"{}");
        user.client.publish(*subject, body).await.unwrap();
        let complaint = user.complaint().await;
        assert!(
            complaint
                .to_lowercase()
                .contains("permissions violation for publish"),
            "{subject}: {complaint:?}"
        );
    }
    assert_eq!(messages(&bus.connect("cli").await).await, 0);
}

#[tokio::test]
async fn nobody_subscribes_to_what_is_not_his() {
    let bus = Bus::start().await;
    for (user, subject) in SUBSCRIBES {
        let mut user = bus.connect(user).await;
        let _subscription = user.client.subscribe(*subject).await.unwrap();
        let complaint = user.complaint().await;
        assert!(
            complaint
                .to_lowercase()
                .contains("permissions violation for subscription"),
            "{subject}: {complaint:?}"
        );
    }
}

#[tokio::test]
async fn a_plugin_hears_nothing_of_the_other_plugin() {
    let bus = Bus::start().await;
    let weather = bus.connect("weather").await;
    let mut own = weather
        .client
        .subscribe("umec.v1.n.station-1.command.*")
        .await
        .unwrap();
    weather.client.flush().await.unwrap();
    let modbus = bus.connect("modbus").await;
    let forbidden = "umec.v1.n.station-1.command.setpoint";
    modbus
        .client
        .publish(forbidden, Bytes::new())
        .await
        .unwrap();
    modbus.client.flush().await.unwrap();
    let edge_api = bus.connect("edge-api").await;
    let allowed = "umec.v1.n.station-1.command.calibrate";
    edge_api
        .client
        .publish(allowed, Bytes::new())
        .await
        .unwrap();
    let first = tokio::time::timeout(SOON, own.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        first.subject.as_str(),
        allowed,
        "the forbidden one was sent before"
    );
    assert!(tokio::time::timeout(NEVER, own.next()).await.is_err());
}

#[tokio::test]
async fn nobody_enters_without_credentials_or_with_those_of_another_installation() {
    let bus = Bus::start().await;
    let url = bus.server.url();
    let nobody = ConnectOptions::new().connect(&url).await;
    assert!(nobody.is_err(), "without credentials");
    let password = ConnectOptions::with_user_and_password("modbus".into(), "modbus".into());
    assert!(password.connect(&url).await.is_err(), "with a password");
    let foreign = a_plan(8).nodes.into_values().next().unwrap().bus;
    for user in &foreign.users {
        let options = ConnectOptions::with_credentials(user.credentials.reveal()).unwrap();
        assert!(
            options.connect(&url).await.is_err(),
            "{} of another root",
            user.name
        );
    }
}

#[tokio::test]
async fn a_token_without_its_seed_is_of_no_use() {
    let bus = Bus::start().await;
    let credentials = |user: &str| bus.plan.user(user).unwrap().credentials.reveal().to_owned();
    let (modbus, weather) = (credentials("modbus"), credentials("weather"));
    let token = modbus.split("-----BEGIN USER NKEY SEED").next().unwrap();
    let seed = weather.split_once("-----BEGIN USER NKEY SEED").unwrap().1;
    let mixed = format!("{token}-----BEGIN USER NKEY SEED{seed}");
    let options = ConnectOptions::with_credentials(&mixed).unwrap();
    assert!(options.connect(bus.server.url()).await.is_err());
}

async fn messages(operator: &Connected) -> u64 {
    let info = operator.api("STREAM.INFO.UMEC", "").await.unwrap();
    info["state"]["messages"].as_u64().unwrap()
}
