//! `Label`, the one spelling of every name, and the names made from it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A name of 1 to 63 of `a-z 0-9 -`, first and last alphanumeric.
///
/// Valid at once as a NATS token, a DNS label (RFC 1123 section 2.1), a Kubernetes name and a part of
/// a SenML name (RFC 8428 section 4.5.1), so nothing is ever escaped. A clone is cheap.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(Arc<str>);

/// Why a text is not a [`Label`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// The text is empty or longer than 63 characters.
    #[error("a name has 1 to 63 characters, this one has {0}")]
    Length(usize),
    /// A character is outside `a-z 0-9 -`.
    #[error("{character:?} in {text:?} is not one of a-z, 0-9 and -")]
    Character {
        /// The first character that is refused.
        character: char,
        /// The whole text.
        text: String,
    },
    /// The text begins or ends with a hyphen.
    #[error("{0:?} begins or ends with a hyphen")]
    Hyphen(String),
}

// === impl Label ===

impl Label {
    /// The longest label in characters (RFC 1123 section 2.1).
    pub const MAX_LEN: usize = 63;

    /// Parses a text.
    pub fn new(text: &str) -> Result<Self, LabelError> {
        if text.is_empty() || text.len() > Self::MAX_LEN {
            return Err(LabelError::Length(text.chars().count()));
        }
        let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-';
        if let Some(character) = text.chars().find(|c| !allowed(c)) {
            return Err(LabelError::Character {
                character,
                text: text.to_owned(),
            });
        }
        if text.starts_with('-') || text.ends_with('-') {
            return Err(LabelError::Hyphen(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Label {
    type Error = LabelError;

    fn try_from(text: String) -> Result<Self, LabelError> {
        Self::new(&text)
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0.as_ref().to_owned()
    }
}

/// Declares names that are labels but must not be mixed up with each other.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Label);

        impl $name {
            /// Parses a text.
            pub fn new(text: &str) -> Result<Self, LabelError> {
                Label::new(text).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// The label beneath.
            pub fn as_label(&self) -> &Label {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = LabelError;

            fn from_str(text: &str) -> Result<Self, LabelError> {
                Self::new(text)
            }
        }

        impl From<Label> for $name {
            fn from(label: Label) -> Self {
                Self(label)
            }
        }
    )*};
}

names! {
    /// The name of an edge machine; in a cluster the Kubernetes node's name.
    NodeName;
    /// The name of a device, unique on its node.
    DeviceName;
    /// The name of something a device measures, unique on its device.
    MetricName;
    /// The name of something a device can be told; for a writable metric the metric's name.
    CommandName;
    /// The name of a plugin: a kind of device and the account that publishes for it.
    PluginName;
    /// The name under which an uplink is known to the gateway.
    ModemName;
}

impl From<MetricName> for CommandName {
    fn from(metric: MetricName) -> Self {
        Self(metric.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_takes_lower_case_digits_and_inner_hyphens() {
        for text in ["a", "7", "pole-7", "a--b", &"x".repeat(63)] {
            assert_eq!(Label::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_label_refuses_what_some_border_would_have_to_escape() {
        assert_eq!(Label::new(""), Err(LabelError::Length(0)));
        assert_eq!(Label::new(&"x".repeat(64)), Err(LabelError::Length(64)));
        for text in ["Pole", "a.b", "a_b", "a b", "ä", "a/b", "*", ">"] {
            assert!(
                matches!(Label::new(text), Err(LabelError::Character { .. })),
                "{text}"
            );
        }
        for text in ["-a", "a-", "-"] {
            assert!(
                matches!(Label::new(text), Err(LabelError::Hyphen(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn a_label_is_parsed_wherever_it_is_deserialized() {
        assert!(serde_json::from_str::<DeviceName>("\"meter-3\"").is_ok());
        let error = serde_json::from_str::<DeviceName>("\"Meter 3\"").unwrap_err();
        assert!(error.to_string().contains("is not one of a-z"), "{error}");
    }
}
