//! The house: every package, where it lives and what it may import; and the doors to the outside world.

/// One package and its rights.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// The package, which is also the binary and the service's name in the logs.
    pub package: &'static str,
    /// Its folder.
    pub folder: &'static str,
    /// What it may link from this workspace.
    pub may_import: &'static [&'static str],
    /// Whether it may take `umec-sdk` with the feature `nats`.
    pub may_use_the_bus: bool,
    /// Whether it is a process with `main.rs`, `lib.rs` and `config.rs`.
    pub is_daemon: bool,
}

/// Plugins and the node's faces.
const NODE: &[&str] = &["umec-wire", "umec-spec", "umec-sdk"];

/// Every package there may be.
pub const HOUSE: &[Room] = &[
    linked("umec-wire", "crates/umec-wire", &[]),
    linked("umec-spec", "crates/umec-spec", &["umec-wire"]),
    Room {
        may_use_the_bus: true,
        ..linked("umec-sdk", "crates/umec-sdk", &["umec-wire", "umec-spec"])
    },
    linked("umec-e2e", "crates/umec-e2e", &["umec-wire", "umec-spec"]),
    linked("xtask", "crates/xtask", &[]),
    on_the_node("umec-modbus", "plugins/modbus"),
    on_the_node("umec-edge-api", "edge-api"),
    on_the_node("umec-uplink", "uplink"),
    Room {
        may_use_the_bus: false,
        ..on_the_node("umec-gateway", "cloud/gateway")
    },
    Room {
        may_use_the_bus: false,
        ..on_the_node("umec-modbus-line", "simulators/modbus-line")
    },
    Room {
        is_daemon: false,
        ..on_the_node("umec-cli", "cli")
    },
];

/// Each part of the outside world, and who alone knows it. Dev-dependencies are free.
pub const DOORS: &[(&str, &[&str])] = &[
    ("async-nats", &["umec-sdk"]),
    ("k8s-openapi", &["umec-operator"]),
    ("kube", &["umec-operator"]),
    ("pcsc", &["umec-sim"]),
    ("rdkafka", &["umec-gateway"]),
    ("serde_yaml", &["umec-spec"]),
    ("tokio-modbus", &["umec-modbus"]),
    ("v4l", &["umec-camera"]),
    ("warp", &["umec-edge-api", "umec-console"]),
];

const fn linked(
    package: &'static str,
    folder: &'static str,
    may_import: &'static [&'static str],
) -> Room {
    Room {
        package,
        folder,
        may_import,
        may_use_the_bus: false,
        is_daemon: false,
    }
}

const fn on_the_node(package: &'static str, folder: &'static str) -> Room {
    Room {
        package,
        folder,
        may_import: NODE,
        may_use_the_bus: true,
        is_daemon: true,
    }
}
