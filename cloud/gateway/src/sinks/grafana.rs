//! Pushing to Grafana Live: one request after the other over a connection that is kept.
//!
//! A request that does not succeed is repeated, ever less often, until it does; meanwhile the queue takes
//! what it can and drops its oldest. What Grafana finds wrong in itself is not repeated.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use rand::RngExt as _;
use reqwest::{Client, StatusCode, redirect};
use tracing::{info, warn};
use umec_sdk::metrics::Gauge;
use umec_sdk::{Node, Tasks, chain};
use umec_spec::settings::sinks::Grafana;

use super::queue::Queue;
use super::{Fates, Packed, influx};

/// The task that pushes.
pub(super) struct Push {
    settings: Grafana,
    client: Client,
    queue: Arc<Queue>,
    fates: Fates,
    works: Gauge,
    tasks: Tasks,
    /// Why the last request did not succeed.
    trouble: Option<String>,
}

/// Why a request did not succeed.
#[derive(Debug, thiserror::Error)]
enum PushError {
    #[error("the token of `sinks.grafana.tokenFile`, {}", path.display())]
    Token {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("no answer")]
    Reach(#[source] reqwest::Error),
    #[error("the answer is {status}{}: {text}", remedy(*status))]
    Refused { status: StatusCode, text: String },
}

/// The most bytes of records for one request; as lines they are about as many.
const BODY: usize = 64 << 10;

/// The first pause after a request that did not succeed; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause: how late a Grafana that comes back may be noticed.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How much of an answer is read.
const ANSWER: usize = 4 << 10;

// === impl Push ===

impl Push {
    pub(super) fn new(
        settings: Grafana,
        queue: Arc<Queue>,
        fates: Fates,
        node: &Node,
    ) -> anyhow::Result<Self> {
        let client = Client::builder()
            .timeout(settings.timeout.duration())
            .pool_max_idle_per_host(1)
            // A token goes where it was meant to go.
            .redirect(redirect::Policy::none())
            .build()
            .context("a client for Grafana")?;
        info!(
            url = settings.url.as_str(),
            "readings are pushed to grafana"
        );
        Ok(Self {
            settings,
            client,
            queue,
            fates,
            works: node
                .metrics
                .gauge_family(
                    "umec_gateway_sink_up",
                    "Whether the last request to a sink succeeded.",
                    &["sink"],
                )
                .with(&["grafana"]),
            tasks: node.tasks.clone(),
            trouble: None,
        })
    }

    /// Pushes until the process stops. What then waits is dropped: it is in Kafka.
    pub(super) async fn run(mut self) {
        let stopping = self.tasks.stopping();
        let (queue, every) = (Arc::clone(&self.queue), self.settings.every.duration());
        loop {
            let push = async {
                let records = queue.take(BODY).await;
                self.push(&records).await;
                // What comes meanwhile goes together.
                tokio::time::sleep(every).await;
            };
            tokio::select! {
                () = push => {}
                () = stopping.cancelled() => return,
            }
        }
    }

    /// Pushes records until Grafana has them, or finds them wrong.
    async fn push(&mut self, records: &[Packed]) {
        let mut lines = String::new();
        let mut readable = 0;
        for pack in records.iter().filter_map(Packed::read) {
            influx::write(&pack, &mut lines);
            readable += 1;
        }
        self.fates.count("unreadable", records.len() - readable);
        if lines.is_empty() {
            return;
        }
        let body = Bytes::from(lines);
        let mut pause = FIRST_PAUSE;
        loop {
            match self.attempt(body.clone()).await {
                Ok(()) => {
                    self.fates.count("pushed", readable);
                    self.succeeded();
                    return;
                }
                Err(error) => {
                    self.failed(&error);
                    if error.is_final() {
                        self.fates.count("refused", readable);
                        return;
                    }
                }
            }
            let jitter = rand::rng().random_range(75..=125);
            tokio::time::sleep(pause * jitter / 100).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&self, body: Bytes) -> Result<(), PushError> {
        let mut request = self.client.post(self.settings.url.as_str()).body(body);
        if let Some(path) = &self.settings.token_file {
            let token = tokio::fs::read_to_string(path).await;
            let token = token.map_err(|source| PushError::Token {
                path: path.clone(),
                source,
            })?;
            request = request.bearer_auth(token.trim());
        }
        let mut response = request.send().await.map_err(PushError::Reach)?;
        let status = response.status();
        let mut text = Vec::new();
        // An answer that is read to its end leaves the connection to the next request.
        while text.len() < ANSWER {
            match response.chunk().await.map_err(PushError::Reach)? {
                Some(chunk) => text.extend_from_slice(&chunk),
                None => break,
            }
        }
        if status.is_success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&text);
        let text = text.lines().next().unwrap_or_default().to_owned();
        Err(PushError::Refused { status, text })
    }

    fn succeeded(&mut self) {
        self.works.set(1);
        if self.trouble.take().is_some() {
            info!("grafana takes readings again");
        }
    }

    fn failed(&mut self, error: &PushError) {
        self.works.set(0);
        let text = chain(error);
        if self.trouble.as_ref() != Some(&text) {
            let url = self.settings.url.as_str();
            warn!(error = text, url, "grafana does not take readings");
        }
        self.trouble = Some(text);
    }
}

// === impl PushError ===

impl PushError {
    /// Whether the same request would never succeed: what is wrong is in it.
    fn is_final(&self) -> bool {
        let Self::Refused { status, .. } = self else {
            return false;
        };
        matches!(
            *status,
            StatusCode::BAD_REQUEST
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::UNPROCESSABLE_ENTITY
        )
    }
}

fn remedy(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            " (is it the token of a service account with the role Admin?)"
        }
        StatusCode::NOT_FOUND => " (does the URL end with /api/live/push/STREAM?)",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
