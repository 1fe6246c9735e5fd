//! The plugins of a node: one process per protocol, one link per line.

use std::collections::BTreeMap;

use umec_wire::status::Identity;
use umec_wire::{DeviceName, Label, PluginName, Span};

use super::process::{BusAccess, PlannedProcess, Program, Settings};
use super::{Node, account};
use crate::resource::{Device, DeviceProfile, Metric, ModbusDevice, ModbusMetric, Resource};
use crate::settings::custom::{Custom, Free};
use crate::settings::modbus::{Line, Modbus, Register, Slave, Transport};
use crate::settings::plugin::{
    DeviceSettings, LinkSettings, MetricSettings, PluginSettings, Protocol,
};

/// The name of our plugin for Modbus.
pub(super) const MODBUS: &str = "modbus";

/// How long one reading of a foreign device may take; its plugin knows better, and is its own.
const CUSTOM_TIMEOUT: Span = Span::from_secs(10);

/// The plugin that owns a device.
pub(super) fn plugin_of(device: &Device) -> PluginName {
    match &device.custom {
        Some(custom) => custom.plugin.clone(),
        None => PluginName::new(MODBUS).expect("a label"),
    }
}

pub(super) fn device_name(device: &Resource<Device>) -> DeviceName {
    DeviceName::from(device.metadata.name.clone())
}

pub(super) fn identity(profile: Option<&DeviceProfile>) -> Identity {
    Identity {
        manufacturer: profile.and_then(|p| p.manufacturer.clone()),
        model: profile.and_then(|p| p.model.clone()),
        ..Identity::default()
    }
}

/// The register of a metric, the profile's defaults filled in.
pub(super) fn register(profile: &DeviceProfile, metric: &ModbusMetric) -> Register {
    let order = profile.modbus.as_ref().map(|m| m.byte_order);
    Register {
        table: metric.table,
        address: metric.address,
        kind: metric.register_type(),
        bit: metric.bit,
        length: metric.length,
        byte_order: metric.byte_order.or(order).unwrap_or_default(),
        scale: metric.scale,
        offset: metric.offset,
    }
}

impl Node<'_> {
    /// The node's plugins, and the devices of each.
    pub(super) fn devices_by_plugin(&self) -> BTreeMap<PluginName, Vec<&Resource<Device>>> {
        let mut plugins: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for device in &self.devices {
            let plugin = plugin_of(&device.spec);
            plugins.entry(plugin).or_default().push(*device);
        }
        plugins
    }

    pub(super) fn profile(&self, device: &Device) -> Option<&DeviceProfile> {
        self.resources.profile(&device.profile).map(|p| &p.spec)
    }

    pub(super) fn plugins(&self) -> Vec<PlannedProcess> {
        let plan = |(plugin, devices): (PluginName, Vec<&Resource<Device>>)| {
            let (program, settings) = if plugin.as_str() == MODBUS {
                let settings = Settings::Modbus(self.modbus(&plugin, &devices));
                (Program::Ours("umec-modbus"), settings)
            } else {
                (
                    Program::Foreign,
                    Settings::Custom(self.custom(&plugin, &devices)),
                )
            };
            let name: Label = plugin.as_label().clone();
            PlannedProcess {
                bus: BusAccess {
                    inbox: account::inbox(&name),
                    jetstream: account::OWN_API.to_owned(),
                    trust: self.trust_of_plugin(&devices),
                },
                name,
                node: self.name.clone(),
                program,
                secrets: Vec::new(),
                settings,
            }
        };
        self.devices_by_plugin().into_iter().map(plan).collect()
    }

    fn modbus(&self, plugin: &PluginName, devices: &[&Resource<Device>]) -> PluginSettings<Modbus> {
        let mut lines: BTreeMap<Transport, LinkSettings<Modbus>> = BTreeMap::new();
        for device in devices {
            let profile = self.profile(&device.spec);
            let (Some(modbus), Some(profile)) = (&device.spec.modbus, profile) else {
                continue;
            };
            let Some(transport) = modbus.transport() else {
                continue;
            };
            let link = lines
                .entry(transport.clone())
                .or_insert_with(|| LinkSettings {
                    link: Line {
                        transport,
                        pause: None,
                        settle: None,
                    },
                    devices: Vec::new(),
                });
            // The line is as slow as its slowest device.
            let pause = profile.modbus.as_ref().and_then(|m| m.pause);
            link.link.pause = link.link.pause.max(pause);
            link.devices.push(modbus_device(device, modbus, profile));
        }
        PluginSettings {
            plugin: plugin.clone(),
            links: lines.into_values().collect(),
            state: None,
        }
    }

    fn custom(&self, plugin: &PluginName, devices: &[&Resource<Device>]) -> PluginSettings<Custom> {
        let links = devices.iter().filter_map(|device| {
            let custom = device.spec.custom.as_ref()?;
            let profile = self.profile(&device.spec)?;
            let source = |metric: &Metric| metric.custom.clone().map(|custom| Free(custom.0));
            Some(LinkSettings {
                link: Free::default(),
                devices: vec![DeviceSettings {
                    name: device_name(device),
                    identity: identity(Some(profile)),
                    timeout: CUSTOM_TIMEOUT,
                    device: Free(custom.settings.clone()),
                    metrics: metrics::<Custom>(profile, source),
                }],
            })
        });
        PluginSettings {
            plugin: plugin.clone(),
            links: links.collect(),
            state: None,
        }
    }
}

fn modbus_device(
    device: &Resource<Device>,
    modbus: &ModbusDevice,
    profile: &DeviceProfile,
) -> DeviceSettings<Modbus> {
    let likes = profile.modbus.clone().unwrap_or_default();
    let source = |metric: &Metric| Some(register(profile, metric.modbus.as_ref()?));
    DeviceSettings {
        name: device_name(device),
        identity: identity(Some(profile)),
        timeout: modbus.timeout,
        device: Slave {
            unit: modbus.unit,
            max_registers: likes.max_registers,
            max_bits: likes.max_bits,
            max_gap: likes.max_gap,
        },
        metrics: metrics::<Modbus>(profile, source),
    }
}

fn metrics<P: Protocol>(
    profile: &DeviceProfile,
    source: impl Fn(&Metric) -> Option<P::Metric>,
) -> Vec<MetricSettings<P>> {
    let settings = |metric: &Metric| {
        Some(MetricSettings {
            name: metric.name.clone(),
            unit: metric.unit,
            every: metric.every,
            range: metric.range,
            write: metric.write,
            report: metric.report,
            source: source(metric)?,
        })
    };
    profile.metrics.iter().filter_map(settings).collect()
}
