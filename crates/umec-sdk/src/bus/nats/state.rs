//! Whether the server can be reached, from the events of the connection.

use std::sync::Mutex;

use async_nats::Event;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use umec_wire::Reason;

use crate::bus::BusState;
use crate::health::Part;
use crate::metrics::{Counter, Gauge, Metrics};

/// Notes the events of one connection.
pub(crate) struct Watcher {
    url: String,
    state: watch::Sender<BusState>,
    /// What the server or the system last complained of.
    complaint: Mutex<Option<String>>,
    connected: Gauge,
    disconnects: Counter,
    slow: Counter,
    errors: Counter,
}

impl Watcher {
    pub(crate) fn new(url: &str, metrics: &Metrics) -> Self {
        let reason = Reason::new("bus-away", format!("no connection to {url} yet"));
        Self {
            url: url.to_owned(),
            state: watch::Sender::new(BusState::Away(reason)),
            complaint: Mutex::new(None),
            connected: metrics.gauge("umec_bus_connected", "1 while the bus can be reached"),
            disconnects: metrics.counter("umec_bus_disconnects", "Connections that were lost"),
            slow: metrics.counter(
                "umec_bus_slow_consumers",
                "Times that messages were dropped because they were not taken in time",
            ),
            errors: metrics.counter("umec_bus_errors", "Errors told by the server or the system"),
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<BusState> {
        self.state.subscribe()
    }

    pub(crate) fn note(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.connected.set(1);
                info!(address = self.url, "the bus is connected");
                self.state.send_replace(BusState::Connected);
            }
            Event::Disconnected | Event::Closed => {
                self.connected.set(0);
                self.disconnects.inc();
                warn!(address = self.url, "the bus is away");
                self.state.send_replace(BusState::Away(self.reason()));
            }
            Event::SlowConsumer(_) => {
                self.slow.inc();
            }
            Event::ServerError(error) => self.complain(error.to_string()),
            Event::ClientError(error) => self.complain(error.to_string()),
            Event::LameDuckMode | Event::Draining => debug!("the server is about to leave"),
        }
    }

    fn complain(&self, text: String) {
        self.errors.inc();
        // Each attempt complains alike; one line for each new complaint is enough.
        if let Ok(mut complaint) = self.complaint.lock() {
            if complaint.as_ref() != Some(&text) {
                warn!(address = self.url, error = text, "the bus complains");
            }
            *complaint = Some(text);
        }
        if *self.state.borrow() != BusState::Connected {
            self.state.send_replace(BusState::Away(self.reason()));
        }
    }

    fn reason(&self) -> Reason {
        let complaint = self.complaint.lock().ok().and_then(|text| text.clone());
        let text = match complaint {
            Some(complaint) => format!("no connection to {} ({complaint})", self.url),
            None => format!("no connection to {}", self.url),
        };
        Reason::new("bus-away", text)
    }
}

/// Waits until the bus is away and tells why. Cancel safe.
pub(crate) async fn away(state: &mut watch::Receiver<BusState>) -> Reason {
    let mut why = None;
    let waited = state.wait_for(|state| match state {
        BusState::Connected => false,
        BusState::Away(reason) => {
            why = Some(reason.clone());
            true
        }
    });
    drop(waited.await);
    why.unwrap_or_else(|| Reason::new("bus-closed", "the connection was closed"))
}

/// Waits until the bus can be reached. Cancel safe.
pub(crate) async fn connected(state: &mut watch::Receiver<BusState>) {
    let back = state.wait_for(|state| *state == BusState::Connected);
    if back.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Keeps the part of the health that is the bus.
pub(crate) async fn tell_health(
    part: Part,
    mut state: watch::Receiver<BusState>,
    stopping: CancellationToken,
) {
    loop {
        match state.borrow_and_update().clone() {
            BusState::Connected => part.ready(),
            BusState::Away(reason) => part.unready(reason),
        }
        tokio::select! {
            changed = state.changed() => if changed.is_err() { return },
            () = stopping.cancelled() => return,
        }
    }
}
