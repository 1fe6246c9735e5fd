//! A real nats-server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;

use crate::disk::Disk;
use crate::program::Running;
use crate::{eventually, fail, tools};

/// A server is up within some tens of milliseconds; a loaded machine gets more.
const UP: Duration = Duration::from_secs(30);

/// A nats-server of a test's own: a free port, its own store. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    config: Option<PathBuf>,
    port: u16,
    running: Running,
    folder: TempDir,
    disk: Option<Disk>,
}

/// What the server writes to its ports file.
#[derive(Deserialize)]
struct Ports {
    nats: Vec<String>,
}

// === impl Server ===

impl Server {
    /// Starts an open server with `JetStream`.
    #[track_caller]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the store");
        Self::launch(folder, None, None)
    }

    /// Starts a server with `config` whose store lies on a disk of its own.
    #[track_caller]
    pub fn on_disk(disk: Disk, config: &str) -> Self {
        let (folder, file) = configured(config);
        Self::launch(folder, Some(file), Some(disk))
    }

    /// The disk of its store, where that is its own.
    pub const fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    /// Starts a server with `config` as its configuration file. The address, the port and the folder of
    /// the store are the test's own, whatever the configuration says.
    #[track_caller]
    pub fn with_config(config: &str) -> Self {
        let (folder, file) = configured(config);
        Self::launch(folder, Some(file), None)
    }

    /// Starts a server with the configuration `file`, which may include others beside it.
    #[track_caller]
    pub fn with_config_file(file: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the store");
        Self::launch(folder, Some(file.to_path_buf()), None)
    }

    /// The address, such as `nats://127.0.0.1:41234`. It stays the same over restarts.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the store.
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Kills it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.running.kill();
    }

    /// Stops it in good order (SIGTERM).
    #[track_caller]
    pub fn stop(&mut self) {
        self.running.stop(UP);
    }

    /// Starts it again on the same store and the same port; kills it first where it still runs.
    #[track_caller]
    pub fn restart(&mut self) {
        self.running.kill();
        clear(&self.ports());
        let config = self.config.as_deref();
        self.running = run(
            self.folder.path(),
            config,
            Some(self.port),
            self.disk.as_ref(),
        );
        let port = self.port;
        // The port may take a moment to be free again: the server says so and ends.
        eventually(UP, || {
            if self.running.ended().is_some() {
                self.running.restart();
            }
            read_port(&self.ports())
                .filter(|found| *found == port)
                .ok_or_else(|| self.running.tail())
        });
    }

    /// All that it has written since its last start.
    pub fn log(&self) -> String {
        self.running.log()
    }

    #[track_caller]
    fn launch(folder: TempDir, config: Option<PathBuf>, disk: Option<Disk>) -> Self {
        let ports = folder.path().join("ports");
        fs::create_dir(&ports).expect("a folder for the ports file");
        let mut running = run(folder.path(), config.as_deref(), None, disk.as_ref());
        let port = eventually(UP, || {
            if let Some(status) = running.ended() {
                fail(&format!(
                    "nats-server ended with {status}\n{}",
                    running.tail()
                ));
            }
            read_port(&ports).ok_or_else(|| running.tail())
        });
        Self {
            config,
            port,
            running,
            folder,
            disk,
        }
    }

    fn ports(&self) -> PathBuf {
        self.folder.path().join("ports")
    }
}

/// A folder with a configuration file in it.
fn configured(config: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder for the store");
    let file = folder.path().join("server.conf");
    fs::write(&file, config).expect("the configuration is written");
    (folder, file)
}

#[track_caller]
fn run(folder: &Path, config: Option<&Path>, port: Option<u16>, disk: Option<&Disk>) -> Running {
    let (mut command, store) = match disk {
        Some(disk) => (disk.command(&tools::nats_server()), disk.folder()),
        None => (Command::new(tools::nats_server()), folder),
    };
    // Arguments win over the configuration file; -1 takes a free port.
    command
        .args(["--addr", "127.0.0.1", "--port"])
        .arg(port.map_or_else(|| "-1".to_owned(), |port| port.to_string()))
        .arg("--jetstream")
        .arg("--store_dir")
        .arg(store.join("store"))
        .arg("--ports_file_dir")
        .arg(folder.join("ports"));
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    Running::start(command)
}

fn clear(ports: &Path) {
    for file in fs::read_dir(ports).into_iter().flatten().flatten() {
        fs::remove_file(file.path()).expect("an old ports file goes");
    }
}

fn read_port(ports: &Path) -> Option<u16> {
    fs::read_dir(ports)
        .ok()?
        .flatten()
        .filter_map(|file| fs::read(file.path()).ok())
        .filter_map(|text| serde_json::from_slice::<Ports>(&text).ok())
        .find_map(|ports| ports.nats.first()?.rsplit_once(':')?.1.parse().ok())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpStream;

    use super::*;

    fn info(server: &Server) -> serde_json::Value {
        let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        serde_json::from_str(line.strip_prefix("INFO ").unwrap()).unwrap()
    }

    #[test]
    fn a_killed_server_comes_back_on_its_port_and_store() {
        let mut server = Server::start();
        let (port, before) = (server.port(), info(&server));
        assert_eq!(before["jetstream"], true);
        server.kill();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        server.restart();
        assert_eq!(server.port(), port);
        assert_ne!(info(&server)["server_id"], before["server_id"]);
        assert!(server.store().join("jetstream").exists());
        server.stop();
        server.restart();
        assert_eq!(info(&server)["port"], port);
    }

    #[test]
    fn a_configuration_is_obeyed_but_for_its_address() {
        let server =
            Server::with_config("port: 4222\nserver_name: pole-7\nauthorization { token: t }");
        let info = info(&server);
        assert_eq!(info["server_name"], "pole-7");
        assert_eq!(info["auth_required"], true);
        assert_eq!(info["port"], server.port());
    }

    #[test]
    #[should_panic(expected = "nats-server ended")]
    fn a_wrong_configuration_is_told_at_once() {
        Server::with_config("jetstream: [");
    }
}
