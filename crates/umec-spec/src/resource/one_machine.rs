//! What trying out on one machine adds to the resources.

use umec_wire::Label;

use super::{EdgeApi, Metadata, Resource, Resources, SIMULATE};
use crate::settings::edge_api::{Scope, Token};
use crate::settings::{Pattern, SecretName};

impl Resources {
    /// The same resources, with every Modbus device played by a simulator.
    #[must_use]
    pub fn simulated(mut self) -> Self {
        for device in self
            .devices
            .values_mut()
            .filter(|d| d.spec.modbus.is_some())
        {
            let annotations = &mut device.metadata.annotations;
            annotations.insert(SIMULATE.to_owned(), "true".to_owned());
        }
        self
    }

    /// The same resources, with an edge API on every node, and in each a token that allows
    /// everything: `token` names it and the secret that holds it.
    #[must_use]
    pub fn with_token_for_all(mut self, token: &Label) -> Self {
        let sites = self.nodes.values().map(|node| {
            let site = node.spec.site.clone();
            (node.metadata.name.clone(), site)
        });
        let mut nodes: std::collections::BTreeMap<_, _> = sites.collect();
        for device in self.devices.values() {
            let name = device.spec.node.as_label().clone();
            nodes.entry(name).or_insert(None);
        }
        let served = |name: &Label, site: Option<&Label>| {
            let selects =
                |api: &Resource<EdgeApi>| api.spec.nodes.select(&name.clone().into(), site);
            self.edge_apis.values().any(selects)
        };
        let bare: Vec<_> = nodes
            .into_iter()
            .filter(|(name, site)| !served(name, site.as_ref()))
            .map(|(name, _)| name)
            .collect();
        for node in bare {
            let free = |name: &Label| !self.edge_apis.contains_key(name);
            let numbers = (1_u32..).filter_map(|number| Label::new(&format!("api-{number}")).ok());
            let mut names = std::iter::once(node.clone()).chain(numbers);
            if let Some(name) = names.find(free) {
                let api = edge_api_of(name.clone(), &node);
                self.edge_apis.insert(name, api);
            }
        }
        for api in self.edge_apis.values_mut() {
            api.spec.tokens.push(Token {
                name: token.clone(),
                allow: vec![Scope::Read, Scope::Command],
                devices: vec![Pattern::all()],
                secret: SecretName(token.clone()),
            });
        }
        self
    }
}

/// An edge API of one node.
fn edge_api_of(name: Label, node: &Label) -> Resource<EdgeApi> {
    let mut api = EdgeApi::default();
    api.nodes.names = vec![Pattern::exactly(node)];
    Resource {
        metadata: Metadata {
            name,
            namespace: None,
            labels: std::collections::BTreeMap::default(),
            annotations: std::collections::BTreeMap::default(),
        },
        spec: api,
    }
}
