//! From files to resources, with every error in them.

use std::collections::BTreeMap;

use serde_json::Value;
use umec_wire::Label;

use super::check::check;
use super::decode::{Defect, decode};
use super::problem::{Problem, ResourceError, What};
use super::{
    API_VERSION, Device, DeviceProfile, EdgeApi, EdgeNode, Kind, Resource, Resources, Uplink,
};
use crate::yaml::{Broken, Document, Extent, Oddity, Part, Place, Step, documents, locate, spell};

/// The kinds, in the order of the documentation.
pub(super) const KINDS: [&str; 5] = [
    EdgeNode::KIND,
    DeviceProfile::KIND,
    Device::KIND,
    EdgeApi::KIND,
    Uplink::KIND,
];

/// What Kubernetes writes into `metadata` and nobody else reads.
const KUBERNETES_OWN: [&str; 11] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Where a resource was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    file: usize,
    extent: Extent,
}

/// A resource and where it was written.
#[derive(Debug)]
pub(super) struct Found<S> {
    pub(super) resource: Resource<S>,
    pub(super) origin: Origin,
}

/// The resources of one kind, by name.
pub(super) type Sheets<S> = BTreeMap<Label, Found<S>>;

/// Everything that was written, not yet checked against each other.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) nodes: Sheets<EdgeNode>,
    pub(super) profiles: Sheets<DeviceProfile>,
    pub(super) devices: Sheets<Device>,
    pub(super) uplinks: Sheets<Uplink>,
    pub(super) edge_apis: Sheets<EdgeApi>,
    /// Every name by its kind, also of resources that are too wrong to be checked any further.
    named: BTreeMap<&'static str, BTreeMap<String, Origin>>,
}

/// The errors so far, and the texts in which they stand.
pub(super) struct Report {
    files: Vec<(String, String)>,
    errors: Vec<(Origin, ResourceError)>,
}

impl Written {
    /// The names of all resources of a kind, also of those that are wrong in themselves.
    pub(super) fn names(&self, kind: &'static str) -> impl Iterator<Item = &str> {
        let names = self.named.get(kind).into_iter().flat_map(BTreeMap::keys);
        names.map(String::as_str)
    }

    /// Whether there is a resource of this kind and name, right or wrong.
    pub(super) fn has(&self, kind: &'static str, name: &str) -> bool {
        self.named
            .get(kind)
            .is_some_and(|names| names.contains_key(name))
    }
}

impl Resources {
    /// Reads the documents of several files, each a name for messages and a text. The order of files
    /// and documents is of no meaning. All errors are told, in the order of files and lines.
    pub fn read(
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<ResourceError>> {
        let mut report = Report {
            files: files.into_iter().collect(),
            errors: Vec::new(),
        };
        let mut written = Written::default();
        for file in 0..report.files.len() {
            read_file(file, &mut written, &mut report);
        }
        check(&written, &mut report);
        report.finish()?;
        Ok(Self {
            nodes: bare(written.nodes),
            profiles: bare(written.profiles),
            devices: bare(written.devices),
            uplinks: bare(written.uplinks),
            edge_apis: bare(written.edge_apis),
        })
    }
}

fn bare<S>(sheets: Sheets<S>) -> BTreeMap<Label, Resource<S>> {
    let bare = |(name, found): (Label, Found<S>)| (name, found.resource);
    sheets.into_iter().map(bare).collect()
}

fn read_file(file: usize, written: &mut Written, report: &mut Report) {
    for document in documents(report.text(file)) {
        match document {
            Ok(document) => read_document(file, document, written, report),
            Err(Broken {
                extent,
                place,
                message,
            }) => {
                let origin = Origin { file, extent };
                report.push(origin, None, &[], place, Problem::Yaml { message });
            }
        }
    }
}

fn read_document(file: usize, document: Document, written: &mut Written, report: &mut Report) {
    let Document {
        extent,
        mut value,
        oddities,
    } = document;
    if value.is_null() && oddities.is_empty() {
        return; // nothing, or comments alone
    }
    let origin = Origin { file, extent };
    let kind = text_at(&value, &["kind"]);
    let name = text_at(&value, &["metadata", "name"]);
    let resource = kind.as_ref().map(|kind| match &name {
        Some(name) => format!("{kind} {name}"),
        None => kind.clone(),
    });
    for (path, oddity) in oddities {
        let part = match oddity {
            Oddity::DuplicateKey => Part::SecondKey,
            Oddity::Tag | Oddity::NotANumber => Part::Value,
        };
        report.say(origin, resource.as_deref(), &path, part, odd(oddity));
    }
    let Some(kind) = header(origin, &mut value, resource.as_deref(), report) else {
        return;
    };
    if let Some(name) = name
        && !is_first(origin, (kind, name), written, report)
    {
        return;
    }
    match kind {
        EdgeNode::KIND => keep(origin, &value, &mut written.nodes, report),
        DeviceProfile::KIND => keep(origin, &value, &mut written.profiles, report),
        Device::KIND => keep(origin, &value, &mut written.devices, report),
        EdgeApi::KIND => keep(origin, &value, &mut written.edge_apis, report),
        _ => keep(origin, &value, &mut written.uplinks, report),
    }
}

fn text_at(value: &Value, path: &[&str]) -> Option<String> {
    let found = path.iter().try_fold(value, |value, key| value.get(key))?;
    found.as_str().map(ToOwned::to_owned)
}

fn odd(oddity: Oddity) -> Problem {
    match oddity {
        Oddity::DuplicateKey => Problem::rule(
            "this field stands twice in one mapping",
            "remove one of the two",
        ),
        Oddity::Tag => Problem::rule("a YAML tag (!...) has no meaning here", "remove it"),
        Oddity::NotANumber => Problem::rule(
            "this is not a finite number",
            "write a number, or leave the field out",
        ),
    }
}

/// Takes off what every document begins with, and what Kubernetes adds; tells which kind it is.
fn header(
    origin: Origin,
    value: &mut Value,
    resource: Option<&str>,
    report: &mut Report,
) -> Option<&'static str> {
    let Value::Object(fields) = value else {
        let problem = Problem::rule(
            "a document is a mapping with apiVersion, kind, metadata and spec",
            "write those four",
        );
        report.say(origin, None, &[], Part::Value, problem);
        return None;
    };
    fields.remove("status");
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        metadata.retain(|key, _| !KUBERNETES_OWN.contains(&key.as_str()));
    }
    let mut word = |key: &str, known: &[&'static str], what: What| {
        let path = [Step::Key(key.to_owned())];
        let problem = match fields.remove(key) {
            None => {
                let field = key.to_owned();
                report.say(
                    origin,
                    resource,
                    &[],
                    Part::Value,
                    Problem::Missing { field },
                );
                return None;
            }
            Some(Value::String(text)) => {
                if let Some(word) = known.iter().find(|word| **word == text) {
                    return Some(*word);
                }
                Problem::unknown(what, &text, known.iter().copied())
            }
            Some(_) => Problem::rule(
                "this is not a text",
                format!("write one of: {}", known.join(", ")),
            ),
        };
        report.say(origin, resource, &path, Part::Value, problem);
        None
    };
    let version = word("apiVersion", &[API_VERSION], What::Version);
    let kind = word("kind", &KINDS, What::Kind);
    version.and(kind)
}

