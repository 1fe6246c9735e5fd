//! From a tree to a type, with everything that is wrong and not only the first thing.
//!
//! Serde stops at the first error. So what is wrong is told and cut out of the tree, and the tree is
//! read again, until it can be read or nothing is left.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::{Problem, What};
use crate::yaml::{Part, Step};

/// One thing that is wrong in a tree.
#[derive(Debug)]
pub(super) struct Defect {
    pub(super) path: Vec<Step>,
    pub(super) part: Part,
    pub(super) problem: Problem,
}

/// More than this in one document is not read by anybody.
const MOST: usize = 50;

/// Reads a tree as a `T`; `None` where that cannot be, and then there is at least one defect.
/// A `T` that comes with defects lacks what was wrong.
pub(super) fn decode<T: DeserializeOwned>(tree: &Value) -> (Option<T>, Vec<Defect>) {
    let mut surgery = Surgery {
        tree: tree.clone(),
        cut: Vec::new(),
        defects: Vec::new(),
    };
    while surgery.defects.len() < MOST {
        match serde_path_to_error::deserialize::<_, T>(surgery.tree.clone()) {
            Ok(value) => return (Some(value), surgery.defects),
            Err(error) => {
                let path = steps(error.path());
                let message = error.into_inner().to_string();
                if surgery.treat(path, &message).is_none() {
                    break;
                }
            }
        }
    }
    (None, surgery.defects)
}

/// A tree that is read and cut, by turns.
struct Surgery {
    tree: Value,
    /// What was cut, in the places that it had in the first tree.
    cut: Vec<Vec<Step>>,
    defects: Vec<Defect>,
}

impl Surgery {
    /// Tells what is wrong and cuts it out; `None` where nothing is left to cut.
    fn treat(&mut self, mut path: Vec<Step>, message: &str) -> Option<()> {
        let origin = self.origin(&path);
        let problem = problem(message, self.at(&path));
        match problem {
            Problem::Missing { field } => {
                // What was cut is missed by whoever contains it, which is no defect of its own.
                let missed: Vec<_> = origin
                    .iter()
                    .cloned()
                    .chain([Step::Key(field.clone())])
                    .collect();
                if !self.cut.contains(&missed) && !self.is_misspelt(&origin, &field) {
                    self.note(origin, Part::Key, Problem::Missing { field });
                }
            }
            Problem::Unknown {
                what: What::Field,
                ref found,
                ..
            } => {
                let key = Step::Key(found.clone());
                // The path ends in the unknown field, but for an enum it ends in the enum.
                if path.last() != Some(&key) || self.at(&path).is_none() {
                    path.push(key);
                }
                self.note(self.origin(&path), Part::Key, problem);
            }
            other => self.note(origin, Part::Value, other),
        }
        let origin = self.origin(&path);
        self.remove(&path)?;
        self.cut.push(origin);
        Some(())
    }

    /// Whether a field that is missing in `parent` was told of as a misspelt one.
    fn is_misspelt(&self, parent: &[Step], field: &str) -> bool {
        self.defects.iter().any(|defect| {
            let beside = defect.path.split_last().is_some_and(|(_, p)| p == parent);
            beside && defect.problem.suggestion() == Some(field)
        })
    }

    fn note(&mut self, path: Vec<Step>, part: Part, problem: Problem) {
        self.defects.push(Defect {
            path,
            part,
            problem,
        });
    }

    fn at(&self, path: &[Step]) -> Option<&Value> {
        path.iter().try_fold(&self.tree, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.get(index),
        })
    }

    fn remove(&mut self, path: &[Step]) -> Option<()> {
        let (last, parents) = path.split_last()?;
        let parent = parents
            .iter()
            .try_fold(&mut self.tree, |value, step| match step {
                Step::Key(key) => value.get_mut(key),
                Step::Index(index) => value.get_mut(index),
            })?;
        match (last, parent) {
            (Step::Key(key), Value::Object(mapping)) => mapping.remove(key).map(drop),
            (Step::Index(index), Value::Array(elements)) if *index < elements.len() => {
                elements.remove(*index);
                Some(())
            }
            _ => None,
        }
    }

    /// Where `path` was before elements of lists were cut out before it.
    fn origin(&self, path: &[Step]) -> Vec<Step> {
        let mut origin: Vec<Step> = Vec::with_capacity(path.len());
        for step in path {
            let step = match step {
                Step::Key(key) => Step::Key(key.clone()),
                Step::Index(index) => Step::Index(self.index_before(&origin, *index)),
            };
            origin.push(step);
        }
        origin
    }

    fn index_before(&self, list: &[Step], index: usize) -> usize {
        let mut cut: Vec<usize> = self
            .cut
            .iter()
            .filter_map(|path| match path.split_last() {
                Some((Step::Index(index), parents)) if parents == list => Some(*index),
                _ => None,
            })
            .collect();
        cut.sort_unstable();
        cut.into_iter().fold(
            index,
            |index, cut| {
                if cut <= index { index + 1 } else { index }
            },
        )
    }
}

