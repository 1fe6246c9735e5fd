//! What goes out: JSON, problems, and the headers that belong to them.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::Stream;
use serde::Serialize;
use umec_wire::problem;
use warp::Reply;
use warp::http::{HeaderName, HeaderValue, StatusCode};
use warp::reply::Response;

use crate::figures::Figures;
use crate::problem::ApiError;

/// A document. What is shown is never kept by caches: it is about this moment.
pub(super) fn json<T: Serialize>(document: &T) -> Response {
    // Every key is a text and every number finite, so JSON cannot refuse it.
    json_text(serde_json::to_vec(document).unwrap_or_default().into())
}

/// A document that is written already.
pub(super) fn json_text(text: Bytes) -> Response {
    typed(Response::new(text.into()), "application/json")
}

/// A word.
pub(super) fn text(text: &'static str) -> Response {
    typed(Response::new(text.into()), "text/plain; charset=utf-8")
}

/// Events, as long as there are any. Proxies are asked not to hold them back.
pub(super) fn events(
    events: impl Stream<Item = Result<Bytes, Infallible>> + Send + Sync + 'static,
) -> Response {
    let mut response = typed(
        warp::reply::stream(events).into_response(),
        "text/event-stream",
    );
    set(&mut response, "x-accel-buffering", "no");
    response
}

/// What a path takes.
pub(super) fn options(allow: &'static str) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    set(&mut response, "allow", allow);
    response
}

/// The answer with another status, and where to look.
pub(super) fn accepted(mut response: Response, location: &str) -> Response {
    *response.status_mut() = StatusCode::ACCEPTED;
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert("location", location);
    }
    response
}

/// Turns an error into its problem, and counts the answer.
pub(super) fn finish(
    figures: &Figures,
    path: &str,
    answered: Result<Response, ApiError>,
) -> Response {
    let response = answered.unwrap_or_else(|error| refused(&error, path));
    figures.requests.with(&[response.status().as_str()]).inc();
    response
}

fn refused(error: &ApiError, path: &str) -> Response {
    let document = error.problem(path);
    let mut response = typed(json(&document), problem::CONTENT_TYPE);
    *response.status_mut() =
        StatusCode::from_u16(document.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in error.headers() {
        set(&mut response, name, value);
    }
    response
}

fn typed(mut response: Response, content_type: &'static str) -> Response {
    set(&mut response, "content-type", content_type);
    set(&mut response, "cache-control", "no-store");
    set(&mut response, "x-content-type-options", "nosniff");
    response
}

fn set(response: &mut Response, name: &'static str, value: &'static str) {
    response.headers_mut().insert(
        HeaderName::from_static(name),
        HeaderValue::from_static(value),
    );
}
