//! The process's own face: `/healthz`, `/readyz`, `/metrics` and what else it shows, over HTTP.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, info, info_span};
use umec_spec::settings::AdminSettings;

use crate::node::Node;
use crate::pages::Page;

/// How many callers are served at once; further ones wait in the backlog.
const CONNECTIONS: usize = 16;

/// How long a caller may take to send its request's head.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);

/// How long a page may take to be written.
const PAGE_DEADLINE: Duration = Duration::from_secs(5);

/// Why the face cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    #[error("cannot listen on {address}: choose another `admin.listen`, or port 0 for any")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("the address file {}", path.display())]
    AddressFile {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// Listens, tells the address, and serves until the process stops.
pub(crate) async fn start(settings: &AdminSettings, node: &Node) -> Result<(), AdminError> {
    let listen = |source| AdminError::Listen {
        address: settings.listen,
        source,
    };
    let listener = TcpListener::bind(settings.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    if let Some(path) = &settings.address_file {
        write_address(path, address).map_err(|source| AdminError::AddressFile {
            path: path.clone(),
            source,
        })?;
    }
    info!(%address, "health and metrics are served");
    let serving = serve(listener, node.clone());
    drop(node.tasks.spawn(info_span!("admin"), serving));
    Ok(())
}

/// Writes an address to a file in one step, so that a reader sees nothing or all of it.
pub fn write_address(path: &Path, address: SocketAddr) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let draft = path.with_file_name(name);
    std::fs::write(&draft, format!("{address}\n"))?;
    std::fs::rename(draft, path)
}

async fn serve(listener: TcpListener, node: Node) {
    let slots = std::sync::Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
    loop {
        let Ok(slot) = std::sync::Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            () = node.tasks.stopped() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let caller = node.clone();
                let task = async move {
                    converse(stream, &caller).await;
                    drop(slot);
                };
                drop(node.tasks.spawn(info_span!("admin caller"), task));
            }
            // Out of file descriptors: a pause gives others time to free some.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn converse(stream: TcpStream, node: &Node) {
    let service = hyper::service::service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(answer(request.method(), request.uri().path(), node).await)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A probe that hangs up is no matter.
        ended = connection => drop(ended),
        () = node.tasks.stopped() => debug!("a caller was cut off by the drain"),
    }
}

async fn answer(method: &Method, path: &str, node: &Node) -> Response<Full<Bytes>> {
    if method != Method::GET && method != Method::HEAD {
        return respond(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "GET only\n".to_owned(),
        );
    }
    match path {
        "/healthz" => respond(StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" => ready(node),
        "/metrics" => respond(StatusCode::OK, OPEN_METRICS, node.metrics.encode()),
        path => page(path, node).await,
    }
}

/// Writes what the process shows of its own.
async fn page(path: &str, node: &Node) -> Response<Full<Bytes>> {
    let Some(writing) = node.pages.write(path) else {
        let known = format!(
            "there are /healthz, /readyz, /metrics{}\n",
            node.pages.told()
        );
        return respond(StatusCode::NOT_FOUND, TEXT, known);
    };
    match tokio::time::timeout(PAGE_DEADLINE, writing).await {
        Ok(Some(Page::Json(text))) => respond(StatusCode::OK, JSON, text),
        Ok(Some(Page::Figures(text))) => respond(StatusCode::OK, OPEN_METRICS, text),
        Ok(None) | Err(_) => respond(
            StatusCode::SERVICE_UNAVAILABLE,
            TEXT,
            "the process starts, stops or has too much to do\n".to_owned(),
        ),
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

fn ready(node: &Node) -> Response<Full<Bytes>> {
    let mut report = node.health.report();
    if node.tasks.is_stopping() {
        report.ready = false;
    }
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    // The report has no map with keys other than names, the only thing JSON could refuse.
    respond(
        status,
        JSON,
        serde_json::to_string(&report).unwrap_or_default(),
    )
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use umec_wire::{NodeName, Reason};

    use super::*;

    async fn get(node: &Node, path: &str) -> (StatusCode, String) {
        let response = answer(&Method::GET, path, node).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readyz_tells_which_part_is_not_and_why() {
        let node = Node::for_test(NodeName::new("pole-7").unwrap(), None);
        let part = node.health.part("bus");
        part.unready(Reason::new("away", "no server at nats://127.0.0.1:4222"));
        let (status, body) = get(&node, "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains("no server at"), "{body}");
        part.ready();
        assert_eq!(get(&node, "/readyz").await.0, StatusCode::OK);
        assert_eq!(get(&node, "/healthz").await.0, StatusCode::OK);
        assert_eq!(get(&node, "/other").await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_of_the_process_is_shown_or_told_to_be_late() {
        let node = Node::for_test(NodeName::new("pole-7").unwrap(), None);
        let list = || std::future::ready(Some(Page::Json("[]".to_owned())));
        node.pages.show("/list", list);
        node.pages.show("/never", std::future::pending);
        assert_eq!(get(&node, "/list").await, (StatusCode::OK, "[]".to_owned()));
        let (status, _) = get(&node, "/never").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let (_, told) = get(&node, "/other").await;
        assert!(told.contains("/metrics, /list, /never"), "{told}");
    }
}