fn steps(path: &serde_path_to_error::Path) -> Vec<Step> {
    use serde_path_to_error::Segment;

    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// What serde means by its message about `value`.
fn problem(message: &str, value: Option<&Value>) -> Problem {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return unknown(What::Field, rest);
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        return unknown(What::Choice, rest);
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        return Problem::Missing {
            field: rest.trim_matches('`').to_owned(),
        };
    }
    if let Some(rest) = message.strip_prefix("invalid type: ") {
        let (found, expected) = rest.split_once(", expected ").unwrap_or((rest, "another"));
        return Problem::Type {
            found: found_words(found, value),
            expected: belongs(expected),
        };
    }
    if let Some((found, expected)) = message
        .strip_prefix("invalid value: ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return Problem::Type {
            found: found_words(found, value),
            expected: belongs(expected),
        };
    }
    Problem::Value {
        message: message.to_owned(),
    }
}

/// The rest of the message is `` `found`, expected one of `a`, `b` ``.
fn unknown(what: What, rest: &str) -> Problem {
    let mut words = rest.split('`').skip(1).step_by(2);
    let found = words.next().unwrap_or_default();
    Problem::unknown(what, found, words.collect::<Vec<_>>())
}

/// What stands there. Inside of what is chosen by its `kind` serde tells no path, but what it found.
fn found_words(found: &str, value: Option<&Value>) -> String {
    match value {
        Some(Value::Object(_)) if found != "map" => found
            .replacen("string ", "the text ", 1)
            .replacen("integer ", "the number ", 1)
            .replacen("floating point ", "the number ", 1)
            .replacen("boolean ", "the word ", 1)
            .replace('`', ""),
        Some(value) => describe(value),
        None => found.to_owned(),
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("the word {value}"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(value) => format!("the text {value:?}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

/// The type that serde names, as a person says it.
fn belongs(expected: &str) -> String {
    let bounds = match expected {
        "u8" => Some(u64::from(u8::MAX)),
        "u16" => Some(u64::from(u16::MAX)),
        "u32" => Some(u64::from(u32::MAX)),
        _ => None,
    };
    if let Some(most) = bounds {
        return format!("a whole number from 0 to {most}");
    }
    match expected {
        "u64" | "usize" => "a whole number of 0 or above".to_owned(),
        "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "a text".to_owned(),
        "a sequence" => "a list (lines that begin with \"- \", or [ ])".to_owned(),
        "a map" => "a mapping (lines of \"key: value\", or { })".to_owned(),
        other if other.starts_with("struct ") || other.contains("internally tagged enum") => {
            "a mapping (lines of \"key: value\", or { })".to_owned()
        }
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::{DeviceProfile, Resource};
    use crate::yaml::spell;

    #[test]
    fn all_defects_are_told_at_the_places_where_they_stand() {
        let tree = json!({
            "metadata": {"name": "x", "foo": 1},
            "spec": {
                "modle": "X1",
                "metrics": [
                    {"name": "A", "modbus": {"table": "input", "address": 1}},
                    {"name": "b", "modbus": {"table": "inptu", "address": -1}},
                    {"name": "c", "unit": "cel", "every": 10},
                    {"name": "d", "simulate": {"kind": "sine", "adress": 1}},
                    {"modbus": {"table": "coil", "address": "1"}},
                ],
            },
        });
        let (value, defects) = decode::<Resource<DeviceProfile>>(&tree);
        let told: Vec<_> = defects
            .iter()
            .map(|d| format!("{}: {}", spell(&d.path), d.problem))
            .collect();
        let expected = [
            "metadata.foo: unknown field \"foo\"; known here: name, namespace, labels, annotations",
            "spec.metrics[0].name: 'A' in \"A\" is not one of a-z, 0-9 and -",
            "spec.metrics[1].modbus.address: the number -1 stands where a whole number from 0 to 65535 belongs",
            "spec.metrics[1].modbus.table: unknown word \"inptu\"; did you mean \"input\"?",
            "spec.metrics[2].every: the number 10 stands where a text belongs; write it with its unit, such as 10s, or in quotes where it is a name",
            "spec.metrics[2].unit: \"cel\" is not a SenML unit; did you mean Cel (degrees Celsius)?",
            "spec.metrics[3].simulate.adress: unknown field \"adress\"; known here: min, max, period",
            "spec.metrics[3].simulate: the field \"min\" is missing; add it",
            "spec.metrics[4].modbus.address: the text \"1\" stands where a whole number from 0 to 65535 belongs",
            "spec.metrics[4]: the field \"name\" is missing; add it",
            "spec.modle: unknown field \"modle\"; did you mean \"model\"?",
        ];
        assert_eq!(told, expected, "{}", told.join("\n"));
        let whole = value.unwrap().spec.metrics;
        assert_eq!(whole.len(), 3, "what is whole is read");
    }

    #[test]
    fn a_tree_without_a_whole_part_is_not_read() {
        for tree in [
            json!(3),
            json!({"metadata": {"name": "x"}}),
            json!({"metadata": {"name": "x"}, "spec": null}),
        ] {
            let (value, defects) = decode::<Resource<DeviceProfile>>(&tree);
            assert!(value.is_none());
            assert_eq!(defects.len(), 1, "{defects:?}");
        }
    }
}
