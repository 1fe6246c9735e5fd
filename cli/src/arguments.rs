//! What a person types: subcommands, options, and the examples that `--help` shows.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use umec_wire::command::POLL_INTERVAL;
use umec_wire::{DeviceName, MetricName, NodeName};

use crate::gateway::AdminAddress;

/// Where the state lies, where nothing else is said.
pub const DEFAULT_STATE: &str = ".umec";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "umec",
    version,
    about = "Brings an edge node up on this machine, and looks after its devices.",
    after_help = "Examples:\n  umec up                                  the example: simulated devices, bus, API, Kafka\n  umec up site.yaml                        your own resources, the same file as in a cluster\n  umec device watch                        readings as they arrive\n  umec device write thermometer-1 setpoint=21.5\n\nExit codes: 0 done, 64 bad input, 69 nothing is running or it cannot be reached, 1 all else.",
    propagate_version = true,
    max_term_width = 100
)]
pub struct Arguments {
    /// The folder in which a node on this machine keeps all that is its own
    #[arg(long, value_name = "DIR", global = true, default_value = DEFAULT_STATE)]
    pub state: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a node on this machine and show it; Ctrl-C stops it, a second `umec up` continues
    #[command(
        after_help = "Examples:\n  umec up\n  umec up site.yaml profiles/ --kafka localhost:9092\n  umec up site.yaml --simulate     play every Modbus device instead of opening it\n  umec up --plain >up.log          one line per change"
    )]
    Up(Up),
    /// Tell what runs: addresses, tokens, credentials, processes, devices
    #[command(
        after_help = "Examples:\n  umec status\n  umec status -o json | jq -r .faces.edgeApi.url"
    )]
    Status(Shown),
    /// List, read, watch and command devices
    #[command(subcommand)]
    Device(Device),
    /// Tell what a gateway knows of its modems
    #[command(subcommand)]
    Gateway(Gateway),
    /// Check resources and print what would run
    #[command(
        after_help = "Examples:\n  umec check site.yaml profiles/\n  umec check site.yaml -o json"
    )]
    Check(Check),
    /// Tell what this machine lacks and how to get it
    #[command(after_help = "Examples:\n  umec doctor\n  umec doctor -o json")]
    Doctor(Shown),
    /// Tell where NATS credentials lie, with commands to try
    #[command(after_help = "Examples:\n  umec creds\n  umec creds modbus")]
    Creds(Creds),
    /// Print a completion script
    #[command(
        after_help = "Examples:\n  umec completions bash > ~/.local/share/bash-completion/completions/umec\n  umec completions zsh > ~/.zfunc/_umec"
    )]
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Become another program that dies together with the process that started it
    #[command(hide = true)]
    Child(Child),
}

/// `umec up`
#[derive(Debug, Args)]
pub struct Up {
    /// Files or folders of resources; the built-in example where none is given
    #[arg(value_name = "FILE|DIR")]
    pub sources: Vec<PathBuf>,
    /// Print one line per change in place of the live table
    #[arg(long)]
    pub plain: bool,
    /// Where records go: a broker in the gateway's memory, or the address of a real one
    #[arg(long, value_name = "embedded|HOST:PORT", default_value = "embedded")]
    pub kafka: String,
    /// Where the edge API is served; a free port, kept from then on, where not given
    #[arg(long, value_name = "ADDR:PORT")]
    pub http: Option<SocketAddr>,
    /// Play every Modbus device by a simulator
    #[arg(long)]
    pub simulate: bool,
    /// Which of several nodes in the resources this machine plays
    #[arg(long, value_name = "NAME")]
    pub node: Option<NodeName>,
}

/// `umec check`
#[derive(Debug, Args)]
pub struct Check {
    /// Files or folders of resources
    #[arg(value_name = "FILE|DIR", required = true)]
    pub sources: Vec<PathBuf>,
    /// How to print
    #[command(flatten)]
    pub shown: Shown,
}

/// How something is printed.
#[derive(Debug, Clone, Copy, Args)]
pub struct Shown {
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// How something is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[value(alias = "text")]
    Table,
    /// For programs
    Json,
    /// For both
    Yaml,
}

/// `umec device`
#[derive(Debug, Subcommand)]
pub enum Device {
    /// All devices with their last values
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  umec device list\n  umec device list -o json"
    )]
    List(Shown),
    /// One device: who it is, how it is, what it shows
    #[command(after_help = "Examples:\n  umec device get thermometer-1")]
    Get {
        /// Which
        device: DeviceName,
        /// How to print
        #[command(flatten)]
        shown: Shown,
    },
    /// Readings as they arrive, one line each: time, message, metric, value
    #[command(
        after_help = "Examples:\n  umec device watch\n  umec device watch thermometer-1 meter-3 --metric temperature\n  umec device watch -o json | jq .value"
    )]
    Watch {
        /// Which; all where none is given
        devices: Vec<DeviceName>,
        /// Only this metric; can be given several times
        #[arg(long, value_name = "METRIC")]
        metric: Vec<MetricName>,
        /// End after so many readings
        #[arg(long, value_name = "N")]
        count: Option<u64>,
        /// How to print; as json and yaml one document per reading
        #[command(flatten)]
        shown: Shown,
    },
    /// Give one command and print its one result
    #[command(
        after_help = "Examples:\n  umec device write thermometer-1 setpoint=21.5\n  umec device write thermometer-1 heater=on\n  umec device write meter-3 poll-interval=0.5    sample it twice a second; without =0.5 as configured\n\nThe exit code is 0 where the device did it, 64 where it was refused, 1 where it failed or expired."
    )]
    Write {
        /// Which device
        device: DeviceName,
        /// What to set: a number, on, off, true, false or a text
        #[arg(value_name = "METRIC=VALUE")]
        assignment: Assignment,
        /// How long it may take
        #[arg(long, value_name = "TIME", default_value = "10s")]
        timeout: umec_wire::Span,
        /// How to print
        #[command(flatten)]
        shown: Shown,
    },
    /// The requests in which a device is polled
    #[command(
        after_help = "Examples:\n  umec device plan                       of what is running, or the example\n  umec device plan meter-3 --file site.yaml"
    )]
    Plan {
        /// Which; all where none is given
        device: Option<DeviceName>,
        /// Files or folders of resources, where they are not running
        #[arg(long, value_name = "FILE|DIR")]
        file: Vec<PathBuf>,
        /// How to print
        #[command(flatten)]
        shown: Shown,
    },
}

