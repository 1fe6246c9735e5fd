//! Errors as problem details (RFC 9457), and the registry of their kinds.
//!
//! ```
//! use umec_wire::problem::Problem;
//!
//! let problem = Problem::bad_request("limit", "\"many\" is not a whole number").at("/api/v1/devices");
//! assert_eq!((problem.status, problem.r#type.as_str()), (400, "/problems/bad-request"));
//! ```

mod registry;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::registry::{REGISTRY, Row};
use crate::label::DeviceName;

/// The media type of a problem (RFC 9457 section 3).
pub const CONTENT_TYPE: &str = "application/problem+json";

/// What the type of every problem begins with.
const TYPE_PREFIX: &str = "/problems/";

/// One problem, as `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem it is: `/problems/<name>`, told in `docs/wire.md`.
    pub r#type: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What is wrong this time, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where it is wrong: the path that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Further members, such as `field`.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

/// The kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProblemKind {
    /// A parameter, a header or the body is not what it should be; `field` names it.
    BadRequest,
    /// There is no token, or none that is known.
    Unauthorized,
    /// The token does not allow it.
    Forbidden,
    /// There is no such path, device, metric or command.
    NotFound,
    /// The path knows other methods; the header `Allow` lists them.
    MethodNotAllowed,
    /// The client accepts no format in which the answer can be written.
    NotAcceptable,
    /// The client was too slow in sending its request.
    RequestTimeout,
    /// The request contradicts what is there, such as a command id used before for something else.
    Conflict,
    /// It was there, and the stream no longer holds it.
    Gone,
    /// The body is larger than the limit, which `limit` tells in bytes.
    BodyTooLarge,
    /// The body's media type is not read here.
    UnsupportedMediaType,
    /// Too many requests or connections; the header `Retry-After` tells when to come back.
    TooManyRequests,
    /// The server failed; its log tells why.
    Internal,
    /// The bus cannot be reached.
    BusAway,
    /// The device is down, so that it cannot be told anything.
    DeviceDown,
    /// No result came in time.
    Timeout,
}

// === impl ProblemKind ===

impl ProblemKind {
    /// All kinds, by status.
    pub fn all() -> impl Iterator<Item = Self> {
        REGISTRY.iter().map(|(kind, _)| *kind)
    }

    /// The name, which ends the type.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The HTTP status code.
    pub const fn status(self) -> u16 {
        self.row().status
    }

    /// The kind in words.
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// When it happens and what to do, for the documentation.
    pub const fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// The type: a path that `docs/wire.md` tells about.
    pub fn type_path(self) -> String {
        format!("{TYPE_PREFIX}{}", self.name())
    }

    /// The kind of a problem that came over a wire.
    pub fn of(problem: &Problem) -> Option<Self> {
        let name = problem.r#type.strip_prefix(TYPE_PREFIX)?;
        Self::all().find(|kind| kind.name() == name)
    }

    const fn row(self) -> &'static Row {
        &REGISTRY[self as usize].1
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// === impl Problem ===

impl Problem {
    /// A problem of a kind, with what is wrong this time.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            r#type: kind.type_path(),
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: Some(detail.into()),
            instance: None,
            more: BTreeMap::new(),
        }
    }

    /// The same problem about the path that was asked for.
    #[must_use]
    pub fn at(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// The same problem with a further member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// A parameter, a header or a member of the body is wrong.
    pub fn bad_request(field: &str, detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::BadRequest, detail).with("field", field)
    }

    /// There is no token, or none that is known.
    pub fn unauthorized() -> Self {
        let detail = "send a known token as Authorization: Bearer <token>";
        Self::new(ProblemKind::Unauthorized, detail)
    }

    /// The token lacks a scope, such as `command`, for a device.
    pub fn forbidden(scope: &str, device: &DeviceName) -> Self {
        let detail = format!("the token has no scope {scope} for the device {device}");
        Self::new(ProblemKind::Forbidden, detail).with("scope", scope)
    }

    /// Something that was named does not exist.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(ProblemKind::NotFound, format!("there is no {what}"))
    }

    /// The path knows other methods.
    pub fn method_not_allowed(allowed: &[&str]) -> Self {
        let detail = format!("this path knows {}", allowed.join(", "));
        Self::new(ProblemKind::MethodNotAllowed, detail)
    }

    /// The body is larger than `limit` bytes.
    pub fn body_too_large(limit: u64) -> Self {
        let detail = format!("a body may have {limit} bytes");
        Self::new(ProblemKind::BodyTooLarge, detail).with("limit", limit)
    }

    /// The body's media type is none of those that are read.
    pub fn unsupported_media_type(read: &[&str]) -> Self {
        let detail = format!("a body here is {}", read.join(" or "));
        Self::new(ProblemKind::UnsupportedMediaType, detail)
    }

    /// Too many requests or connections.
    pub fn too_many_requests(retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs().max(1);
        let detail = format!("come back in {seconds} s");
        Self::new(ProblemKind::TooManyRequests, detail).with("retryAfter", seconds)
    }

    /// The bus cannot be reached, for a reason.
    pub fn bus_away(reason: impl Into<String>) -> Self {
        Self::new(ProblemKind::BusAway, reason)
    }

    /// No result came in time.
    pub fn timeout(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Timeout, detail)
    }

    /// The server failed. The reason belongs in its log, not in the answer.
    pub fn internal() -> Self {
        Self::new(ProblemKind::Internal, "the server's log tells more")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_read_as_it_is_written() {
        let device = DeviceName::new("pump-1").unwrap();
        let problem = Problem::forbidden("command", &device).at("/api/v1/devices/pump-1");
        let text = serde_json::to_string(&problem).unwrap();
        assert_eq!(
            text,
            r#"{"type":"/problems/forbidden","title":"The token does not allow this","status":403,"detail":"the token has no scope command for the device pump-1","instance":"/api/v1/devices/pump-1","scope":"command"}"#
        );
        let read: Problem = serde_json::from_str(&text).unwrap();
        assert_eq!(read, problem);
        assert_eq!(ProblemKind::of(&read), Some(ProblemKind::Forbidden));
    }

    #[test]
    fn every_kind_has_a_name_and_a_status_of_its_class() {
        let names: std::collections::BTreeSet<_> =
            ProblemKind::all().map(ProblemKind::name).collect();
        assert_eq!(names.len(), REGISTRY.len());
        for (place, kind) in ProblemKind::all().enumerate() {
            assert_eq!(kind as usize, place, "{kind}");
            assert!((400..600).contains(&kind.status()), "{kind}");
            assert_eq!(ProblemKind::of(&Problem::new(kind, "")), Some(kind));
        }
        assert!(ProblemKind::all().is_sorted_by_key(ProblemKind::status));
    }

    #[test]
    fn a_problem_of_another_registry_has_no_kind() {
        let text = r#"{"type":"about:blank","title":"Not Found","status":404}"#;
        let problem: Problem = serde_json::from_str(text).unwrap();
        assert_eq!(ProblemKind::of(&problem), None);
    }
}
