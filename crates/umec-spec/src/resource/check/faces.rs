//! What must hold for edge APIs and uplinks.

use std::collections::BTreeMap;

use umec_wire::{Label, NodeName};

use super::{check_address, check_selector, nodes};
use crate::resource::problem::{Problem, What};
use crate::resource::read::{Found, Report, Written};
use crate::resource::{Device, EdgeApi, Kind, Nodes, Uplink};
use crate::settings::Pattern;
use crate::settings::uplink::SelectionKind;

const DAY: u64 = 86_400_000_000;

/// The sizes of a datagram: room for a reading and its frame, and the largest of UDP over IPv4
/// (RFC 768 and RFC 791 section 3.1).
const DATAGRAM: std::ops::RangeInclusive<usize> = 256..=65_507;

/// The longest name of an uplink: its process is called `uplink-<name>`.
const LONGEST_NAME: usize = Label::MAX_LEN - "uplink-".len();

pub(super) fn check_edge_api(api: &Found<EdgeApi>, written: &Written, report: &mut Report) {
    let spec = &api.resource.spec;
    check_selector(api, &spec.nodes, written, report);
    for (index, window) in spec.windows.iter().enumerate() {
        let at = format!("spec.windows[{index}]");
        if !DAY.is_multiple_of(window.as_micros()) {
            let problem = Problem::rule(
                format!("windows of {window} do not fill a day evenly"),
                "write a length that divides 24 hours, such as 10s, 1m, 15m or 1h",
            );
            report.complain(api, &at, problem);
        }
        if spec.windows.iter().take(index).any(|other| other == window) {
            let problem =
                Problem::rule(format!("the window {window} is there twice"), "remove one");
            report.complain(api, &at, problem);
        }
    }
    for (index, token) in spec.tokens.iter().enumerate() {
        let at = |field: &str| format!("spec.tokens[{index}].{field}");
        if let Some(before) = spec
            .tokens
            .iter()
            .take(index)
            .position(|t| t.name == token.name)
        {
            let problem = Problem::Duplicate {
                what: format!("a token {:?}", token.name.as_str()),
                first: report.place_of(api, &format!("spec.tokens[{before}].name")),
            };
            report.complain(api, &at("name"), problem);
        }
        if let Some(other) = spec
            .tokens
            .iter()
            .take(index)
            .find(|t| t.secret == token.secret)
        {
            let problem = Problem::rule(
                format!(
                    "{} has the same secret, so nobody can tell the two apart",
                    other.name
                ),
                "give each token a secret of its own",
            );
            report.complain(api, &at("secret"), problem);
        }
        if token.allow.is_empty() {
            let problem = Problem::rule(
                "the token allows nothing",
                "write [read] or [read, command]",
            );
            report.complain(api, &at("allow"), problem);
        }
        check_patterns(api, &at("devices"), &token.devices, written, report);
    }
}

pub(super) fn check_uplink(uplink: &Found<Uplink>, written: &Written, report: &mut Report) {
    let spec = &uplink.resource.spec;
    check_selector(uplink, &spec.nodes, written, report);
    check_address(uplink, "spec.gateway", &spec.gateway, report);
    let name = &uplink.resource.metadata.name;
    if name.as_str().len() > LONGEST_NAME {
        let problem = Problem::rule(
            format!("the process \"uplink-{name}\" would have too long a name"),
            format!("give the uplink a name of at most {LONGEST_NAME} characters"),
        );
        report.complain(uplink, "metadata.name", problem);
    }
    check_patterns(uplink, "spec.command", &spec.command, written, report);
    if !DATAGRAM.contains(&spec.datagram) {
        let problem = Problem::rule(
            format!("a datagram cannot have {} bytes", spec.datagram),
            format!("write {} to {}", DATAGRAM.start(), DATAGRAM.end()),
        );
        report.complain(uplink, "spec.datagram", problem);
    }
    if !(1..=100).contains(&spec.backlog.share) {
        let problem = Problem::rule(
            format!("backlog cannot have {} % of the way", spec.backlog.share),
            "write 1 to 100",
        );
        report.complain(uplink, "spec.backlog.share", problem);
    }
    if spec.send.is_empty() {
        let problem = Problem::rule("nothing goes up", "name a kind, or leave send out");
        report.complain(uplink, "spec.send", problem);
    }
    let windows: Vec<_> = written
        .edge_apis
        .values()
        .flat_map(|api| &api.resource.spec.windows)
        .collect();
    for (index, send) in spec.send.iter().enumerate() {
        let at = |field: &str| format!("spec.send[{index}].{field}");
        check_patterns(uplink, &at("devices"), &send.devices, written, report);
        check_metrics(uplink, index, &send.metrics, written, report);
        let Some(window) = &send.window else { continue };
        if send.kind != SelectionKind::Aggregates {
            let problem = Problem::rule(
                "only aggregates have a window",
                "remove it, or write kind: aggregates",
            );
            report.complain(uplink, &at("window"), problem);
        } else if !windows.is_empty() && !windows.contains(&window) {
            let mut known: Vec<_> = windows.iter().map(ToString::to_string).collect();
            known.sort_unstable();
            known.dedup();
            let problem = Problem::rule(
                format!("no edge API makes windows of {window}"),
                format!("write one of {}, or add it there", known.join(", ")),
            );
            report.complain(uplink, &at("window"), problem);
        }
    }
}

