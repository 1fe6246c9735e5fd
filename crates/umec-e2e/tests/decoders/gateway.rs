//! What the gateway reads from Kafka: `umec-gateway`.

use umec_gateway::request::Request;

use crate::table::Decoder;

/// What is read here.
pub(crate) fn decoders() -> Vec<Decoder> {
    vec![commands_in_kafka()]
}

fn commands_in_kafka() -> Decoder {
    let seeds: &[&[u8]] = &[
        br#"n/d {"id":"c-1","name":"setpoint","value":21.5,"issuer":"x","expires":"2026-11-21T09:30:10Z"}"#,
        br#"n/d {"id":"c-2","name":"heater","value":true,"expires":"2026-11-21T09:30:10Z"}"#,
    ];
    // The key stands before the first space, the value after it.
    Decoder::new("kafka-command", seeds, |body| {
        let mut parts = body.splitn(2, |byte| *byte == b' ');
        let (key, value) = (parts.next(), parts.next());
        match Request::read(key, value, (0, 7)) {
            Ok(_) => true,
            Err(unreadable) => {
                assert!(!unreadable.reason.text.is_empty(), "a refusal says why");
                false
            }
        }
    })
}
