//! The settings of the protocol's first version at the gateway: whose modems it takes, and as what.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use umec_wire::original::DeviceId;
use umec_wire::{Label, MetricName, NodeName, Span, Unit};

/// Original modems, and where they are listened to.
///
/// The protocol proves nothing: whoever can send from a modem's networks can speak for it. Therefore
/// it is off unless this part is written, has a socket of its own, and knows its modems by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OriginalSettings {
    /// The UDP address for original modems; port 0 takes a free one. Theirs was 6001.
    pub listen: SocketAddr,
    /// The file to which the address in use is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_file: Option<PathBuf>,
    /// The modems. A datagram belongs to the first one that may send from its address and has its
    /// device; a request that names no modem is for the first one.
    #[serde(deserialize_with = "modems")]
    pub modems: Vec<OriginalModem>,
    /// When a modem that is heard from another address has moved there.
    #[serde(default)]
    pub rebind: Rebind,
    /// How long a switch of the carrier is tried.
    #[serde(default)]
    pub switch: Switch,
}

/// One original modem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OriginalModem {
    /// The node as which it appears in `umec.readings` and `umec.modems`.
    pub node: NodeName,
    /// From where it may send.
    pub networks: Vec<Network>,
    /// Where it is told things, where that is not the address that it sends from. Such a modem is
    /// never learned nor moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// Its devices; those of the original system where absent. Any other device is `unknown`.
    #[serde(default = "original_devices")]
    pub devices: Vec<OriginalDevice>,
}

/// One device of an original modem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OriginalDevice {
    /// Its number on the wire.
    pub id: u32,
    /// Its topic in Kafka, and with `-grafana` after it the other one; also its name in `umec.readings`.
    pub nickname: Label,
    /// What it measures, in `umec.readings`.
    #[serde(default = "default_metric")]
    pub metric: MetricName,
    /// The unit of that, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
}

/// A network of IP addresses, such as `10.1.0.0/16`; an address alone is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    /// The leading bits that count: at most 32 or 128.
    bits: u8,
}

/// Says that a text is not a [`Network`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no network: write an address and how many of its bits count, such as 10.1.0.0/16"
)]
pub struct NetworkError(String);

/// When a modem that is heard from another address has moved there: after a silence at the old one.
/// Until then what the newcomer sends is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rebind {
    /// The silence after which another port of the same host is believed: address translation.
    pub port: Span,
    /// The silence after which another host of the modem's networks is believed.
    pub host: Span,
}

/// How long a switch of the carrier is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Switch {
    /// After what time without an answer a modem is told again.
    pub retry: Span,
    /// After what time without an answer the request has failed.
    pub deadline: Span,
    /// How old a request may be when it is read: an older one is not performed.
    pub expires: Span,
}

/// Names that nicknames may not take: topics of another meaning.
const TAKEN: [&str; 2] = ["downstream-request", "carrier-switch-ack"];

// === impl OriginalModem, OriginalDevice ===

impl OriginalModem {
    /// Whether it may send from this address.
    pub fn may_send_from(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|n| n.contains(address))
    }

    /// The device with this number.
    pub fn device(&self, id: DeviceId) -> Option<&OriginalDevice> {
        self.devices.iter().find(|device| device.id == id.0)
    }
}

fn original_devices() -> Vec<OriginalDevice> {
    let named = [(1, "imu"), (2, "gyro"), (3, "temp")];
    let device = |(id, nickname)| OriginalDevice {
        id,
        nickname: Label::new(nickname).expect("letters are a label"),
        metric: default_metric(),
        unit: None,
    };
    named.map(device).into()
}

fn default_metric() -> MetricName {
    MetricName::from(Label::new("value").expect("letters are a label"))
}

/// Reads the modems; no list of them that is taken lacks what the gateway needs.
fn modems<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<OriginalModem>, D::Error> {
    let modems = Vec::<OriginalModem>::deserialize(deserializer)?;
    match wrong(&modems) {
        None => Ok(modems),
        Some(text) => Err(serde::de::Error::custom(text)),
    }
}

