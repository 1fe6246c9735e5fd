//! Connections: as many as may be, each with the time it may take, all told to finish at the end.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tracing::{debug, info_span, warn};
use umec_sdk::Tasks;
use umec_spec::settings::edge_api::HttpLimits;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::stall::Impatient;

/// How long to wait when a connection cannot be taken, as when file descriptors have run out.
const RETRY: Duration = Duration::from_millis(100);

/// Serves until the process stops. A connection over the limit waits in the listener's queue.
pub(crate) async fn serve(
    listener: TcpListener,
    tasks: Tasks,
    limits: HttpLimits,
    routes: BoxedFilter<(Response,)>,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    loop {
        let slot = tokio::select! {
            () = tasks.stopped() => return,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        let Ok(slot) = slot else { return };
        let accepted = tokio::select! {
            () = tasks.stopped() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (stopping, limits) = (tasks.clone(), limits.clone());
                let routes = routes.clone();
                let task = async move {
                    converse(stream, stopping, &limits, routes).await;
                    drop(slot);
                };
                drop(tasks.spawn(info_span!("caller", address = %peer), task));
            }
            Err(error) => {
                warn!(%error, "a connection could not be taken");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn converse(
    stream: TcpStream,
    tasks: Tasks,
    limits: &HttpLimits,
    routes: BoxedFilter<(Response,)>,
) {
    // An event is small and must not wait for the next one.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "the connection has gone");
        return;
    }
    let stream = Impatient::new(stream, limits.stall.duration());
    let service = TowerToHyperService::new(warp::service(routes));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.time.duration())
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = tasks.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection broke off");
    }
}
