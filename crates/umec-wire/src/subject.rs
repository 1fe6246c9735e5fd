//! The one place that spells subjects: `umec.v1.<node>.<device>.<target>`.

use std::fmt;
use std::str::FromStr;

use crate::label::{CommandName, DeviceName, LabelError, NodeName};

/// What every subject begins with: the platform and the version of this scheme.
pub const PREFIX: &str = "umec.v1";

/// The last part of a subject: what the message is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// What the device measures.
    Readings,
    /// What the windows make of it.
    Aggregates,
    /// Images.
    Frames,
    /// What happened.
    Events,
    /// How the device is.
    Status,
    /// A request to do something.
    Command(CommandName),
}

/// Who sends on a subject, seen from the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The plugin publishes.
    FromPlugin,
    /// The edge API publishes.
    FromEdgeApi,
    /// The plugin answers.
    ToPlugin,
}

/// A subject of one device.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// The node.
    pub node: NodeName,
    /// The device.
    pub device: DeviceName,
    /// What the message is.
    pub target: Target,
}

/// Why a text is not a [`Subject`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// It does not begin with [`PREFIX`].
    #[error("{0:?} does not begin with umec.v1")]
    Prefix(String),
    /// It has too few or too many parts, or ends in a word that is no target.
    #[error("{0:?} is not umec.v1.<node>.<device>.<target>")]
    Shape(String),
    /// A part is not a name.
    #[error("a part of {subject:?}")]
    Name {
        /// The whole subject.
        subject: String,
        /// What is wrong with the part.
        source: LabelError,
    },
}

// === impl Target ===

impl Target {
    /// The kinds that are published, in the order of the documentation; commands are requested.
    pub const PUBLISHED: [Self; 5] = [
        Self::Readings,
        Self::Aggregates,
        Self::Frames,
        Self::Events,
        Self::Status,
    ];

    /// The word after the device's name.
    pub const fn token(&self) -> &'static str {
        match self {
            Self::Readings => "readings",
            Self::Aggregates => "aggregates",
            Self::Frames => "frames",
            Self::Events => "events",
            Self::Status => "status",
            Self::Command(_) => "command",
        }
    }

    /// Who sends.
    pub const fn direction(&self) -> Direction {
        match self {
            Self::Readings | Self::Frames | Self::Events | Self::Status => Direction::FromPlugin,
            Self::Aggregates => Direction::FromEdgeApi,
            Self::Command(_) => Direction::ToPlugin,
        }
    }

    /// Whether the node's stream keeps it.
    pub const fn is_kept(&self) -> bool {
        !matches!(self, Self::Frames | Self::Command(_))
    }
}

// === impl Subject ===

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{PREFIX}.{}.{}.{}",
            self.node,
            self.device,
            self.target.token()
        )?;
        match &self.target {
            Target::Command(name) => write!(f, ".{name}"),
            _ => Ok(()),
        }
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let rest = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.strip_prefix('.'))
            .ok_or_else(|| SubjectError::Prefix(text.to_owned()))?;
        let shape = || SubjectError::Shape(text.to_owned());
        let name = |source| SubjectError::Name {
            subject: text.to_owned(),
            source,
        };
        let mut parts = rest.split('.');
        let node = parts.next().ok_or_else(shape)?.parse().map_err(name)?;
        let device = parts.next().ok_or_else(shape)?.parse().map_err(name)?;
        let token = parts.next().ok_or_else(shape)?;
        let target = if token == "command" {
            Target::Command(parts.next().ok_or_else(shape)?.parse().map_err(name)?)
        } else {
            let known = Target::PUBLISHED.into_iter().find(|t| t.token() == token);
            known.ok_or_else(shape)?
        };
        match parts.next() {
            None => Ok(Self {
                node,
                device,
                target,
            }),
            Some(_) => Err(shape()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_as_it_is_written() {
        for text in [
            "umec.v1.pole-7.meter-3.readings",
            "umec.v1.pole-7.meter-3.aggregates",
            "umec.v1.pole-7.cam.frames",
            "umec.v1.pole-7.door.events",
            "umec.v1.pole-7.meter-3.status",
            "umec.v1.pole-7.thermometer-1.command.setpoint",
        ] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_subject_that_is_not_a_devices_own_is_refused() {
        for text in [
            "",
            "umec.v1",
            "umec.v2.pole-7.meter-3.readings",
            "umec.v1.pole-7.meter-3",
            "umec.v1.pole-7.meter-3.reading",
            "umec.v1.pole-7.meter-3.readings.more",
            "umec.v1.pole-7.meter-3.command",
            "umec.v1.pole-7.meter-3.command.a.b",
            "umec.v1.pole-7._uplink.status",
            "umec.v1.*.meter-3.readings",
            "umec.v1.pole-7.>",
        ] {
            assert!(text.parse::<Subject>().is_err(), "{text}");
        }
    }
}
