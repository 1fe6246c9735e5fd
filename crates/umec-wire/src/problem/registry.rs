//! The kinds of problems, each with what it is called and what it means.

use super::ProblemKind;

/// What the registry says about a kind.
pub(super) struct Row {
    /// What ends the type.
    pub(super) name: &'static str,
    /// The HTTP status code.
    pub(super) status: u16,
    /// The kind in words.
    pub(super) title: &'static str,
    /// When it happens and what to do.
    pub(super) meaning: &'static str,
}

/// The registry: name, status, title and meaning of each kind, in the order of [`ProblemKind`].
pub(super) const REGISTRY: [(ProblemKind, Row); 16] = [
    (
        ProblemKind::BadRequest,
        Row {
            name: "bad-request",
            status: 400,
            title: "The request is not understood",
            meaning: "A parameter, a header or the body is wrong. `field` names it, `detail` says what is expected.",
        },
    ),
    (
        ProblemKind::Unauthorized,
        Row {
            name: "unauthorized",
            status: 401,
            title: "A token is needed",
            meaning: "There is no bearer token, or none that is known. Send `Authorization: Bearer <token>`.",
        },
    ),
    (
        ProblemKind::Forbidden,
        Row {
            name: "forbidden",
            status: 403,
            title: "The token does not allow this",
            meaning: "`detail` names the scope or the device that the token lacks.",
        },
    ),
    (
        ProblemKind::NotFound,
        Row {
            name: "not-found",
            status: 404,
            title: "There is no such thing",
            meaning: "The path, the device, the metric or the command does not exist, or the token may not see it.",
        },
    ),
    (
        ProblemKind::MethodNotAllowed,
        Row {
            name: "method-not-allowed",
            status: 405,
            title: "The path does not know this method",
            meaning: "The header `Allow` lists the methods that it knows.",
        },
    ),
    (
        ProblemKind::NotAcceptable,
        Row {
            name: "not-acceptable",
            status: 406,
            title: "No acceptable format",
            meaning: "The header `Accept` names no format in which the answer can be written.",
        },
    ),
    (
        ProblemKind::RequestTimeout,
        Row {
            name: "request-timeout",
            status: 408,
            title: "The request came too slowly",
            meaning: "The request was not complete in time. Send it again.",
        },
    ),
    (
        ProblemKind::Conflict,
        Row {
            name: "conflict",
            status: 409,
            title: "The request contradicts an earlier one",
            meaning: "Such as a command id that was used before for another command.",
        },
    ),
    (
        ProblemKind::Gone,
        Row {
            name: "gone",
            status: 410,
            title: "The stream no longer holds it",
            meaning: "What was asked for is older than the stream's bounds. Start from a later point.",
        },
    ),
    (
        ProblemKind::BodyTooLarge,
        Row {
            name: "body-too-large",
            status: 413,
            title: "The body is too large",
            meaning: "`limit` tells how many bytes a body may have.",
        },
    ),
    (
        ProblemKind::UnsupportedMediaType,
        Row {
            name: "unsupported-media-type",
            status: 415,
            title: "The body's media type is not read here",
            meaning: "`detail` names the media types that are read.",
        },
    ),
    (
        ProblemKind::TooManyRequests,
        Row {
            name: "too-many-requests",
            status: 429,
            title: "Too many requests",
            meaning: "The header `Retry-After` tells in seconds when to come back.",
        },
    ),
    (
        ProblemKind::Internal,
        Row {
            name: "internal",
            status: 500,
            title: "The server failed",
            meaning: "The server's log tells why. Trying again may help.",
        },
    ),
    (
        ProblemKind::BusAway,
        Row {
            name: "bus-away",
            status: 503,
            title: "The bus cannot be reached",
            meaning: "The node's NATS server is away; the API reconnects by itself. Try again.",
        },
    ),
    (
        ProblemKind::DeviceDown,
        Row {
            name: "device-down",
            status: 503,
            title: "The device is down",
            meaning: "The device, or the plugin that owns it, does not answer. `detail` gives the reason.",
        },
    ),
    (
        ProblemKind::Timeout,
        Row {
            name: "timeout",
            status: 504,
            title: "No result came in time",
            meaning: "What was asked for may have happened all the same. Look at the command's id.",
        },
    ),
];
