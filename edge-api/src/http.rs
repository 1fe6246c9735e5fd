//! HTTP, the only place that knows warp: a request comes in, one answer goes out. Who may ask, what
//! the path names and what it takes is decided here, in this order: 401, 404, 405, 403, then the rest.

mod answer;
mod commands;
mod devices;
mod request;
mod serve;
mod stall;
mod streams;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Semaphore, broadcast, watch};
use tracing::debug;
use umec_sdk::{Bus, Node};
use umec_spec::settings::edge_api::{EdgeApiSettings, Scope};
use umec_wire::DeviceName;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, Method as Verb};
use warp::reply::Response;
use warp::ws::Ws;

use crate::command::Register;
use crate::feed::Item;
use crate::figures::Figures;
use crate::inventory::Inventory;
use crate::problem::ApiError;
use crate::query::{Pairs, only};
use crate::route::{Method, Route};
use crate::token::{Grant, Tokens, bearer};

pub(crate) use serve::serve;

/// What the answers are made from.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) node: Node,
    pub(crate) bus: Bus,
    pub(crate) tokens: Tokens,
    pub(crate) settings: EdgeApiSettings,
    pub(crate) inventory: watch::Receiver<Inventory>,
    pub(crate) items: broadcast::Sender<Item>,
    pub(crate) commands: watch::Sender<Register>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) figures: Figures,
    pub(crate) description: Bytes,
}

/// A request whose caller is known.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) grant: Arc<Grant>,
    pub(crate) verb: Verb,
    pub(crate) pairs: Pairs,
    pub(crate) headers: HeaderMap,
}

/// Everything that is served.
pub(crate) fn routes(api: &Arc<Api>) -> BoxedFilter<(Response,)> {
    let with = |api: &Arc<Api>| {
        let api = Arc::clone(api);
        warp::any().map(move || Arc::clone(&api))
    };
    // What cannot be read as name and value is no known parameter.
    let query = warp::query::<Pairs>()
        .or(warp::any().map(Pairs::new))
        .unify();
    let asked = warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned());
    let upgrade = warp::ws().and(with(api)).and(asked).then(
        |ws: Ws, api: Arc<Api>, verb, path: warp::path::FullPath, pairs, headers| async move {
            let path = path.as_str().to_owned();
            let answered = api.upgrade(ws, &path, verb, pairs, headers);
            answer::finish(&api.figures, &path, answered.await)
        },
    );
    let request = with(api).and(asked).and(warp::body::stream()).then(
        |api: Arc<Api>, verb, path: warp::path::FullPath, pairs, headers, body| async move {
            let path = path.as_str().to_owned();
            let body = Box::pin(body);
            let answered = Arc::clone(&api).answer(&path, verb, pairs, headers, body);
            answer::finish(&api.figures, &path, answered.await)
        },
    );
    upgrade.or(request).unify().boxed()
}

// === impl Api ===

impl Api {
    async fn answer(
        self: Arc<Self>,
        path: &str,
        verb: Verb,
        pairs: Pairs,
        headers: HeaderMap,
        body: impl request::Body,
    ) -> Result<Response, ApiError> {
        if Route::parse(path) == Some(Route::Health) && (verb == Verb::GET || verb == Verb::HEAD) {
            return Ok(answer::text("ok"));
        }
        let (asked, route) = self.admit(path, verb, pairs, headers)?;
        if asked.verb == Verb::OPTIONS {
            return Ok(answer::options(route.method().allow()));
        }
        debug!(token = %asked.grant.name, path, "asked");
        let time = self.settings.limits.time.duration();
        match route {
            // Both bound their own time.
            Route::Stream => self.events(asked).await,
            Route::Command(device, name) => self.command(asked, device, name, body).await,
            route => {
                let answered = tokio::time::timeout(time, self.show(asked, route));
                answered.await.unwrap_or(Err(ApiError::Time))
            }
        }
    }

    async fn upgrade(
        self: &Arc<Self>,
        ws: Ws,
        path: &str,
        verb: Verb,
        pairs: Pairs,
        headers: HeaderMap,
    ) -> Result<Response, ApiError> {
        match self.admit(path, verb, pairs, headers)? {
            (asked, Route::Stream) => self.messages(ws, asked).await,
            _ => Err(ApiError::Upgrade),
        }
    }

    /// Who asks, and for what.
    fn admit(
        &self,
        path: &str,
        verb: Verb,
        pairs: Pairs,
        headers: HeaderMap,
    ) -> Result<(Asked, Route), ApiError> {
        let token = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok());
        let grant = token
            .and_then(bearer)
            .and_then(|token| self.tokens.grant(token));
        let grant = grant.ok_or(ApiError::Token)?;
        let route = Route::parse(path).ok_or(ApiError::Path)?;
        let method = route.method();
        let is_taken = match method {
            Method::Get => verb == Verb::GET || verb == Verb::HEAD,
            Method::Post => verb == Verb::POST,
        };
        if !is_taken && verb != Verb::OPTIONS {
            let allow = method.allow();
            return Err(ApiError::Method { allow });
        }
        let asked = Asked {
            grant,
            verb,
            pairs,
            headers,
        };
        Ok((asked, route))
    }

    async fn show(&self, asked: Asked, route: Route) -> Result<Response, ApiError> {
        match route {
            Route::OpenApi => {
                only(&asked.pairs, &[])?;
                Ok(answer::json_text(self.description.clone()))
            }
            Route::Devices => self.devices(&asked),
            Route::Device(device) => self.device(&asked, &device),
            Route::Readings(device) => self.readings(&asked, device).await,
            Route::Aggregates(device) => self.aggregates(&asked, device).await,
            Route::CommandResult(id) => self.command_result(&asked, &id),
            Route::Health | Route::Stream | Route::Command(..) => Err(ApiError::Path),
        }
    }

    /// The device, where it is known and the token covers it.
    fn known(&self, asked: &Asked, device: &DeviceName) -> Result<(), ApiError> {
        if self.inventory.borrow().has(device, &asked.grant) {
            Ok(())
        } else {
            Err(ApiError::Device(device.clone()))
        }
    }
}

// === impl Asked ===

impl Asked {
    fn needs(&self, scope: Scope) -> Result<(), ApiError> {
        if self.grant.allows(scope) {
            Ok(())
        } else {
            Err(ApiError::Scope(scope))
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
