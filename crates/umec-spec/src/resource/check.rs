//! What must hold between the fields of a resource, and between resources.

mod device;
mod faces;
mod line;
mod original;
mod profile;

use umec_wire::NodeName;

use super::problem::{Problem, What};
use super::read::{Found, Report, Written};
use super::{EdgeNode, Kind, Nodes};

/// The least that a stream can work with.
const LEAST_STORE: u64 = 1 << 20;

/// Tells everything that cannot be.
pub(super) fn check(written: &Written, report: &mut Report) {
    for node in written.nodes.values() {
        check_node(node, report);
    }
    for profile in written.profiles.values() {
        profile::check(profile, report);
    }
    for device in written.devices.values() {
        device::check(device, written, report);
    }
    line::check(written, report);
    for api in written.edge_apis.values() {
        faces::check_edge_api(api, written, report);
    }
    for uplink in written.uplinks.values() {
        faces::check_uplink(uplink, written, report);
        original::check(uplink, written, report);
    }
    faces::check_overlaps(written, report);
}

fn check_node(node: &Found<EdgeNode>, report: &mut Report) {
    if node.resource.spec.bus.store.bytes.get() < LEAST_STORE {
        let problem = Problem::rule("a store this small keeps nothing", "write 1Mi or more");
        report.complain(node, "spec.bus.store.bytes", problem);
    }
}

/// Tells of a reference to a resource that is not written anywhere.
fn check_reference<S: Kind>(
    from: &Found<S>,
    at: &str,
    to: &'static str,
    name: &str,
    written: &Written,
    report: &mut Report,
) {
    if !written.has(to, name) {
        let known = written.names(to);
        report.complain(from, at, Problem::unknown(What::Reference(to), name, known));
    }
}

/// The nodes that are there: those of `EdgeNode` resources, and those that devices name.
fn nodes(written: &Written) -> Vec<NodeName> {
    let own = written
        .names(EdgeNode::KIND)
        .filter_map(|name| NodeName::new(name).ok());
    let used = written
        .devices
        .values()
        .map(|d| d.resource.spec.node.clone());
    let mut nodes: Vec<_> = own.chain(used).collect();
    nodes.sort();
    nodes.dedup();
    nodes
}

/// Tells of a selector that cannot select.
fn check_selector<S: Kind>(of: &Found<S>, nodes: &Nodes, written: &Written, report: &mut Report) {
    if let Some(site) = &nodes.site {
        let sites: Vec<_> = written
            .nodes
            .values()
            .filter_map(|node| node.resource.spec.site.as_ref())
            .map(umec_wire::Label::as_str)
            .collect();
        if !sites.contains(&site.as_str()) {
            let problem = Problem::unknown(What::Reference("site"), site.as_str(), sites);
            report.complain(of, "spec.nodes.site", problem);
        }
    }
    let known = self::nodes(written);
    for (index, pattern) in nodes.names.iter().enumerate() {
        if !pattern.as_str().contains('*') && !known.iter().any(|n| pattern.matches(n.as_str())) {
            let known = known.iter().map(NodeName::as_str);
            let problem = Problem::unknown(What::Reference("node"), pattern.as_str(), known);
            report.complain(of, &format!("spec.nodes.names[{index}]"), problem);
        }
    }
}

/// Whether a text is `host:port`.
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let bare = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
    let known = |c: char| c.is_ascii_alphanumeric() || "-._[]:%".contains(c);
    !host.is_empty() && bare && host.chars().all(known) && port.parse::<u16>().is_ok_and(|p| p > 0)
}

fn check_address<S: Kind>(of: &Found<S>, at: &str, address: &str, report: &mut Report) {
    if !is_address(address) {
        let problem = Problem::rule(
            format!("{address:?} is not host:port"),
            "write a name or an address, a colon and a port, such as 10.0.7.20:502 or [fd00::7]:502",
        );
        report.complain(of, at, problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for text in [
            "10.0.7.20:502",
            "meter.local:1",
            "[fd00::7]:502",
            "localhost:65535",
        ] {
            assert!(is_address(text), "{text}");
        }
        for text in [
            "",
            "10.0.7.20",
            ":502",
            "a:0",
            "a:65536",
            "a:b",
            "fd00::7:502",
            "a b:1",
        ] {
            assert!(!is_address(text), "{text}");
        }
    }
}