fn wrong(modems: &[OriginalModem]) -> Option<String> {
    if modems.is_empty() {
        return Some("no modem: write one, or leave out the whole part".to_owned());
    }
    let mut nodes = BTreeSet::new();
    for modem in modems {
        let node = &modem.node;
        if !nodes.insert(node) {
            return Some(format!("two modems are the node {node}"));
        }
        if modem.networks.is_empty() {
            return Some(format!("{node} may send from nowhere: name its networks"));
        }
        let mut ids = BTreeSet::new();
        let mut nicknames = BTreeSet::new();
        for OriginalDevice { id, nickname, .. } in &modem.devices {
            let text = nickname.as_str();
            if !ids.insert(id) || !nicknames.insert(text) {
                return Some(format!("{node} has the device {id}, {text}, twice"));
            }
            if TAKEN.contains(&text) || text.ends_with("-grafana") {
                return Some(format!("the topic {text} has another meaning: rename {id}"));
            }
        }
    }
    None
}

// === impl Network ===

impl Network {
    /// Whether an address belongs to it. An IPv4 address may come in the guise of IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32_u32.saturating_sub(self.bits.into());
                let differing = u32::from(own) ^ u32::from(other);
                differing.checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128_u32.saturating_sub(self.bits.into());
                let differing = u128::from(own) ^ u128::from(other);
                differing.checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || NetworkError(text.to_owned());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| error())?;
        if bits > most {
            return Err(error());
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

// === impl Rebind, Switch ===

impl Default for Rebind {
    fn default() -> Self {
        Self {
            port: Span::from_secs(3),
            host: Span::from_secs(60),
        }
    }
}

impl Default for Switch {
    fn default() -> Self {
        Self {
            // The original modem asks its card once a second and answers after 1.1 s.
            retry: Span::from_secs(2),
            deadline: Span::from_secs(20),
            expires: Span::from_secs(300),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn a_modem_needs_little_and_has_the_devices_of_the_original() {
        let text =
            "{ listen: '0.0.0.0:6001', modems: [{ node: bus-12, networks: [10.1.0.0/16] }] }";
        let settings: OriginalSettings = yaml::from_str(text).unwrap();
        let modem = &settings.modems[0];
        let names = modem.devices.iter().map(|d| (d.id, d.nickname.as_str()));
        assert_eq!(
            names.collect::<Vec<_>>(),
            [(1, "imu"), (2, "gyro"), (3, "temp")]
        );
        assert!(modem.may_send_from("10.1.255.3".parse().unwrap()));
        assert!(modem.may_send_from("::ffff:10.1.0.1".parse().unwrap()));
        assert!(!modem.may_send_from("10.2.0.1".parse().unwrap()));
        let again: OriginalSettings = yaml::from_str(&yaml::to_string(&settings).unwrap()).unwrap();
        assert_eq!(again, settings);
    }

    #[test]
    fn a_network_has_an_address_and_as_many_bits_as_it_can() {
        let holds = |network: &str, address: &str| {
            let network: Network = network.parse().unwrap();
            network.contains(address.parse().unwrap())
        };
        assert!(holds("0.0.0.0/0", "203.0.113.9"));
        assert!(!holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("127.0.0.1", "127.0.0.1"));
        assert!(!holds("127.0.0.1", "127.0.0.2"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::1"));
        for wrong in ["10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "a/8"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn modems_that_cannot_be_told_apart_are_refused() {
        for (modems, told) in [
            ("[]", "no modem"),
            ("[{ node: a, networks: [] }]", "nowhere"),
            (
                "[{ node: a, networks: [10.0.0.1] }, { node: a, networks: [10.0.0.2] }]",
                "two modems",
            ),
            (
                "[{ node: a, networks: [10.0.0.1], devices: [{ id: 1, nickname: a }, { id: 1, nickname: b }] }]",
                "twice",
            ),
            (
                "[{ node: a, networks: [10.0.0.1], devices: [{ id: 1, nickname: imu-grafana }] }]",
                "another meaning",
            ),
        ] {
            let text = format!("{{ listen: '[::]:6001', modems: {modems} }}");
            let error = yaml::from_str::<OriginalSettings>(&text).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(told), "{modems}: {error}");
        }
    }
}
