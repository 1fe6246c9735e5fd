//! `umec gateway`: what a gateway tells of the modems that it serves.

use std::str::FromStr;

use reqwest::Client;
use umec_sdk::Clock;
use umec_wire::modem::{Heard, Modems, Told};
use umec_wire::{Timestamp, modem::ModemState};

use crate::arguments::{Format, Gateway};
use crate::failure::Failure;
use crate::http;
use crate::output;
use crate::report;
use crate::state::Layout;
use crate::view::age;

/// Where a gateway's own face is: `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminAddress(String);

/// Says that a text is no [`AdminAddress`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address of an admin listener: write HOST:PORT or http://HOST:PORT")]
pub struct AdminAddressError(String);

/// Does what the command line says.
pub async fn run(layout: &Layout, command: &Gateway) -> Result<(), Failure> {
    match command {
        Gateway::Modems { admin, shown } => {
            let admin = match admin {
                Some(admin) => admin.clone(),
                None => running(layout)?,
            };
            modems(&admin, shown.output).await
        }
    }
}

/// The gateway of the node that runs on this machine.
fn running(layout: &Layout) -> Result<AdminAddress, Failure> {
    let faces = report::running(layout)?.faces;
    let admin = faces.gateway.and_then(|gateway| gateway.admin);
    let admin = admin.and_then(|admin| admin.parse().ok());
    admin.ok_or_else(|| {
        Failure::unavailable(
            "the gateway has not started yet, or the node's uplinks go elsewhere: name its admin listener with --admin HOST:PORT",
        )
    })
}

async fn modems(admin: &AdminAddress, format: Format) -> Result<(), Failure> {
    let url = format!("http://{}/modems", admin.0);
    let asked = http::text(&Client::new(), &url).await;
    let (is_answer, text) = asked.map_err(|error| {
        let error = umec_sdk::chain(&error);
        Failure::unavailable(format!(
            "{error}; does the gateway run, and is this its `admin.listen`?"
        ))
    })?;
    if !is_answer {
        let line = text.lines().next().unwrap_or_default();
        return Err(Failure::unavailable(format!(
            "{url} is not a gateway's, or it is not ready: {line}"
        )));
    }
    let mut modems: Modems = serde_json::from_str(&text)
        .map_err(|error| Failure::other(format!("{url} is not a gateway's: {error}")))?;
    modems
        .items
        .sort_by(|one, other| one.modem.cmp(&other.modem));
    let now = Clock::system().now();
    output::show(format, &modems.items, |modems| table(modems, now))
}

/// The modems as a table.
fn table(modems: &[ModemState], now: Timestamp) -> String {
    if modems.is_empty() {
        return "no modem has called since the gateway started\n".to_owned();
    }
    let old = |time| age(now.saturating_since(time));
    let rows = modems.iter().map(|modem| {
        let known = |fact: Option<String>| fact.unwrap_or_else(|| "-".to_owned());
        vec![
            modem.modem.to_string(),
            modem.node.to_string(),
            match modem.state {
                Heard::Up => "up".to_owned(),
                Heard::Down => "down".to_owned(),
            },
            old(modem.last_seen),
            modem.address.to_string(),
            old(modem.since),
            known(modem.largest_datagram.map(|bytes| bytes.to_string())),
            known(
                modem
                    .loss
                    .map(|loss| format!("{}/{}", loss.missing, loss.of)),
            ),
            known(modem.told.and_then(round_trip)),
            known(modem.told.map(|told| told.queue.to_string())),
            known(modem.told.map(|told| old(told.at))),
            known(modem.carrier.map(|carrier| carrier.to_string())),
        ]
    });
    let heading = [
        "MODEM", "NODE", "STATE", "SEEN", "ADDRESS", "SINCE", "LARGEST", "LOSS", "RTT", "QUEUE",
        "TOLD", "CARRIER",
    ];
    output::table(&heading, rows)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a round trip of 285 years is not shown"
)]
fn round_trip(told: Told) -> Option<String> {
    let micros = told.round_trip_microseconds?;
    Some(format!("{:.1}ms", micros as f64 / 1_000.0))
}

// === impl AdminAddress ===

impl FromStr for AdminAddress {
    type Err = AdminAddressError;

    fn from_str(text: &str) -> Result<Self, AdminAddressError> {
        let error = || AdminAddressError(text.to_owned());
        let address = text.strip_prefix("http://").unwrap_or(text);
        let address = address.trim_end_matches('/');
        let (host, port) = address.rsplit_once(':').ok_or_else(error)?;
        let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
        let is_host = !host.is_empty() && !host.contains(['/', '@', ' ', '?', '#']);
        let is_plain = !host.contains(':') || host.starts_with('[') && host.ends_with(']');
        if is_port && is_host && is_plain {
            Ok(Self(address.to_owned()))
        } else {
            Err(error())
        }
    }
}

#[cfg(test)]
mod tests {
    use umec_wire::modem::{Loss, Protocol};

    use super::*;

    #[test]
    fn an_admin_address_has_a_host_and_a_port() {
        for text in [
            "127.0.0.1:9100",
            "http://gateway.example.net:9100",
            "[::1]:9100",
        ] {
            let address: AdminAddress = text.parse().unwrap();
            assert!(text.ends_with(&address.0));
        }
        for text in [
            "",
            "9100",
            "gateway",
            "https://gateway:9100",
            "gateway:0",
            "::1:9100",
            "http://a/b:1",
        ] {
            assert!(text.parse::<AdminAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_nobody_knows_is_a_dash_and_no_modem_is_a_sentence() {
        let now = Timestamp::from_millis(60_000);
        assert!(table(&[], now).contains("no modem"));
        let modem = ModemState {
            modem: "pole-7".parse().unwrap(),
            node: "pole-7".parse().unwrap(),
            protocol: Protocol::V2,
            state: Heard::Up,
            address: "192.0.2.1:4000".parse().unwrap(),
            since: Timestamp::from_millis(0),
            last_seen: Timestamp::from_millis(59_000),
            carrier: None,
            largest_datagram: Some(1_200),
            loss: Some(Loss {
                missing: 3,
                of: 900,
            }),
            told: Some(Told {
                at: Timestamp::from_millis(50_000),
                queue: 4,
                round_trip_microseconds: Some(12_340),
            }),
        };
        let text = table(&[modem], now);
        let row: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(row[6..10], ["1200", "3/900", "12.3ms", "4"], "{text}");
        assert_eq!(row[11], "-");
    }
}
