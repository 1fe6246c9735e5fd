//! `docs/resources.md` tells every field that resources have, no other one, and the true defaults.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::Value;
use umec_spec::resource::{Problem, Resources, What};
use umec_spec::yaml;

const PAGE: &str = include_str!("../../../docs/resources.md");

/// A field that no resource has.
const UNKNOWN: &str = "zzz";

/// One of each kind with as little as it takes, but for parts whose defaults are of interest.
const LEAST: &str = r"
EdgeNode: { spec: { bus: { store: { } } } }
DeviceProfile:
  spec:
    modbus: { }
    metrics: [{ name: a, modbus: { table: input, address: 0 }, report: { } }]
Device: { spec: { node: n, profile: p, modbus: { serial: { path: /dev/x } } } }
EdgeApi: { spec: { } }
Uplink: { spec: { gateway: 'g:1', protocol: v1, original: { series: [{ id: 1, device: n, metric: a }] } } }
";

/// The tables of the page: the heading above each, and its rows as cells.
fn tables() -> BTreeMap<String, Vec<Vec<String>>> {
    let mut tables: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    let mut heading = String::new();
    for line in PAGE.lines() {
        if let Some(text) = line.strip_prefix('#') {
            text.trim_start_matches('#').trim().clone_into(&mut heading);
        } else if line.starts_with("| `") {
            let cells = line.split('|').skip(1).map(|cell| cell.trim().to_owned());
            tables
                .entry(heading.clone())
                .or_default()
                .push(cells.collect());
        }
    }
    tables
}

fn bare(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`')
}

/// `Device.spec.modbus` as the kind and the path below the document.
fn split(heading: &str) -> (&str, Vec<String>) {
    let (kind, path) = heading.split_once('.').unwrap_or(("Device", heading));
    let steps = path.replace("[]", ".0");
    (kind, steps.split('.').map(ToOwned::to_owned).collect())
}

/// The words that the reader knows at a place, told because of one that it does not know.
fn known(kind: &str, path: &[String], what: What, found: &str, inner: &str) -> BTreeSet<String> {
    let nested = path
        .iter()
        .rev()
        .fold(inner.to_owned(), |inner, step| match step.as_str() {
            "0" => format!("[{inner}]"),
            step => format!("{{ {step}: {inner} }}"),
        });
    let fields = nested.trim_start_matches('{').trim_end_matches('}');
    let text = format!("{{ apiVersion: umec.dev/v1alpha1, kind: {kind}, {fields} }}");
    let errors = Resources::read([("page".to_owned(), text.clone())]).unwrap_err();
    let known = errors.into_iter().find_map(|error| match error.problem {
        Problem::Unknown {
            what: w,
            found: f,
            known,
        } if w == what && f == found => Some(known),
        _ => None,
    });
    known
        .unwrap_or_else(|| panic!("{text} is not refused"))
        .into_iter()
        .collect()
}

#[test]
fn each_table_tells_the_fields_that_are_read_there() {
    let tables = tables();
    assert!(tables.len() > 20, "{:?}", tables.keys());
    for (heading, rows) in &tables {
        let (kind, path) = split(heading);
        let told: BTreeSet<_> = rows
            .iter()
            .map(|row| bare(&row[0]).unwrap().to_owned())
            .collect();
        if heading.ends_with(".simulate") {
            let kinds = known(kind, &path, What::Choice, UNKNOWN, "{ kind: zzz }");
            assert_eq!(told, kinds, "{heading}");
            for row in rows {
                let inner = format!("{{ kind: {}, zzz: 1 }}", bare(&row[0]).unwrap());
                let fields = row[1]
                    .split(", ")
                    .map(|f| bare(f).unwrap().to_owned())
                    .collect();
                assert_eq!(
                    known(kind, &path, What::Field, UNKNOWN, &inner),
                    fields,
                    "{}",
                    row[0]
                );
            }
        } else {
            let fields = known(kind, &path, What::Field, UNKNOWN, "{ zzz: 1 }");
            assert_eq!(told, fields, "{heading}");
        }
    }
}

#[test]
fn each_default_is_the_true_one() {
    let least: Value = yaml::from_str(LEAST).unwrap();
    let mut text = String::new();
    for (kind, resource) in least.as_object().unwrap() {
        let spec = yaml::to_string(resource).unwrap();
        writeln!(
            text,
            "---\napiVersion: umec.dev/v1alpha1\nkind: {kind}\nmetadata: {{ name: n }}\n{spec}"
        )
        .unwrap();
    }
    let text = text.replace("profile: p", "profile: n");
    let resources = Resources::read([("least".to_owned(), text)]).unwrap();
    let value = |text: Result<String, yaml::YamlError>| -> Value {
        yaml::from_str(&text.unwrap()).unwrap()
    };
    let written: BTreeMap<&str, Value> = [
        (
            "EdgeNode",
            value(yaml::to_string(resources.nodes().next().unwrap())),
        ),
        (
            "DeviceProfile",
            value(yaml::to_string(resources.profiles().next().unwrap())),
        ),
        (
            "Device",
            value(yaml::to_string(resources.devices().next().unwrap())),
        ),
        (
            "EdgeApi",
            value(yaml::to_string(resources.edge_apis().next().unwrap())),
        ),
        (
            "Uplink",
            value(yaml::to_string(resources.uplinks().next().unwrap())),
        ),
    ]
    .into();
    let mut compared = 0;
    for (heading, rows) in tables() {
        let (kind, path) = split(&heading);
        let place = format!("/{}", path.join("/"));
        let Some(part) = written[kind].pointer(&place) else {
            continue;
        };
        for row in rows {
            let (Some(told), Some(value)) = (bare(&row[1]), part.get(bare(&row[0]).unwrap()))
            else {
                continue;
            };
            assert_eq!(as_told(value), told, "{heading}.{}", row[0]);
            compared += 1;
        }
    }
    assert!(compared > 25, "{compared} defaults compared");
}

fn as_told(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().unwrap().to_string(),
        Value::Array(values) => format!(
            "[{}]",
            values.iter().map(as_told).collect::<Vec<_>>().join(", ")
        ),
        other => other.to_string(),
    }
}

#[test]
fn its_example_is_right() {
    let (_, rest) = PAGE.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let errors = Resources::read([("page".to_owned(), example.to_owned())])
        .err()
        .unwrap_or_default();
    let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{told:?}");
}
