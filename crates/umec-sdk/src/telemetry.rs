//! Logs: how they are written, and the names of their fields.

use std::error::Error;
use std::fmt::Write as _;
use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The fields of logs and spans, so that one thing has one name in all processes.
pub const FIELDS: &[(&str, &str)] = &[
    ("service.name", "which program writes, such as umec-modbus"),
    ("node", "the machine"),
    ("plugin", "the plugin that owns a device"),
    (
        "link",
        "what a plugin opens: a line, a connection, a camera",
    ),
    ("device", "the device"),
    ("metric", "what a device measures"),
    ("command", "the id of a command"),
    ("outcome", "how a command ended"),
    ("subject", "a subject on the bus"),
    ("sequence", "a position in the node's stream"),
    ("modem", "the uplink as the gateway knows it"),
    ("reason", "why, as code and text"),
    ("error", "an error with its sources"),
    ("path", "a file"),
    ("address", "where something listens or is reached"),
    ("count", "how many"),
    ("seconds", "how long"),
];

/// An error with its sources, from the outside in: `the bus: the credentials: no such file`.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        // A String takes whatever is written to it.
        write!(text, ": {error}").unwrap_or_default();
        source = error.source();
    }
    text
}

/// Writes logs to standard error from here on: text on a terminal, a JSON object per line elsewhere.
/// `filter` is a directive list such as `info,umec_modbus=debug`.
pub(crate) fn start(service: &'static str, filter: &str) {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .parse_lossy(filter);
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start, as in tests, leaves the first one's logs in place.
    let started = if std::io::stderr().is_terminal() {
        logs.with_target(false).try_init()
    } else {
        let format = JsonLine { service };
        logs.fmt_fields(JsonFields::new())
            .event_format(format)
            .try_init()
    };
    drop(started);
}

/// One event as one JSON object that begins with the service's name.
struct JsonLine {
    service: &'static str,
}

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> std::fmt::Result {
        let json = tracing_subscriber::fmt::format()
            .json()
            .flatten_event(true)
            .with_current_span(false);
        let mut line = String::new();
        json.format_event(context, Writer::new(&mut line), event)?;
        let rest = line.strip_prefix('{').unwrap_or(&line);
        write!(writer, "{{\"service.name\":\"{}\",{rest}", self.service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the bus")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_chain_tells_every_level_once() {
        let error = Outer(std::io::Error::other("no such file"));
        assert_eq!(chain(&error), "the bus: no such file");
    }

    #[test]
    fn a_field_has_one_line_in_the_list() {
        let mut names: Vec<_> = FIELDS.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FIELDS.len());
    }
}
