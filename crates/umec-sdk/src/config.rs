//! Where the configuration comes from: arguments, one file, and one variable of the environment.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use umec_spec::settings::Process;
use umec_spec::settings::plugin::Section;
use umec_spec::yaml::{self, YamlError};

use crate::life::Program;

/// The variable that chooses what is logged, as `tracing` writes it: `info,umec_modbus=debug`.
const LOG: &str = "UMEC_LOG";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) config: PathBuf,
    /// Whether to show the configuration in effect and leave.
    pub(crate) check: bool,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{}: cannot be read: give the configuration's path with --config", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}: mend the field, then try it with --check", path.display())]
    Parse { path: PathBuf, source: YamlError },
    #[error("the configuration in effect cannot be written")]
    Write(#[source] YamlError),
}

/// Reads the arguments; the error is what clap wants to be shown, help included.
pub(crate) fn arguments<I>(program: Program, arguments: I) -> Result<Arguments, clap::Error>
where
    I: IntoIterator<Item: Into<std::ffi::OsString> + Clone>,
{
    let matches = command(program).try_get_matches_from(arguments)?;
    Ok(from_matches(&matches))
}

/// The filter of the logs, `info` where the environment does not say.
#[expect(clippy::disallowed_methods, reason = "this is config.rs")]
pub(crate) fn log_filter() -> String {
    std::env::var(LOG).unwrap_or_else(|_| "info".to_owned())
}

/// Reads a configuration file.
pub(crate) fn read<S: Section>(path: &Path) -> Result<Process<S>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    yaml::from_str(&text).map_err(|source| ConfigError::Parse {
        path: path.to_owned(),
        source,
    })
}

/// The configuration in effect, defaults filled in and passwords masked.
pub(crate) fn effective<S: Section>(process: &Process<S>) -> Result<String, ConfigError> {
    let text = yaml::to_string(process).map_err(ConfigError::Write)?;
    let lines: Vec<String> = text.lines().map(mask).collect();
    Ok(lines.join("\n") + "\n")
}

/// Hides what stands between `://` and `@`: a user with a password.
fn mask(line: &str) -> String {
    let masked = line.split_once("://").and_then(|(scheme, rest)| {
        let (_, address) = rest.split_once('@')?;
        Some(format!("{scheme}://***@{address}"))
    });
    masked.unwrap_or_else(|| line.to_owned())
}

fn command(program: Program) -> Command {
    let example = format!(
        "Example:\n  {0} --config {0}.yaml --check   # shows the configuration in effect\n  \
         {0} --config {0}.yaml           # runs until SIGTERM\n\n\
         Environment:\n  {LOG}   what is logged, such as info or debug,hyper=warn",
        program.name
    );
    Command::new(program.name)
        .about(program.about)
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(example)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The configuration, as YAML"),
        )
        .arg(
            Arg::new("check")
                .long("check")
                .action(ArgAction::SetTrue)
                .help(
                    "Shows the configuration in effect and leaves: 0 when it is good, 64 when not",
                ),
        )
}

fn from_matches(matches: &ArgMatches) -> Arguments {
    Arguments {
        config: matches
            .get_one::<PathBuf>("config")
            .cloned()
            .unwrap_or_default(),
        check: matches.get_flag("check"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::chain;

    const PROGRAM: Program = Program {
        name: "umec-example",
        about: "An example.",
    };

    fn parse(text: &str) -> Result<Process<u16>, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("umec-example.yaml");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn the_effective_configuration_has_the_defaults_and_no_password() {
        let bus = "{url: 'nats://me:secret@127.0.0.1:4222', credentials: c, inbox: i}";
        let process = parse(&format!("{{node: pole-7, settings: 7, bus: {bus}}}")).unwrap();
        let text = effective(&process).unwrap();
        assert!(text.contains("grace: 20s"), "{text}");
        assert!(text.contains("nats://***@127.0.0.1:4222"), "{text}");
        assert!(!text.contains("secret@"), "{text}");
    }

    #[test]
    fn a_bad_configuration_names_file_line_path_and_remedy() {
        let error = parse("node: pole-7\nsettings: many\n").unwrap_err();
        let text = chain(&error);
        for part in ["umec-example.yaml", "line 2", "settings", "--check"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn help_shows_an_example() {
        let error = arguments(PROGRAM, ["umec-example", "--help"]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("umec-example --config umec-example.yaml")
        );
        let read = arguments(PROGRAM, ["umec-example", "--config", "x.yaml"]).unwrap();
        assert_eq!(read.config, Path::new("x.yaml"));
        assert!(!read.check);
    }
}
