//! Where something stands in a text.
//!
//! The parser tells places only with errors. So a second reading follows a path and raises an error
//! where it ends: the parser itself says where that is, whatever notation the file uses.

use std::fmt;

use serde::de::{
    DeserializeSeed, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::Extent;
use super::tree::Key;

/// A line and a column, from 1; 0 where they are not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// One step of a path into a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// Which part of a mapping's entry is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// What stands before the colon.
    Key,
    /// What stands before the colon where the same key stands for the second time.
    SecondKey,
    /// What stands after it.
    Value,
}

/// A path as people write it: `spec.metrics[2].modbus`.
pub(crate) fn spell(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Index(index) => text.extend(["[", &index.to_string(), "]"]),
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
        }
    }
    text
}

/// Where the deepest part of `path` stands that there is, in one document of a text.
pub(crate) fn locate(text: &str, extent: Extent, path: &[Step], part: Part) -> Place {
    let Some(document) = serde_yaml::Deserializer::from_str(extent.of(text)).nth(extent.nth) else {
        return Place::default();
    };
    let finder = Finder { path, part };
    let place = finder.deserialize(document).err().and_then(|error| {
        let place = error.location()?;
        Some(Place::new(place.line(), place.column()).after(extent))
    });
    place.unwrap_or_default()
}

/// Follows a path; its result is the place of the error that it raises.
struct Finder<'p> {
    path: &'p [Step],
    part: Part,
}

// === impl Place ===

impl Place {
    pub(crate) const fn new(line: usize, column: usize) -> Self {
        Self { line, column }
    }

    /// The place in the file of a place in a part of it.
    pub(crate) const fn after(self, extent: Extent) -> Self {
        Self::new(self.line + extent.lines_before, self.column)
    }
}

// === impl Finder ===

fn here<E: Error>() -> E {
    E::custom("here")
}

impl<'de> DeserializeSeed<'de> for Finder<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Finder<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Err(here())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Err(here())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Err(here())
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<(), E> {
        Err(here())
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<(), E> {
        Err(here())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Err(here())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Err(here())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Err(here())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Err(here())
    }

    fn visit_some<D: serde::Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((Step::Index(index), rest)) = self.path.split_first() else {
            return Err(here());
        };
        for _ in 0..*index {
            if list.next_element::<IgnoredAny>()?.is_none() {
                return Err(here());
            }
        }
        let finder = Finder {
            path: rest,
            part: self.part,
        };
        list.next_element_seed(finder)?;
        Err(here())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<(), A::Error> {
        let Some((Step::Key(wanted), rest)) = self.path.split_first() else {
            return Err(here());
        };
        let mut passes = match self.part {
            Part::Key if rest.is_empty() => Some(0),
            Part::SecondKey if rest.is_empty() => Some(1),
            _ => None,
        };
        while let Some(found) = mapping.next_key_seed(Wanted {
            key: wanted,
            stop: passes == Some(0),
        })? {
            if found && passes.is_some() {
                passes = Some(0);
                mapping.next_value::<IgnoredAny>()?;
            } else if found {
                let finder = Finder {
                    path: rest,
                    part: self.part,
                };
                mapping.next_value_seed(finder)?;
            } else {
                mapping.next_value::<IgnoredAny>()?;
            }
        }
        Err(here())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<(), A::Error> {
        let (Key(_), content) = tagged.variant()?;
        content.newtype_variant_seed(self)
    }
}

/// Tells whether the next key is the wanted one, or stops at it.
struct Wanted<'p> {
    key: &'p str,
    stop: bool,
}

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, input: D) -> Result<bool, D::Error> {
        input.deserialize_any(self)
    }
}

impl Wanted<'_> {
    fn compare<E: Error>(&self, key: &str) -> Result<bool, E> {
        let found = key == self.key;
        if found && self.stop {
            return Err(here());
        }
        Ok(found)
    }
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        self.compare(key)
    }

    fn visit_bool<E: Error>(self, key: bool) -> Result<bool, E> {
        self.compare(&key.to_string())
    }

    fn visit_i64<E: Error>(self, key: i64) -> Result<bool, E> {
        self.compare(&key.to_string())
    }

    fn visit_u64<E: Error>(self, key: u64) -> Result<bool, E> {
        self.compare(&key.to_string())
    }

    fn visit_f64<E: Error>(self, key: f64) -> Result<bool, E> {
        self.compare(&key.to_string())
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        self.compare("null")
    }

    // A list or a mapping as a key is nobody's field.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<bool, A::Error> {
        while mapping.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<bool, A::Error> {
        let (Key(_), content) = tagged.variant()?;
        content.newtype_variant::<IgnoredAny>()?;
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::extents;

    fn locate(text: &str, document: usize, path: &[Step], part: Part) -> Place {
        super::locate(text, extents(text)[document], path, part)
    }

    fn key(text: &str) -> Step {
        Step::Key(text.to_owned())
    }

    const TEXT: &str = "a: 1\n---\n# a comment\nspec:\n  list:\n    - {x: 1, \"y\": [2,\n        3]}\n    - name: &n two\n      text: |\n        y: no\n        more\n      last: *n\n";

    #[test]
    fn a_path_leads_to_its_line_and_column_in_any_notation() {
        let value = |path: &[Step]| locate(TEXT, 1, path, Part::Value);
        let list = [key("spec"), key("list")];
        let at = |index, rest: &[Step]| {
            let mut path = list.to_vec();
            path.push(Step::Index(index));
            path.extend_from_slice(rest);
            value(&path)
        };
        assert_eq!(locate(TEXT, 0, &[key("a")], Part::Value), Place::new(1, 4));
        assert_eq!(value(&list), Place::new(6, 5));
        assert_eq!(at(0, &[key("x")]), Place::new(6, 11));
        assert_eq!(at(0, &[key("y"), Step::Index(1)]), Place::new(7, 9));
        assert_eq!(at(1, &[key("name")]), Place::new(8, 13));
        assert_eq!(at(1, &[key("text")]), Place::new(9, 13));
    }

    #[test]
    fn a_key_is_found_before_its_colon() {
        let path = [key("spec"), key("list"), Step::Index(1), key("text")];
        assert_eq!(locate(TEXT, 1, &path, Part::Key), Place::new(9, 7));
    }

    #[test]
    fn a_key_that_stands_twice_is_found_at_its_second_place() {
        let text = "a:\n  b: 1\n  c: 2\n  b: 3\n";
        let path = [key("a"), key("b")];
        assert_eq!(locate(text, 0, &path, Part::SecondKey), Place::new(4, 3));
    }

    #[test]
    fn a_path_that_ends_nowhere_leads_to_its_deepest_part() {
        let path = [key("spec"), key("list"), Step::Index(1), key("unit")];
        assert_eq!(locate(TEXT, 1, &path, Part::Value), Place::new(8, 7));
    }
}