/// Tells of a name without `*` that no device has.
fn check_patterns<S: Kind>(
    of: &Found<S>,
    at: &str,
    patterns: &[Pattern],
    written: &Written,
    report: &mut Report,
) {
    for (index, pattern) in patterns.iter().enumerate() {
        if !pattern.as_str().contains('*') && !written.has(Device::KIND, pattern.as_str()) {
            let known = written.names(Device::KIND);
            let problem = Problem::unknown(What::Reference("Device"), pattern.as_str(), known);
            report.complain(of, &format!("{at}[{index}]"), problem);
        }
    }
}

fn check_metrics(
    of: &Found<Uplink>,
    send: usize,
    metrics: &[umec_wire::MetricName],
    written: &Written,
    report: &mut Report,
) {
    // Profiles that could not be read may have any metric.
    if written.profiles.len() < written.names(crate::resource::DeviceProfile::KIND).count() {
        return;
    }
    let profiles = written.profiles.values();
    let mut known: Vec<_> = profiles
        .flat_map(|p| &p.resource.spec.metrics)
        .map(|m| m.name.as_str())
        .collect();
    known.sort_unstable();
    known.dedup();
    for (index, metric) in metrics.iter().enumerate() {
        if !known.contains(&metric.as_str()) {
            let problem = Problem::unknown(What::Metric, metric.as_str(), known.iter().copied());
            report.complain(of, &format!("spec.send[{send}].metrics[{index}]"), problem);
        }
    }
}

/// Tells of two edge APIs on one node, and of two uplinks from one node to one gateway, to which both
/// would be the same modem.
pub(super) fn check_overlaps(written: &Written, report: &mut Report) {
    let site = |node: &NodeName| {
        let node = written.nodes.get(node.as_label())?;
        node.resource.spec.site.clone()
    };
    let nodes: Vec<(NodeName, Option<Label>)> = nodes(written)
        .into_iter()
        .map(|node| (node.clone(), site(&node)))
        .collect();
    let selected = |selector: &Nodes| -> Vec<NodeName> {
        let meant = nodes
            .iter()
            .filter(|(node, site)| selector.select(node, site.as_ref()));
        meant.map(|(node, _)| node.clone()).collect()
    };
    let mut served: BTreeMap<NodeName, &Found<EdgeApi>> = BTreeMap::new();
    for api in written.edge_apis.values() {
        for node in selected(&api.resource.spec.nodes) {
            let other = *served.entry(node.clone()).or_insert(api);
            clash(api, other, &node, "edge API", report);
        }
    }
    let mut sending: BTreeMap<(NodeName, &str), &Found<Uplink>> = BTreeMap::new();
    for uplink in written.uplinks.values() {
        for node in selected(&uplink.resource.spec.nodes) {
            let gateway = uplink.resource.spec.gateway.as_str();
            let other = *sending.entry((node.clone(), gateway)).or_insert(uplink);
            clash(uplink, other, &node, "uplink to this gateway", report);
        }
    }
}

fn clash<S: Kind>(
    own: &Found<S>,
    other: &Found<S>,
    node: &NodeName,
    what: &str,
    report: &mut Report,
) {
    if own.origin != other.origin {
        let problem = Problem::rule(
            format!(
                "{} at {} is the {what} of node {node} already",
                other.resource.metadata.name,
                report.place_of(other, "metadata.name")
            ),
            "select other nodes with nodes: { names: [...] }",
        );
        report.complain(own, "spec.nodes", problem);
    }
}
