//! The settings of a node's stream, which keeps what devices say until the uplink has carried it and
//! applications have read it.

use serde::{Deserialize, Serialize};
use umec_wire::Span;
use umec_wire::subject::{PREFIX, Target};

/// The name of the stream on every node.
pub const NAME: &str = "UMEC";

/// A node's stream: file storage, the oldest goes first, read directly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamSettings {
    /// Its name, [`NAME`].
    pub name: String,
    /// What it keeps.
    pub subjects: Vec<String>,
    /// The most bytes on disk.
    pub bytes: u64,
    /// The greatest age.
    pub age: Span,
    /// For how long a message id is remembered, so that a repeated publish is stored once.
    pub duplicates: Span,
}

impl StreamSettings {
    /// A stream of every kind that is kept, within these bounds.
    pub fn bounded(bytes: u64, age: Span) -> Self {
        let kept = Target::PUBLISHED.into_iter().filter(Target::is_kept);
        Self {
            name: NAME.to_owned(),
            subjects: kept
                .map(|target| format!("{PREFIX}.*.*.{}", target.token()))
                .collect(),
            bytes,
            age,
            // The server's own default. A publisher repeats for longer than this only while the
            // server is away, and what the server stored before it went is then in the gateway's marks.
            duplicates: Span::from_secs(120).min(age),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_keeps_what_is_kept_and_no_commands() {
        let stream = StreamSettings::bounded(1 << 30, Span::from_secs(60));
        assert_eq!(
            stream.subjects,
            [
                "umec.v1.*.*.readings",
                "umec.v1.*.*.aggregates",
                "umec.v1.*.*.events",
                "umec.v1.*.*.status"
            ]
        );
        assert_eq!(stream.duplicates, Span::from_secs(60));
    }
}
