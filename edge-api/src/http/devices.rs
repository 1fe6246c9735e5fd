//! What devices are, measure and measured.

use std::collections::BTreeMap;

use serde::Serialize;
use umec_spec::settings::edge_api::Scope;
use umec_wire::{DeviceName, MetricName};
use warp::reply::Response;

use super::{Api, Asked, answer};
use crate::document::Kind;
use crate::history::{Page, page};
use crate::inventory::{Device, Latest};
use crate::problem::ApiError;
use crate::query::{HistoryQuery, only};

#[derive(Serialize)]
struct Devices {
    items: Vec<Device>,
}

#[derive(Serialize)]
struct LatestReadings {
    device: DeviceName,
    values: BTreeMap<MetricName, Latest>,
}

// === impl Api ===

impl Api {
    pub(super) fn devices(&self, asked: &Asked) -> Result<Response, ApiError> {
        asked.needs(Scope::Read)?;
        only(&asked.pairs, &[])?;
        let items = self.inventory.borrow().devices(&asked.grant);
        Ok(answer::json(&Devices { items }))
    }

    pub(super) fn device(&self, asked: &Asked, name: &DeviceName) -> Result<Response, ApiError> {
        asked.needs(Scope::Read)?;
        only(&asked.pairs, &[])?;
        let device = self.inventory.borrow().device(name, &asked.grant);
        let device = device.ok_or_else(|| ApiError::Device(name.clone()))?;
        Ok(answer::json(&device))
    }

    pub(super) async fn readings(
        &self,
        asked: &Asked,
        device: DeviceName,
    ) -> Result<Response, ApiError> {
        asked.needs(Scope::Read)?;
        self.known(asked, &device)?;
        let query = HistoryQuery::readings(&asked.pairs, self.settings.limits.page)?;
        if let Some(range) = query.range {
            let page = page(&self.bus, device, Kind::Readings, &query, range);
            return Ok(answer::json(&page.await?));
        }
        let values = self.inventory.borrow().latest(&device, &query.metrics);
        Ok(answer::json(&LatestReadings { device, values }))
    }

    pub(super) async fn aggregates(
        &self,
        asked: &Asked,
        device: DeviceName,
    ) -> Result<Response, ApiError> {
        asked.needs(Scope::Read)?;
        self.known(asked, &device)?;
        let query = HistoryQuery::aggregates(&asked.pairs, self.settings.limits.page)?;
        if let Some(window) = query.window
            && !self.settings.windows.contains(&window)
        {
            let lengths: Vec<String> = self
                .settings
                .windows
                .iter()
                .map(ToString::to_string)
                .collect();
            let problem = format!("the windows here are {}", lengths.join(", "));
            return Err(ApiError::field("window", problem));
        }
        if let Some(range) = query.range {
            let page = page(&self.bus, device, Kind::Aggregates, &query, range);
            return Ok(answer::json(&page.await?));
        }
        let latest = self.inventory.borrow().aggregates(&device, query.window);
        let narrowed = latest
            .iter()
            .filter_map(|document| document.narrowed(&query.metrics));
        let items = narrowed.map(std::borrow::Cow::into_owned).collect();
        let next = None;
        Ok(answer::json(&Page {
            device,
            items,
            next,
        }))
    }
}
