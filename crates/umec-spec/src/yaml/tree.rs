//! A file of several documents as trees, whatever is odd in it.

use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{Extent, Place, Step, extents};

/// One document of a file.
#[derive(Debug)]
pub(crate) struct Document {
    /// Where it stands.
    pub(crate) extent: Extent,
    /// What it holds. Where a key stands twice, the first one counts.
    pub(crate) value: Value,
    /// What YAML knows and resources do not.
    pub(crate) oddities: Vec<(Vec<Step>, Oddity)>,
}

/// Something that YAML allows and a resource cannot mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Oddity {
    /// The same key stands twice in one mapping.
    DuplicateKey,
    /// A tag, such as `!thing`.
    Tag,
    /// A number that is none: `.nan`, `.inf`.
    NotANumber,
}

/// Why a document cannot be read.
#[derive(Debug)]
pub(crate) struct Broken {
    /// Where the document stands.
    pub(crate) extent: Extent,
    /// Where.
    pub(crate) place: Place,
    /// What the parser says.
    pub(crate) message: String,
}

/// Takes a file apart. A document that is not YAML does not keep the others from being read.
pub(crate) fn documents(text: &str) -> Vec<Result<Document, Broken>> {
    let mut documents = Vec::new();
    for extent in extents(text) {
        for (nth, document) in serde_yaml::Deserializer::from_str(extent.of(text)).enumerate() {
            let extent = Extent { nth, ..extent };
            let tree = Tree::default();
            match tree.branch(&[]).deserialize(document) {
                Ok(value) => documents.push(Ok(Document {
                    extent,
                    value,
                    oddities: tree.oddities.into_inner(),
                })),
                Err(error) => {
                    let place = error.location().map(|l| Place::new(l.line(), l.column()));
                    documents.push(Err(Broken {
                        extent,
                        place: place.unwrap_or(Place::new(1, 1)).after(extent),
                        message: without_place(&error.to_string()),
                    }));
                    break;
                }
            }
        }
    }
    documents
}

/// The parser ends its messages with the place, which is told apart from them.
fn without_place(message: &str) -> String {
    let end = message.find(" at line ").unwrap_or(message.len());
    message.get(..end).unwrap_or(message).to_owned()
}

/// What is odd, collected while the tree is built.
#[derive(Default)]
struct Tree {
    oddities: RefCell<Vec<(Vec<Step>, Oddity)>>,
}

/// The place in the tree at which the next value grows.
struct Branch<'t> {
    tree: &'t Tree,
    path: Vec<Step>,
}

impl Tree {
    fn branch(&self, path: &[Step]) -> Branch<'_> {
        Branch {
            tree: self,
            path: path.to_vec(),
        }
    }
}

impl Branch<'_> {
    fn child(&self, step: Step) -> Self {
        let mut path = self.path.clone();
        path.push(step);
        Self {
            tree: self.tree,
            path,
        }
    }

    fn note(&self, oddity: Oddity) {
        let note = (self.path.clone(), oddity);
        self.tree.oddities.borrow_mut().push(note);
    }
}

impl<'de> DeserializeSeed<'de> for Branch<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Branch<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    // Numbers beyond 64 bits fit no field; as texts they are refused where they stand.
    fn visit_i128<E: Error>(self, value: i128) -> Result<Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        if number.is_none() {
            self.note(Oddity::NotANumber);
        }
        Ok(number.map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: serde::Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self.child(Step::Index(values.len())))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(Key(key)) = mapping.next_key()? {
            let child = self.child(Step::Key(key.clone()));
            if values.contains_key(&key) {
                child.note(Oddity::DuplicateKey);
                mapping.next_value_seed(child)?;
            } else {
                let value = mapping.next_value_seed(child)?;
                values.insert(key, value);
            }
        }
        Ok(Value::Object(values))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Value, A::Error> {
        self.note(Oddity::Tag);
        let (Key(_), content) = tagged.variant()?;
        content.newtype_variant_seed(self)
    }
}

/// A key as a text: `1: x` and `true: x` have the keys `1` and `true`.
pub(super) struct Key(pub(super) String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let tree = Tree::default();
        let value = tree.branch(&[]).deserialize(input)?;
        Ok(Self(match value {
            Value::String(text) => text,
            other => other.to_string(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Vec<Document> {
        documents(text).into_iter().map(Result::unwrap).collect()
    }

    #[test]
    fn each_document_becomes_a_tree() {
        let documents = whole("a: 1\n---\n# nothing\n---\n[x, 2.5, true, null, 1: y]\n");
        let values: Vec<_> = documents.into_iter().map(|d| d.value).collect();
        assert_eq!(
            values,
            [
                serde_json::json!({"a": 1}),
                serde_json::json!(null),
                serde_json::json!(["x", 2.5, true, null, {"1": "y"}])
            ]
        );
    }

    #[test]
    fn what_a_resource_cannot_mean_is_noted_and_the_rest_is_read() {
        let documents = whole("a: 1\na: 2\nb: !x 3\nc: .nan\nd: &d [4]\ne: *d\n");
        assert_eq!(
            documents[0].value,
            serde_json::json!({"a": 1, "b": 3, "c": null, "d": [4], "e": [4]})
        );
        let noted: Vec<_> = documents[0]
            .oddities
            .iter()
            .map(|(path, oddity)| (super::super::spell(path), *oddity))
            .collect();
        assert_eq!(
            noted,
            [
                ("a".to_owned(), Oddity::DuplicateKey),
                ("b".to_owned(), Oddity::Tag),
                ("c".to_owned(), Oddity::NotANumber)
            ]
        );
    }

    #[test]
    fn what_is_not_yaml_is_told_at_its_place_and_the_other_documents_are_read() {
        let documents = documents("a: 1\n---\nb: [1, 2\nc: 3\n---\nd: 4\n");
        let [Ok(first), Err(broken), Ok(last)] = documents.as_slice() else {
            panic!("{documents:?}");
        };
        assert_eq!(
            (&first.value["a"], &last.value["d"]),
            (&1.into(), &4.into())
        );
        assert_eq!(broken.place.line, 4);
        assert!(!broken.message.contains("line"), "{}", broken.message);
    }
}
