//! The gateway as a process, with sinks: what it shows, and that a sink that hangs holds nobody up.

use std::net::TcpListener;
use std::time::Duration;

use umec_e2e::program::{self, Running, address};
use umec_wire::modem::{Heard, Modems, Protocol};

use crate::site::{Edge, keys};

const DEADLINE: Duration = Duration::from_mins(1);

async fn get(url: &str) -> String {
    let response = reqwest::get(url).await.unwrap();
    assert!(response.status().is_success(), "{url}: {response:?}");
    response.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grafana_that_never_answers_holds_nobody_up_and_prometheus_sees_last_values() {
    // Connections are taken by the kernel, and nobody ever reads from them.
    let grafana = TcpListener::bind("127.0.0.1:0").unwrap();
    let keys = keys();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let config = format!(
        "node: cloud
admin: {{ listen: '127.0.0.1:0', addressFile: {} }}
settings:
  listen: 127.0.0.1:0
  addressFile: {}
  keys: {}
  kafka: {{ bootstrap: embedded, partitions: 1 }}
  sinks:
    grafana: {{ url: 'http://{}/api/live/push/umec', timeout: 200ms }}
    prometheus: {{ series: 1 }}
",
        file("admin").display(),
        file("udp").display(),
        keys.path().display(),
        grafana.local_addr().unwrap(),
    );
    let mut gateway = Running::with_config(&program::binary("umec-gateway"), &config);
    let edge = Edge::start(address(&file("udp"), DEADLINE));
    edge.publish(1..=500).await;
    edge.acknowledged(500).await;

    let admin = address(&file("admin"), DEADLINE);
    let series = r#"{node="pole-7",device="meter-3",metric="power",unit="W"}"#;
    let mut last = async || {
        let text = get(&format!("http://{admin}/readings")).await;
        let value = format!("umec_reading{series} 500\n");
        let time = format!("umec_reading_time_seconds{series} 1763716200.500\n");
        let is_shown = text.contains(&value) && text.contains(&time);
        if is_shown { Ok(()) } else { Err(text) }
    };
    umec_e2e::eventually_async(DEADLINE, &mut last).await;

    let text = get(&format!("http://{admin}/modems")).await;
    let modems: Modems = serde_json::from_str(&text).unwrap();
    let modem = &modems.items[0];
    assert_eq!(modem.modem.as_str(), "pole-7");
    assert_eq!((modem.protocol, modem.state), (Protocol::V2, Heard::Up));
    assert_eq!(modem.loss.unwrap().missing, 0);
    assert_eq!(modem.carrier, None);

    let text = get(&format!("http://{admin}/metrics")).await;
    assert!(
        text.contains("umec_gateway_sink_up{sink=\"grafana\"} 0"),
        "{text}"
    );
    assert!(gateway.stop(DEADLINE).success(), "{}", gateway.tail());
}
