//! What users write and what processes are told: `umec-spec`.

use umec_spec::keys::Keys;
use umec_spec::plan::plan;
use umec_spec::resource::Resources;
use umec_wire::Timestamp;

use crate::table::Decoder;

/// What is read here.
pub(crate) fn decoders() -> Vec<Decoder> {
    vec![resources_and_the_plan_of_what_is_taken()]
}

/// One resource of each kind, short, so that a change hits something that matters.
const RESOURCES: &[&[u8]] = &[
    include_bytes!("../../../../examples/python-plugin/site.yaml"),
    br#"
apiVersion: umec.dev/v1alpha1
kind: EdgeNode
metadata: { name: n }
spec: { site: s, bus: { store: { bytes: 1Gi, age: 7d } } }
---
apiVersion: umec.dev/v1alpha1
kind: DeviceProfile
metadata: { name: p }
spec:
  modbus: { byteOrder: ABCD, maxRegisters: 125, maxGap: 8 }
  metrics:
    - { name: t, unit: Cel, modbus: { table: input, address: 0, type: i16, scale: 0.1 }, every: 1s, range: { min: -40, max: 85 }, report: { deadband: 0.1, heartbeat: 60s } }
    - { name: h, modbus: { table: coil, address: 0 }, write: {} }
---
apiVersion: umec.dev/v1alpha1
kind: Device
metadata: { name: d, annotations: { umec.dev/simulate: "true" } }
spec: { node: n, profile: p, modbus: { serial: { path: /dev/ttyUSB0, baud: 19200, parity: even }, unit: 3 } }
"#,
    br#"
apiVersion: umec.dev/v1alpha1
kind: Uplink
metadata: { name: cloud }
spec:
  gateway: "127.0.0.1:6001"
  identity: { key: { secret: k } }
  send: [{ kind: readings, devices: ["t-*"] }, { kind: aggregates, window: 1m }, { kind: events }]
---
apiVersion: umec.dev/v1alpha1
kind: EdgeApi
metadata: { name: default }
spec:
  windows: [10s, 1m]
  tokens: [{ name: c, allow: [read, command], devices: ["t-*"], secret: s }]
"#,
];

fn resources_and_the_plan_of_what_is_taken() -> Decoder {
    let keys = Keys::from_root([7; 32], Timestamp::from_millis(1_763_716_200_000));
    Decoder::slow("resources", RESOURCES, move |body| {
        let text = String::from_utf8_lossy(body).into_owned();
        match Resources::read([("site.yaml".to_owned(), text)]) {
            Ok(resources) => {
                plan(&resources, &keys);
                true
            }
            Err(errors) => {
                assert!(!errors.is_empty(), "a refusal says why");
                for error in errors {
                    assert!(error.to_string().contains("site.yaml"), "{error}");
                }
                false
            }
        }
    })
}
