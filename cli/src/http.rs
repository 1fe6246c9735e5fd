//! Asking the edge API and the daemons' own faces over HTTP.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use umec_wire::problem::Problem;

use crate::failure::Failure;
use crate::sse::{Decoder, Sent};

/// How long an answer on this machine may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Asks the edge API with a token.
#[derive(Debug, Clone)]
pub struct EdgeApi {
    client: Client,
    base: String,
    token: String,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It does not arrive, or no answer does.
    #[error("{url} cannot be reached")]
    Reach {
        /// What was asked for.
        url: String,
        /// Why not.
        source: reqwest::Error,
    },
    /// The answer is a problem.
    #[error("{}", told(.0))]
    Problem(Box<Problem>),
    /// The answer is no problem and no success either, or not of the expected shape.
    #[error("{url} answers {what}")]
    Answer {
        /// What was asked for.
        url: String,
        /// How it answers.
        what: String,
    },
}

fn told(problem: &Problem) -> &str {
    problem.detail.as_deref().unwrap_or(&problem.title)
}

// === impl AskError ===

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        match &error {
            AskError::Reach { .. } => Self::unavailable(umec_sdk::chain(&error)),
            AskError::Problem(problem) if problem.status < 500 => {
                Self::bad_input(error.to_string())
            }
            AskError::Problem(_) => Self::unavailable(error.to_string()),
            AskError::Answer { .. } => Self::other(error.to_string()),
        }
    }
}

// === impl EdgeApi ===

impl EdgeApi {
    /// The edge API at `base`, such as `http://127.0.0.1:8080`.
    pub fn new(client: Client, base: &str, token: &str) -> Self {
        Self {
            client,
            base: base.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
        }
    }

    /// Reads a document.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, AskError> {
        let (url, request) = self.request(Method::GET, path);
        let response = send(request.timeout(DEADLINE), &url).await?;
        read(response, &url).await
    }

    /// Posts a document and reads the answer, which may take `deadline`.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
        deadline: Duration,
    ) -> Result<T, AskError> {
        let (url, request) = self.request(Method::POST, path);
        let response = send(request.json(body).timeout(deadline), &url).await?;
        read(response, &url).await
    }

    /// Reads events as they are sent, after `last` where it is given; ends with the connection.
    pub async fn events(
        &self,
        path: &str,
        last: Option<&str>,
    ) -> Result<impl Stream<Item = Sent> + use<>, AskError> {
        let (url, mut request) = self.request(Method::GET, path);
        request = request.header("Accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let answer = tokio::time::timeout(DEADLINE, send(request, &url)).await;
        let response = answer.map_err(|_| AskError::Answer {
            url,
            what: format!("nothing within {DEADLINE:?}"),
        })??;
        let mut decoder = Decoder::default();
        let chunks = response
            .bytes_stream()
            .take_while(|chunk| std::future::ready(chunk.is_ok()));
        Ok(chunks.flat_map(move |chunk| {
            let sent = chunk.map(|bytes| decoder.push(&bytes)).unwrap_or_default();
            futures_util::stream::iter(sent)
        }))
    }

    fn request(&self, method: Method, path: &str) -> (String, RequestBuilder) {
        let url = format!("{}{path}", self.base);
        let request = self.client.request(method, &url).bearer_auth(&self.token);
        (url, request)
    }
}

/// Reads a text from a daemon's own face: whether it was a success, and the text.
pub async fn text(client: &Client, url: &str) -> Result<(bool, String), AskError> {
    let reach = |source| AskError::Reach {
        url: url.to_owned(),
        source,
    };
    let request = client.get(url).timeout(DEADLINE);
    let response = request.send().await.map_err(reach)?;
    let success = response.status().is_success();
    Ok((success, response.text().await.map_err(reach)?))
}

async fn send(request: RequestBuilder, url: &str) -> Result<Response, AskError> {
    let response = request.send().await.map_err(|source| AskError::Reach {
        url: url.to_owned(),
        source,
    })?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().await.unwrap_or_default();
    Err(serde_json::from_str(&text).map_or_else(
        |_| answer(url, status, &text),
        |problem| AskError::Problem(Box::new(problem)),
    ))
}

async fn read<T: DeserializeOwned>(response: Response, url: &str) -> Result<T, AskError> {
    let status = response.status();
    let text = response.text().await.map_err(|source| AskError::Reach {
        url: url.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| answer(url, status, &error.to_string()))
}

fn answer(url: &str, status: StatusCode, text: &str) -> AskError {
    AskError::Answer {
        url: url.to_owned(),
        what: format!("{status}: {}", text.lines().next().unwrap_or_default()),
    }
}
