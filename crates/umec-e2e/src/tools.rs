//! Where the tools are that `make tools` installs.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::fail;

const KAFKA: &str = "kafka-4.1.1/libs";

/// The folder of tools: `$UMEC_TOOLS`, or `umec/tools` in the user's cache.
pub fn folder() -> PathBuf {
    let env = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
    env("UMEC_TOOLS").map_or_else(
        || {
            env("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| env("HOME").map(|home| PathBuf::from(home).join(".cache")))
                .unwrap_or_else(|| fail("neither UMEC_TOOLS nor HOME is set"))
                .join("umec/tools")
        },
        PathBuf::from,
    )
}

/// The NATS server.
#[track_caller]
pub fn nats_server() -> PathBuf {
    present(folder().join("bin/nats-server"), "nats-server")
}

/// The folder with Apache Kafka's jars.
#[track_caller]
pub fn kafka_jars() -> PathBuf {
    present(folder().join(KAFKA), "Apache Kafka")
}

/// The Python with the packages of foreign clients and devices (nats-py, pymodbus).
#[track_caller]
pub fn python() -> PathBuf {
    present(
        folder().join("python/bin/python3"),
        "the Python of the tests",
    )
}

/// A program that the machine's package manager installs, such as `kcat`.
#[track_caller]
pub fn installed(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .unwrap_or_else(|| fail(&format!("{program} is not installed: run `make tools`")))
}

#[track_caller]
fn present(path: PathBuf, what: &str) -> PathBuf {
    if !path.exists() {
        fail(&format!(
            "{what} is not at {}: run `make tools`",
            path.display()
        ));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "no-such-program is not installed: run `make tools`")]
    fn an_absent_tool_names_the_remedy() {
        installed("no-such-program");
    }
}