/// `umec gateway`
#[derive(Debug, Subcommand)]
pub enum Gateway {
    /// The modems that have called: who, where, and how their way is
    #[command(
        after_help = "Examples:\n  umec gateway modems                             the gateway of `umec up`\n  umec gateway modems --admin 10.0.0.5:9100       any other, at its `admin.listen`\n  umec gateway modems -o json | jq -r '.[] | select(.state == \"down\") | .modem'\n\nLOSS is how many of the last datagrams (at most 2,048) have not come. RTT and QUEUE are the modem's own\nwords, as old as TOLD says: from sending a batch until Kafka has it, and messages that wait on the node."
    )]
    Modems {
        /// The gateway's admin listener; that of `umec up` where not given
        #[arg(long, value_name = "HOST:PORT|URL")]
        admin: Option<AdminAddress>,
        /// How to print
        #[command(flatten)]
        shown: Shown,
    },
}

/// `umec creds`
#[derive(Debug, Args)]
pub struct Creds {
    /// Whose; all where not given
    pub name: Option<String>,
    /// How to print
    #[command(flatten)]
    pub shown: Shown,
}

/// A program that dies together with its parent.
#[derive(Debug, Args)]
pub struct Child {
    /// The process that must still be the parent
    #[arg(long)]
    pub parent: i32,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    pub program: Vec<std::ffi::OsString>,
}

/// `metric=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// What to set.
    pub metric: MetricName,
    /// To what: a JSON number, boolean or string; null where the command has no value.
    pub value: serde_json::Value,
}

/// Why a text is not an [`Assignment`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssignmentError {
    /// There is no `=`.
    #[error("write METRIC=VALUE, such as setpoint=21.5")]
    Shape,
    /// What stands before it is no name.
    #[error("the metric: {0}")]
    Metric(umec_wire::LabelError),
    /// It is a number that no device can take.
    #[error("a value must be a finite number")]
    NotFinite,
}

// === impl Assignment ===

impl FromStr for Assignment {
    type Err = AssignmentError;

    fn from_str(text: &str) -> Result<Self, AssignmentError> {
        if text == POLL_INTERVAL {
            return Ok(Self {
                metric: MetricName::new(text).map_err(AssignmentError::Metric)?,
                value: serde_json::Value::Null,
            });
        }
        let (metric, value) = text.split_once('=').ok_or(AssignmentError::Shape)?;
        let metric = MetricName::new(metric).map_err(AssignmentError::Metric)?;
        let value = match (value, value.parse::<f64>()) {
            ("on" | "true", _) => true.into(),
            ("off" | "false", _) => false.into(),
            (_, Ok(number)) => serde_json::Number::from_f64(number)
                .map(serde_json::Value::Number)
                .ok_or(AssignmentError::NotFinite)?,
            (text, Err(_)) => text.into(),
        };
        Ok(Self { metric, value })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_subcommand_shows_examples_in_its_help() {
        fn walk(command: &clap::Command) {
            for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
                if sub.has_subcommands() {
                    walk(sub);
                } else {
                    let help = sub.get_after_help().map(ToString::to_string);
                    assert!(
                        help.is_some_and(|text| text.contains("Examples:")),
                        "{} has no examples",
                        sub.get_name()
                    );
                }
            }
        }
        walk(&Arguments::command());
    }

    #[test]
    fn an_assignment_knows_numbers_switches_and_texts() {
        let value = |text: &str| text.parse::<Assignment>().unwrap().value;
        assert_eq!(value("setpoint=21.5"), serde_json::json!(21.5));
        assert_eq!(value("heater=on"), serde_json::json!(true));
        assert_eq!(value("heater=false"), serde_json::json!(false));
        assert_eq!(value("mode=eco=2"), serde_json::json!("eco=2"));
        assert_eq!(value("poll-interval=0.5"), serde_json::json!(0.5));
        assert_eq!(value("poll-interval"), serde_json::Value::Null);
        for (text, error) in [
            ("setpoint", AssignmentError::Shape),
            ("setpoint=inf", AssignmentError::NotFinite),
        ] {
            assert_eq!(text.parse::<Assignment>(), Err(error), "{text}");
        }
        assert!(matches!(
            "Set=1".parse::<Assignment>(),
            Err(AssignmentError::Metric(_))
        ));
    }
}
