//! What is wrong with a resource, where, and what to do about it.

use std::fmt;

/// One thing that is wrong, with its place and its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceError {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 where it is not known.
    pub line: usize,
    /// The column, from 1; 0 where it is not known.
    pub column: usize,
    /// The resource, such as `Device meter-3`, as far as it could be told.
    pub resource: Option<String>,
    /// The path of the field, such as `spec.metrics[2].modbus`; empty for the whole document.
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The file is not YAML from here on.
    Yaml {
        /// What the parser says.
        message: String,
    },
    /// A word that is not known here: a field, a kind, a choice, a unit, a name.
    Unknown {
        /// What the word was taken for.
        what: What,
        /// The word.
        found: String,
        /// The words that are known.
        known: Vec<String>,
    },
    /// A field that must be there is not.
    Missing {
        /// Its name.
        field: String,
    },
    /// A value of another type than the field's.
    Type {
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A value that its field's own type refuses, in the type's words; they hold the remedy.
    Value {
        /// The words.
        message: String,
    },
    /// The same thing twice.
    Duplicate {
        /// What it is.
        what: String,
        /// Where it stands first.
        first: String,
    },
    /// Something that is well written and still cannot be.
    Rule {
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
}

/// What an unknown word was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The name of a field.
    Field,
    /// The version of a resource.
    Version,
    /// The kind of a resource.
    Kind,
    /// One of a few words.
    Choice,
    /// The name of a resource of this kind.
    Reference(&'static str),
    /// The name of a metric.
    Metric,
}

/// How many known words are told where none is near.
const TOLD: usize = 16;

// === impl ResourceError ===

impl std::error::Error for ResourceError {}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if let Some(resource) = &self.resource {
            write!(f, ": {resource}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.problem)
    }
}

// === impl Problem ===

impl Problem {
    /// Something that cannot be, and what to do instead.
    pub(crate) fn rule(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Rule {
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    /// The word that was most likely meant.
    pub(crate) fn suggestion(&self) -> Option<&str> {
        match self {
            Self::Unknown { found, known, .. } => nearest(found, known),
            _ => None,
        }
    }

    /// A name that nothing carries.
    pub(crate) fn unknown<'k>(
        what: What,
        found: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Self {
        Self::Unknown {
            what,
            found: found.to_owned(),
            known: known.into_iter().map(ToOwned::to_owned).collect(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yaml { message } => write!(
                f,
                "this is not YAML: {message}; look at the indentation, brackets and quotes up to here"
            ),
            Self::Unknown { what, found, known } => {
                match what {
                    What::Reference(kind) => write!(f, "there is no {kind} {found:?}")?,
                    other => write!(f, "unknown {other} {found:?}")?,
                }
                write_remedy(f, found, known)
            }
            Self::Missing { field } => write!(f, "the field {field:?} is missing; add it"),
            Self::Type { found, expected } => {
                write!(f, "{found} stands where {expected} belongs")?;
                match (found.starts_with("the number"), expected.as_str()) {
                    (true, "a text") => f.write_str(
                        "; write it with its unit, such as 10s, or in quotes where it is a name",
                    ),
                    _ => Ok(()),
                }
            }
            Self::Value { message } => f.write_str(message),
            Self::Duplicate { what, first } => {
                write!(f, "{what} stands at {first} already; rename or remove one")
            }
            Self::Rule { problem, remedy } => write!(f, "{problem}; {remedy}"),
        }
    }
}

fn write_remedy(f: &mut fmt::Formatter<'_>, found: &str, known: &[String]) -> fmt::Result {
    if let Some(near) = nearest(found, known) {
        return write!(f, "; did you mean {near:?}?");
    }
    if known.is_empty() {
        return f.write_str("; there is none, so add it or leave this out");
    }
    let told: Vec<_> = known.iter().take(TOLD).map(String::as_str).collect();
    let more = if known.len() > TOLD { ", ..." } else { "" };
    write!(f, "; known here: {}{more}", told.join(", "))
}

/// The known word that was most likely meant; `None` where none is near.
fn nearest<'k>(found: &str, known: &'k [String]) -> Option<&'k str> {
    let plain = |word: &str| word.to_lowercase().replace(['-', '_', ' '], "");
    let wanted = plain(found);
    let far = (wanted.chars().count() / 3).max(1);
    let near = known.iter().map(|word| {
        let distance = strsim::damerau_levenshtein(&wanted, &plain(word));
        (distance, word.as_str())
    });
    let best = near
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance);
    best.map(|(_, word)| word)
}

// === impl What ===

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Field => "field",
            Self::Version => "version",
            Self::Kind => "kind",
            Self::Choice => "word",
            Self::Reference(kind) => kind,
            Self::Metric => "metric",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_slip_of_the_finger_gets_a_suggestion() {
        let words = known(&["address", "byteOrder", "maxRegisters", "bit"]);
        for (found, meant) in [
            ("adress", "address"),
            ("byteorder", "byteOrder"),
            ("byte_order", "byteOrder"),
            ("max-registers", "maxRegisters"),
            ("bti", "bit"),
        ] {
            assert_eq!(nearest(found, &words), Some(meant), "{found}");
        }
        assert_eq!(nearest("colour", &words), None);
    }

    #[test]
    fn without_a_near_word_the_known_ones_are_told() {
        let problem = Problem::unknown(What::Field, "colour", ["table", "address"]);
        assert_eq!(
            problem.to_string(),
            "unknown field \"colour\"; known here: table, address"
        );
        let problem = Problem::unknown(What::Reference("DeviceProfile"), "x", []);
        assert_eq!(
            problem.to_string(),
            "there is no DeviceProfile \"x\"; there is none, so add it or leave this out"
        );
    }
}
