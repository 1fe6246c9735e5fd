//! What must hold for uplinks by the version of the protocol that they speak.

use umec_wire::original::DeviceId;

use crate::resource::problem::{Problem, What};
use crate::resource::read::{Found, Report, Written};
use crate::resource::{Device, Kind, Uplink};
use crate::settings::uplink::{OriginalSeries, OriginalUplink, Protocol, everything};

pub(super) fn check(uplink: &Found<Uplink>, written: &Written, report: &mut Report) {
    let spec = &uplink.resource.spec;
    match (spec.protocol, &spec.identity, &spec.original) {
        (Protocol::V2, None, _) => {
            let problem = Problem::rule(
                "a node has to prove who it is",
                "write identity: { key: { secret: uplink-key } }",
            );
            report.complain(uplink, "spec", problem);
        }
        (Protocol::V2, Some(_), Some(_)) => {
            let problem = Problem::rule(
                "original is for version 1 of the protocol",
                "remove it, or write protocol: v1",
            );
            report.complain(uplink, "spec.original", problem);
        }
        (Protocol::V2, Some(_), None) => {}
        (Protocol::V1, _, None) => {
            let problem = Problem::rule(
                "nobody knows which series goes up under which number",
                "write original: { series: [{ id: 3, device: thermometer-1, metric: temperature }] }",
            );
            report.complain(uplink, "spec.protocol", problem);
        }
        (Protocol::V1, _, Some(original)) => check_original(uplink, original, written, report),
    }
}

fn check_original(
    uplink: &Found<Uplink>,
    original: &OriginalUplink,
    written: &Written,
    report: &mut Report,
) {
    let spec = &uplink.resource.spec;
    let idle = [
        ("spec.identity", spec.identity.is_some(), "no proof"),
        ("spec.send", spec.send != everything(), "no kinds"),
        ("spec.command", !spec.command.is_empty(), "no commands"),
        ("spec.budget", spec.budget.is_some(), "no budget"),
    ];
    for (at, is_written, what) in idle {
        if is_written {
            let problem = Problem::rule(
                format!("version 1 of the protocol has {what}"),
                "remove it: what goes up is original.series",
            );
            report.complain(uplink, at, problem);
        }
    }
    if original.rate == 0 {
        let problem = Problem::rule("nothing goes up", "write 1 or more datagrams a second");
        report.complain(uplink, "spec.original.rate", problem);
    }
    if original.series.is_empty() {
        let problem = Problem::rule("nothing goes up", "name a series");
        report.complain(uplink, "spec.original.series", problem);
    }
    for (index, series) in original.series.iter().enumerate() {
        let at = |field: &str| format!("spec.original.series[{index}]{field}");
        let mut before = original.series.iter().take(index);
        let same = |other: &OriginalSeries| {
            DeviceId(other.id) == DeviceId(series.id)
                || (&other.device, &other.metric) == (&series.device, &series.metric)
        };
        if let Some(first) = before.position(same) {
            let problem = Problem::Duplicate {
                what: format!("{}/{} as {}", series.device, series.metric, series.id),
                first: report.place_of(uplink, &format!("spec.original.series[{first}]")),
            };
            report.complain(uplink, &at(""), problem);
        }
        if !series.scale.is_none_or(f64::is_normal) {
            let problem = Problem::rule("a step of this size leads nowhere", "write such as 0.1");
            report.complain(uplink, &at(".scale"), problem);
        }
        if !series.offset.is_none_or(f64::is_finite) {
            let problem = Problem::rule("an offset is a number", "remove it, or write such as 0");
            report.complain(uplink, &at(".offset"), problem);
        }
        check_series(uplink, series, &at, written, report);
    }
}

/// Tells of a device that is not there, and of a metric that it does not have.
fn check_series(
    uplink: &Found<Uplink>,
    series: &OriginalSeries,
    at: &dyn Fn(&str) -> String,
    written: &Written,
    report: &mut Report,
) {
    let device = series.device.as_str();
    if !written.has(Device::KIND, device) {
        let known = written.names(Device::KIND);
        let problem = Problem::unknown(What::Reference("Device"), device, known);
        return report.complain(uplink, &at(".device"), problem);
    }
    let device = written.devices.get(series.device.as_label());
    let profile = device.and_then(|device| written.profiles.get(&device.resource.spec.profile));
    // A profile that could not be read may have any metric.
    let Some(profile) = profile else { return };
    let metrics = &profile.resource.spec.metrics;
    if !metrics.iter().any(|metric| metric.name == series.metric) {
        let known = metrics.iter().map(|metric| metric.name.as_str());
        let problem = Problem::unknown(What::Metric, series.metric.as_str(), known);
        report.complain(uplink, &at(".metric"), problem);
    }
}
