//! What is read from Kafka while the gateway runs: commands, the log of gateways, and whether it answers.

use std::sync::Arc;

use rdkafka::error::KafkaError;
use tokio::sync::mpsc;
use tracing::{info, info_span, warn};
use umec_sdk::chain;
use umec_wire::Boot;
use umec_wire::kafka::KafkaTopic;
use umec_wire::uplink::Now;

use super::{PROBE, ROUND, Serving};
use crate::kafka::{Follow, Incoming, KafkaState, Offsets};
use crate::recovery::Recovered;

// === impl Serving ===

impl Serving {
    /// Takes over what was recovered: batches are taken and commands are read from here on.
    pub(super) fn begin(
        &mut self,
        now: Now,
        recovered: Recovered,
        commands: &mpsc::Sender<Incoming>,
        log: &mpsc::Sender<Incoming>,
    ) -> Result<(), KafkaError> {
        self.machine.adopt(now.steady, recovered.machine);
        self.follow(KafkaTopic::Commands, &recovered.commands, commands)?;
        self.follow(KafkaTopic::Marks, &recovered.marks, log)?;
        self.watch_kafka();
        Ok(())
    }

    /// Reads a topic for as long as the gateway runs.
    fn follow(
        &self,
        topic: KafkaTopic,
        from: &Offsets,
        sender: &mpsc::Sender<Incoming>,
    ) -> Result<(), KafkaError> {
        let follow = Follow::begin(self.producer.brokers(), &self.watched, topic, from)?;
        let (sender, stopping) = (sender.clone(), self.node.tasks.stopping());
        let reading = async move {
            loop {
                let record = tokio::select! {
                    record = follow.next() => record,
                    () = stopping.cancelled() => return,
                };
                if sender.send(record).await.is_err() {
                    return;
                }
            }
        };
        drop(self.node.tasks.spawn(info_span!("follow", %topic), reading));
        Ok(())
    }

    /// Takes records of `umec.marks`, as many as are there.
    pub(super) fn log(&mut self, now: Now, first: &Incoming, log: &mut mpsc::Receiver<Incoming>) {
        let mut take = |record: &Incoming| {
            if let Err(error) = self.machine.log(now, record) {
                warn!(
                    error = chain(&error),
                    "a record of umec.marks that is not one of ours"
                );
            }
        };
        take(first);
        for _ in 1..ROUND {
            let Ok(record) = log.try_recv() else {
                return;
            };
            take(&record);
        }
    }

    /// Begins to take over the modems of gateways that are gone.
    pub(super) fn inherit_from(&self, gone: Vec<Boot>) {
        warn!(gateways = ?gone, "gateways are silent, their modems are taken over");
        let (recovery, sender) = (self.recovery.clone(), self.inheriting.clone());
        let stopping = self.node.tasks.stopping();
        let inheriting = async move {
            let recovered = tokio::select! {
                recovered = recovery.attempt(Some(gone)) => recovered,
                () = stopping.cancelled() => return,
            };
            if let Err(error) = &recovered {
                warn!(error = chain(error), "nothing is taken over yet");
            }
            // Nobody waits when the process is stopping.
            drop(sender.send(recovered.ok()).await);
        };
        drop(self.node.tasks.spawn(info_span!("inheriting"), inheriting));
    }

    pub(super) fn inherit(&mut self, now: Now, inherited: Option<Recovered>) {
        match inherited {
            Some(recovered) => {
                info!("modems of gateways that are gone are served here");
                self.machine.adopt(now.steady, recovered.machine);
            }
            None => self.machine.not_inherited(),
        }
    }

    /// Tells the loop when Kafka goes away and comes back.
    fn watch_kafka(&self) {
        let (producer, watched) = (Arc::clone(&self.producer), self.watched.clone());
        let (trouble, stopping) = (self.trouble.clone(), self.node.tasks.stopping());
        let mut state = watched.subscribe();
        let watching = async move {
            loop {
                let reason = match &*state.borrow_and_update() {
                    KafkaState::Connected => None,
                    KafkaState::Away(reason) => Some(reason.clone()),
                };
                let is_away = reason.is_some();
                trouble.send_if_modified(|known| {
                    let changed = *known != reason;
                    *known = reason;
                    changed
                });
                tokio::select! {
                    Ok(()) = state.changed() => {}
                    () = tokio::time::sleep(PROBE), if is_away => {
                        let producer = Arc::clone(&producer);
                        let probe = move || producer.probe(PROBE).is_ok();
                        if tokio::task::spawn_blocking(probe).await.unwrap_or(false) {
                            watched.answered();
                        }
                    }
                    () = stopping.cancelled() => return,
                }
            }
        };
        drop(self.node.tasks.spawn(info_span!("kafka"), watching));
    }
}
