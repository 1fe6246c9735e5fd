//! YAML, the only place that knows which crate reads it.

mod extent;
mod place;
mod tree;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use extent::{Extent, extents};
pub(crate) use place::{Part, Place, Step, locate, spell};
pub(crate) use tree::{Broken, Document, Oddity, documents};

/// Why a text is not what it should be.
#[derive(Debug, thiserror::Error)]
#[error("line {line}, column {column}: {path}: {message}")]
pub struct YamlError {
    /// The line, from 1; 0 where it is not known.
    pub line: usize,
    /// The column, from 1; 0 where it is not known.
    pub column: usize,
    /// The path of the field, such as `settings.lines[0].devices`.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// Reads one document.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    let document = serde_yaml::Deserializer::from_str(text);
    serde_path_to_error::deserialize(document).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        let place = inner.location();
        YamlError {
            line: place.as_ref().map_or(0, serde_yaml::Location::line),
            column: place.as_ref().map_or(0, serde_yaml::Location::column),
            path,
            message: inner.to_string(),
        }
    })
}

/// Writes one document.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, YamlError> {
    serde_yaml::to_string(value).map_err(|error| YamlError {
        line: 0,
        column: 0,
        path: ".".to_owned(),
        message: error.to_string(),
    })
}
