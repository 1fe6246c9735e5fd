//! Asking processes how they are.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use tokio::net::TcpStream;
use umec_wire::Reason;

use crate::http;

/// How long a port of this machine may take to answer.
const DEADLINE: Duration = Duration::from_secs(1);

/// What `/readyz` tells.
#[derive(Debug, Deserialize)]
struct Report {
    parts: std::collections::BTreeMap<String, Part>,
}

#[derive(Debug, Deserialize)]
struct Part {
    ready: bool,
    reason: Option<Reason>,
}

/// What nats-server's `/healthz` tells.
#[derive(Debug, Deserialize)]
struct Health {
    error: Option<String>,
}

/// Asks a daemon whether it does its work, and why not.
pub(super) async fn daemon(client: &Client, admin: SocketAddr) -> Result<(), String> {
    match http::text(client, &format!("http://{admin}/readyz")).await {
        Ok((true, _)) => Ok(()),
        Ok((false, body)) => Err(reasons(&body)),
        Err(error) => Err(umec_sdk::chain(&error)),
    }
}

/// Asks whether the bus takes connections, and whether it can store what it is sent.
pub(super) async fn bus(
    client: &Client,
    address: SocketAddr,
    monitor: Option<SocketAddr>,
) -> Result<(), String> {
    port(address).await?;
    let Some(monitor) = monitor else {
        return Ok(());
    };
    match http::text(client, &format!("http://{monitor}/healthz")).await {
        Ok((true, _)) => Ok(()),
        Ok((false, body)) => cannot_write(&body).map_or(Ok(()), Err),
        Err(error) => Err(umec_sdk::chain(&error)),
    }
}

/// Why nats-server cannot write. A consumer that is just being made or deleted lets it say no as well, and
/// passes.
fn cannot_write(body: &str) -> Option<String> {
    let health: Health = serde_json::from_str(body).ok()?;
    health.error.filter(|error| error.contains("write error"))
}

/// Asks whether a port takes connections.
async fn port(address: SocketAddr) -> Result<(), String> {
    match tokio::time::timeout(DEADLINE, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("{address} takes no connection: {error}")),
        Err(_) => Err(format!("{address} does not answer within {DEADLINE:?}")),
    }
}

/// The reasons of the parts that do not do their work.
fn reasons(body: &str) -> String {
    let Ok(report) = serde_json::from_str::<Report>(body) else {
        return body.trim().to_owned();
    };
    let waiting = report.parts.iter().filter(|(_, part)| !part.ready);
    let told = waiting.map(|(name, part)| match &part.reason {
        Some(reason) => format!("{name}: {}", reason.text),
        None => name.clone(),
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() {
        return "it is stopping".to_owned();
    }
    told.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_of_all_parts_that_are_not_ready_are_told() {
        let body = r#"{"ready":false,"parts":{"bus":{"ready":true},
            "line":{"ready":false,"reason":{"code":"no-answer","text":"nobody answers"}},
            "x":{"ready":false}}}"#;
        assert_eq!(reasons(body), "line: nobody answers; x");
        assert_eq!(reasons(r#"{"ready":false,"parts":{}}"#), "it is stopping");
        assert_eq!(reasons("no\n"), "no");
    }

    #[test]
    fn of_what_nats_server_complains_of_only_failing_writes_count() {
        let told =
            |error: &str| cannot_write(&format!(r#"{{"status":"unavailable","error":{error:?}}}"#));
        let full = "JetStream stream 'A > UMEC' write error: write 1.blk: no space left on device";
        assert_eq!(told(full).as_deref(), Some(full));
        assert_eq!(
            told("JetStream consumer 'A > UMEC > uplink' could not be recovered"),
            None
        );
        assert_eq!(cannot_write(r#"{"status":"ok"}"#), None);
    }
}
