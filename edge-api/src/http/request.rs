//! What comes in: the body, bounded in length and time, as JSON.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::{Stream, StreamExt};
use serde_json::{Map, Value};
use warp::http::HeaderMap;

use crate::problem::ApiError;

/// The body of a request as it arrives.
pub(super) trait Body:
    Stream<Item = Result<Self::Chunk, warp::Error>> + Send + Unpin
{
    /// A part of it.
    type Chunk: Buf + Send;
}

impl<T, C> Body for T
where
    T: Stream<Item = Result<C, warp::Error>> + Send + Unpin,
    C: Buf + Send,
{
    type Chunk = C;
}

/// Reads the body as a JSON object.
pub(super) async fn object(
    headers: &HeaderMap,
    body: impl Body,
    limit: u64,
    time: Duration,
) -> Result<Map<String, Value>, ApiError> {
    let content_type = headers
        .get("content-type")
        .map(|value| value.to_str().unwrap_or(""));
    if !content_type.is_none_or(is_json) {
        return Err(ApiError::MediaType);
    }
    let read = tokio::time::timeout(time, collect(body, limit));
    let bytes = read.await.map_err(|_| ApiError::BodyTime)??;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(ApiError::field("body", "the body is a JSON object")),
        Err(error) => Err(ApiError::field(
            "body",
            format!("the body is no JSON: {error}"),
        )),
    }
}

/// Whether a media type is JSON, or one written in it.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") || essence.ends_with("+json")
}

async fn collect(mut body: impl Body, limit: u64) -> Result<BytesMut, ApiError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| ApiError::field("body", "the body broke off"))?;
        let length = bytes.len().saturating_add(chunk.remaining());
        if u64::try_from(length).unwrap_or(u64::MAX) > limit {
            return Err(ApiError::TooLarge { limit });
        }
        bytes.extend_from_slice(&chunk_bytes(chunk));
    }
    Ok(bytes)
}

fn chunk_bytes(mut chunk: impl Buf) -> bytes::Bytes {
    chunk.copy_to_bytes(chunk.remaining())
}
