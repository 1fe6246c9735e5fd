//! The paths of the API, told from each other in one place.

use umec_wire::command::CommandId;
use umec_wire::{CommandName, DeviceName, Label};

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `/healthz`
    Health,
    /// `/api/v1/openapi.json`
    OpenApi,
    /// `/api/v1/devices`
    Devices,
    /// `/api/v1/devices/{device}`
    Device(DeviceName),
    /// `/api/v1/devices/{device}/readings`
    Readings(DeviceName),
    /// `/api/v1/devices/{device}/aggregates`
    Aggregates(DeviceName),
    /// `/api/v1/devices/{device}/commands/{name}`
    Command(DeviceName, CommandName),
    /// `/api/v1/commands/{id}`
    CommandResult(CommandId),
    /// `/api/v1/stream`
    Stream,
}

/// A path as the description spells it, and the methods that it takes besides `HEAD` and `OPTIONS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The path with its parameters in braces.
    pub path: &'static str,
    /// The method.
    pub method: Method,
}

/// What is done to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Shows it; `HEAD` shows its headers.
    Get,
    /// Gives a command.
    Post,
}

/// All paths.
pub const TABLE: [Entry; 9] = [
    entry("/healthz", Method::Get),
    entry("/api/v1/openapi.json", Method::Get),
    entry("/api/v1/devices", Method::Get),
    entry("/api/v1/devices/{device}", Method::Get),
    entry("/api/v1/devices/{device}/readings", Method::Get),
    entry("/api/v1/devices/{device}/aggregates", Method::Get),
    entry("/api/v1/devices/{device}/commands/{name}", Method::Post),
    entry("/api/v1/commands/{id}", Method::Get),
    entry("/api/v1/stream", Method::Get),
];

const fn entry(path: &'static str, method: Method) -> Entry {
    Entry { path, method }
}

// === impl Route ===

impl Route {
    /// What a path names; nothing where a part of it could be no name.
    pub fn parse(path: &str) -> Option<Self> {
        if path == "/healthz" {
            return Some(Self::Health);
        }
        let parts: Vec<&str> = path.strip_prefix("/api/v1/")?.split('/').collect();
        let route = match parts.as_slice() {
            ["openapi.json"] => Self::OpenApi,
            ["stream"] => Self::Stream,
            ["devices"] => Self::Devices,
            ["devices", device] => Self::Device(device.parse().ok()?),
            ["devices", device, "readings"] => Self::Readings(device.parse().ok()?),
            ["devices", device, "aggregates"] => Self::Aggregates(device.parse().ok()?),
            ["devices", device, "commands", name] => {
                Self::Command(device.parse().ok()?, name.parse().ok()?)
            }
            ["commands", id] => Self::CommandResult(CommandId(Label::new(id).ok()?)),
            _ => return None,
        };
        Some(route)
    }

    /// What may be done to it.
    pub const fn method(&self) -> Method {
        match self {
            Self::Command(..) => Method::Post,
            _ => Method::Get,
        }
    }
}

// === impl Method ===

impl Method {
    /// The value of `Allow`.
    pub const fn allow(self) -> &'static str {
        match self {
            Self::Get => "GET, HEAD, OPTIONS",
            Self::Post => "POST, OPTIONS",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_table_is_a_route_of_its_method() {
        for entry in TABLE {
            let path = entry.path.replace(['{', '}'], "");
            let route = Route::parse(&path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!(route.method(), entry.method, "{path}");
        }
    }

    #[test]
    fn a_path_that_names_nothing_is_no_route() {
        for path in [
            "",
            "/",
            "/api",
            "/api/v1",
            "/api/v1/",
            "/api/v2/devices",
            "/api/v1/devices/",
            "/api/v1/devices/Meter",
            "/api/v1/devices/meter-3/",
            "/api/v1/devices/meter-3/frames",
            "/api/v1/devices/meter-3/commands",
            "/api/v1/devices/meter-3/commands/a/b",
            "/api/v1/devices/../../etc",
            "/api/v1/commands/",
            "/healthz/",
        ] {
            assert_eq!(Route::parse(path), None, "{path}");
        }
    }
}
