//! `umec device plan`: the requests in which Modbus devices are polled.

use std::path::PathBuf;

use serde::Serialize;
use umec_spec::keys::Keys;
use umec_spec::modbus_plan::{Apart, plan as requests};
use umec_spec::plan::{Settings, plan};
use umec_spec::settings::modbus::{Modbus, Table};
use umec_spec::settings::plugin::DeviceSettings;
use umec_wire::{DeviceName, Span, Timestamp};

use crate::arguments::Format;
use crate::failure::Failure;
use crate::state::Layout;
use crate::{output, report, sources};

/// One request to one device.
#[derive(Debug, Serialize)]
struct Request {
    device: DeviceName,
    every: Span,
    table: Table,
    address: u16,
    count: u16,
    metrics: Vec<String>,
}

/// Prints the requests of all devices, or of one. The resources are those of `files`, else those that run,
/// else the example.
pub(super) fn run(
    layout: &Layout,
    device: Option<&DeviceName>,
    files: &[PathBuf],
    format: Format,
) -> Result<(), Failure> {
    let running = report::running(layout).ok().filter(|_| files.is_empty());
    let files = running.map_or_else(|| files.to_vec(), |report| report.sources);
    let resources = sources::read_or_example(&files)?;
    let plan = plan(&resources, &Keys::from_root([0; 32], Timestamp::default()));
    let processes = plan.nodes.values().flat_map(|node| &node.processes);
    let devices = processes.flat_map(|process| match &process.settings {
        Settings::Modbus(settings) => settings.links.as_slice(),
        _ => &[],
    });
    let devices: Vec<_> = devices.flat_map(|link| &link.devices).collect();
    let wanted =
        |planned: &&&DeviceSettings<Modbus>| device.is_none_or(|name| *name == planned.name);
    let chosen: Vec<_> = devices.iter().filter(wanted).collect();
    if let (Some(name), true) = (device, chosen.is_empty()) {
        let known: Vec<String> = devices.iter().map(|d| d.name.to_string()).collect();
        return Err(Failure::bad_input(format!(
            "there is no Modbus device {name}; there are: {}",
            known.join(", ")
        )));
    }
    let planned: Vec<Request> = chosen.into_iter().flat_map(|device| of(device)).collect();
    output::show(format, &planned, |planned| table(planned))
}

/// The requests of a device: metrics of one interval are read together.
fn of(device: &DeviceSettings<Modbus>) -> Vec<Request> {
    let mut intervals: Vec<Span> = device.metrics.iter().map(|metric| metric.every).collect();
    intervals.sort_unstable();
    intervals.dedup();
    let of_interval = |every: Span| {
        let metrics = device.metrics.iter().enumerate();
        let due = metrics.filter(move |(_, metric)| metric.every == every);
        let due = due.map(|(index, metric)| (index, &metric.source));
        let planned = requests(&device.device, due, &Apart::default());
        planned.into_iter().map(move |request| {
            let metrics = request.registers.iter();
            let metrics = metrics.filter_map(|index| device.metrics.get(*index));
            Request {
                device: device.name.clone(),
                every,
                table: request.table,
                address: request.address,
                count: request.count,
                metrics: metrics.map(|metric| metric.name.to_string()).collect(),
            }
        })
    };
    intervals.into_iter().flat_map(of_interval).collect()
}

fn table(planned: &[Request]) -> String {
    let rows = planned.iter().map(|request| {
        let first = usize::from(request.address);
        let last = first + usize::from(request.count).saturating_sub(1);
        vec![
            request.device.to_string(),
            request.every.to_string(),
            format!("{:?}", request.table).to_lowercase(),
            format!("{first}..{last}"),
            request.count.to_string(),
            request.metrics.join(", "),
        ]
    });
    output::table(
        &["DEVICE", "EVERY", "TABLE", "ADDRESSES", "COUNT", "METRICS"],
        rows,
    )
}
