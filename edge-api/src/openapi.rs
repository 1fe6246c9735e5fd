//! The description of the API: a file beside the code, which a test compares with the routes.

use umec_spec::yaml::{self, YamlError};

/// OpenAPI 3.1, as people write it.
const SOURCE: &str = include_str!("../openapi.yaml");

/// The description as JSON text.
pub fn json() -> Result<String, YamlError> {
    let document: serde_json::Value = yaml::from_str(SOURCE)?;
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::route::{Method, TABLE};

    fn document() -> Value {
        serde_json::from_str(&json().unwrap()).unwrap()
    }

    #[test]
    fn the_description_has_the_routes_and_no_others() {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let described: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                let methods = methods.filter(|key| *key != "parameters");
                methods.map(move |method| (path.clone(), method.clone()))
            })
            .collect();
        let served: BTreeSet<(String, String)> = TABLE
            .iter()
            .map(|entry| {
                let method = match entry.method {
                    Method::Get => "get",
                    Method::Post => "post",
                };
                (entry.path.to_owned(), method.to_owned())
            })
            .collect();
        assert_eq!(described, served);
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_operation_has_an_id() {
        let document = document();
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(references.len() > 20);
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        let paths = document["paths"].as_object().unwrap();
        let operations = paths.values().flat_map(|item| item.as_object().unwrap());
        let mut ids = BTreeSet::new();
        for (_, operation) in operations.filter(|(key, _)| *key != "parameters") {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()));
            assert!(
                operation["responses"]["default"].is_object()
                    || operation["security"] == Value::Array(Vec::new())
            );
        }
    }

    fn collect(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    into.push(reference.clone());
                }
                members.values().for_each(|member| collect(member, into));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
            _ => {}
        }
    }
}