/// Whether a resource is the first of its kind and name.
fn is_first(
    origin: Origin,
    (kind, name): (&'static str, String),
    written: &mut Written,
    report: &mut Report,
) -> bool {
    let names = written.named.entry(kind).or_default();
    let Some(first) = names.get(&name) else {
        names.insert(name, origin);
        return true;
    };
    let path = path("metadata.name");
    let what = format!("{kind} {name}");
    let problem = Problem::Duplicate {
        what: what.clone(),
        first: report.where_is(*first, &path),
    };
    report.say(origin, Some(&what), &path, Part::Value, problem);
    false
}

/// Decodes a resource. One that is not whole is told about, and no further questions are asked of it.
fn keep<S: Kind>(origin: Origin, value: &Value, sheets: &mut Sheets<S>, report: &mut Report) {
    let (resource, defects) = decode::<Resource<S>>(value);
    let label = match text_at(value, &["metadata", "name"]) {
        Some(name) => format!("{} {name}", S::KIND),
        None => S::KIND.to_owned(),
    };
    let whole = defects.is_empty();
    for Defect {
        path,
        part,
        problem,
    } in defects
    {
        report.say(origin, Some(&label), &path, part, problem);
    }
    if let Some(resource) = resource.filter(|_| whole) {
        let name = resource.metadata.name.clone();
        sheets.insert(name, Found { resource, origin });
    }
}

/// A path from its spelling; only for paths without dots in their keys.
pub(super) fn path(spelling: &str) -> Vec<Step> {
    spelling
        .split(['.', '['])
        .filter(|part| !part.is_empty())
        .map(|part| match part.strip_suffix(']').map(str::parse) {
            Some(Ok(index)) => Step::Index(index),
            _ => Step::Key(part.to_owned()),
        })
        .collect()
}

// === impl Report ===

impl Report {
    fn text(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |(_, text)| text)
    }

    /// Tells a problem of a whole resource's field, `at` being its path as people write it.
    pub(super) fn complain<S: Kind>(&mut self, of: &Found<S>, at: &str, problem: Problem) {
        let label = format!("{} {}", S::KIND, of.resource.metadata.name);
        self.say(of.origin, Some(&label), &path(at), Part::Value, problem);
    }

    /// File and line of a field, for messages that speak of two places.
    pub(super) fn place_of<S>(&self, of: &Found<S>, at: &str) -> String {
        self.where_is(of.origin, &path(at))
    }

    fn where_is(&self, origin: Origin, path: &[Step]) -> String {
        let name = self.files.get(origin.file).map_or("", |(name, _)| name);
        let place = locate(self.text(origin.file), origin.extent, path, Part::Key);
        format!("{name}:{}", place.line)
    }

    fn say(
        &mut self,
        origin: Origin,
        resource: Option<&str>,
        path: &[Step],
        part: Part,
        problem: Problem,
    ) {
        let place = locate(self.text(origin.file), origin.extent, path, part);
        self.push(origin, resource, path, place, problem);
    }

    fn push(
        &mut self,
        origin: Origin,
        resource: Option<&str>,
        path: &[Step],
        place: Place,
        problem: Problem,
    ) {
        let name = self.files.get(origin.file).map(|(name, _)| name.clone());
        let error = ResourceError {
            file: name.unwrap_or_default(),
            line: place.line,
            column: place.column,
            resource: resource.map(ToOwned::to_owned),
            path: spell(path),
            problem,
        };
        self.errors.push((origin, error));
    }

    fn finish(mut self) -> Result<(), Vec<ResourceError>> {
        if self.errors.is_empty() {
            return Ok(());
        }
        self.errors
            .sort_by_key(|(origin, error)| (*origin, error.line, error.column));
        Err(self.errors.into_iter().map(|(_, error)| error).collect())
    }
}
