//! The node's face to applications: what its devices are and measure, over HTTP, as it happens and as
//! it was, and the way to give them commands. Also publishes the aggregates over windows of time.

mod aggregate;
pub mod command;
pub mod config;
pub mod document;
mod feed;
mod figures;
mod history;
mod http;
pub mod inventory;
pub mod openapi;
pub mod position;
pub mod problem;
pub mod query;
pub mod route;
mod stream;
pub mod token;
pub mod window;

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, broadcast, watch};
use tracing::{info, info_span};
use umec_sdk::{Misconfigured, Node, Program, write_address};
use umec_spec::settings::Process;
use umec_spec::settings::edge_api::EdgeApiSettings;

use aggregate::Aggregator;
use command::Register;
use config::Config;
use feed::Feed;
use figures::Figures;
use http::Api;
use inventory::Inventory;

/// What `--help` and the logs call it.
pub const PROGRAM: Program = Program {
    name: "umec-edge-api",
    about: "Serves the node's devices to applications: REST, streams, commands, windows and aggregates.",
};

/// Serves until the process stops; streams then end with a goodbye, and requests are finished.
pub async fn run(process: Process<EdgeApiSettings>, node: Node) -> anyhow::Result<()> {
    let config = Config::read(process.settings, process.secrets.as_deref());
    let config = config.map_err(Misconfigured::new)?;
    let settings = config.settings.clone();
    let bus = node.bus()?.clone();
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("listening on {}: take another address", settings.listen))?;
    let address = listener.local_addr().context("the address in use")?;
    if let Some(path) = &settings.address_file {
        write_address(path, address)
            .with_context(|| format!("writing the address to {}", path.display()))?;
    }
    let figures = Figures::new(&node.metrics);
    let inventory = Inventory::new(node.name.clone(), settings.devices.clone());
    let (inventory, shown) = watch::channel(inventory);
    let (items, _) = broadcast::channel(settings.limits.behind.max(1));
    let feed = Feed {
        bus: bus.clone(),
        clock: node.clock.clone(),
        tasks: node.tasks.clone(),
        figures: figures.clone(),
        inventory,
        items: items.clone(),
    };
    let aggregator = Aggregator {
        node: node.clone(),
        bus: bus.clone(),
        figures: figures.clone(),
        lengths: settings.windows.clone(),
        lateness: settings.lateness,
        sequences: HashMap::new(),
    };
    let api = Arc::new(Api {
        node: node.clone(),
        bus,
        tokens: config.tokens,
        inventory: shown,
        items,
        commands: watch::Sender::new(Register::new(settings.limits.commands)),
        streams: Arc::new(Semaphore::new(settings.limits.streams)),
        figures,
        description: openapi::json()
            .context("the description of the API")?
            .into(),
        settings: settings.clone(),
    });
    let part = node.health.part("stream");
    let tasks = &node.tasks;
    drop(tasks.spawn(info_span!("feed"), feed.clone().run(part)));
    drop(tasks.spawn(info_span!("look back"), feed.look_back()));
    drop(tasks.spawn(info_span!("aggregates"), aggregator.run()));
    info!(%address, "the edge API is served");
    let routes = http::routes(&api);
    http::serve(listener, node.tasks.clone(), settings.limits, routes).await;
    Ok(())
}
