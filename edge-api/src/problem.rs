//! Everything that can go wrong with a request, and the one place where it becomes a problem
//! document (RFC 9457).

use umec_spec::settings::edge_api::Scope;
use umec_wire::DeviceName;
use umec_wire::command::CommandId;
use umec_wire::problem::{Problem, ProblemKind};

use crate::position::Position;

/// Why a request is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// A parameter or a member of the body is wrong.
    #[error("{problem}")]
    Field {
        /// Which one.
        field: String,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// There is no token, or one that is not known.
    #[error("send a token that the resource EdgeApi names, as Authorization: Bearer <token>")]
    Token,
    /// The token does not allow it.
    #[error("this token does not allow to {}", verb(*.0))]
    Scope(Scope),
    /// The path names nothing.
    #[error("there is nothing at this path; /api/v1/openapi.json lists what there is")]
    Path,
    /// There is no such device, or the token does not cover it: which, only its owner may know.
    #[error("there is no device {0}, or this token does not cover it")]
    Device(DeviceName),
    /// The command is not known, or has been forgotten.
    #[error("there is no command {0}, or its result has been forgotten")]
    Command(CommandId),
    /// The path does not take the method.
    #[error("this path takes {allow}")]
    Method {
        /// What it takes.
        allow: &'static str,
    },
    /// The path is no stream.
    #[error("there is no WebSocket at this path; /api/v1/stream has one")]
    Upgrade,
    /// The body did not come in time.
    #[error("the body of the request did not come in time")]
    BodyTime,
    /// The id was used for another command.
    #[error("the id {0} was given to another command; choose a new one")]
    Conflict(CommandId),
    /// The stream no longer holds what comes after the cursor.
    #[error("the stream no longer holds what comes after {0}; begin with `from`")]
    Gone(Position),
    /// The body is too long.
    #[error("the body of a request has at most {limit} bytes")]
    TooLarge {
        /// How long it may be.
        limit: u64,
    },
    /// The body is no JSON by its type.
    #[error("send the body as Content-Type: application/json")]
    MediaType,
    /// There are as many of these as there may be.
    #[error("there are as many {what} as there may be ({limit}); try again later")]
    Busy {
        /// What there are many of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The bus cannot be reached.
    #[error("the node's bus is away: {0}")]
    Bus(String),
    /// It took too long.
    #[error("the answer took longer than a request may")]
    Time,
    /// The process is going.
    #[error("this server is stopping; try again in a moment")]
    Stopping,
}

const fn verb(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "read; it needs `allow: [read]`",
        Scope::Command => "give commands; it needs `allow: [command]`",
    }
}

// === impl ApiError ===

impl ApiError {
    /// A wrong field with what is wrong with it.
    pub fn field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Field {
            field: field.into(),
            problem: problem.into(),
        }
    }

    /// Its kind in the registry.
    pub const fn kind(&self) -> ProblemKind {
        match self {
            Self::Field { .. } | Self::Upgrade => ProblemKind::BadRequest,
            Self::Token => ProblemKind::Unauthorized,
            Self::Scope(_) => ProblemKind::Forbidden,
            Self::Path | Self::Device(_) | Self::Command(_) => ProblemKind::NotFound,
            Self::Method { .. } => ProblemKind::MethodNotAllowed,
            Self::BodyTime => ProblemKind::RequestTimeout,
            Self::Conflict(_) => ProblemKind::Conflict,
            Self::Gone(_) => ProblemKind::Gone,
            Self::TooLarge { .. } => ProblemKind::BodyTooLarge,
            Self::MediaType => ProblemKind::UnsupportedMediaType,
            Self::Busy { .. } | Self::Stopping => ProblemKind::TooManyRequests,
            Self::Bus(_) => ProblemKind::BusAway,
            Self::Time => ProblemKind::Timeout,
        }
    }

    /// The headers that belong to it, their names in lower case.
    pub fn headers(&self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Token => vec![("www-authenticate", "Bearer realm=\"umec\"")],
            Self::Scope(_) => vec![(
                "www-authenticate",
                "Bearer realm=\"umec\", error=\"insufficient_scope\"",
            )],
            Self::Method { allow } => vec![("allow", allow)],
            Self::Busy { .. } | Self::Bus(_) | Self::Time | Self::Stopping => {
                vec![("retry-after", "1")]
            }
            _ => Vec::new(),
        }
    }

    /// The document, about the path that was asked for.
    pub fn problem(&self, path: &str) -> Problem {
        let problem = Problem::new(self.kind(), self.to_string()).at(path);
        match self {
            Self::Field { field, .. } => problem.with("field", field.as_str()),
            Self::TooLarge { limit } => problem.with("limit", *limit),
            _ => problem,
        }
    }
}
