//! A broker that speaks TLS and wants to know who is there.

use std::cell::Cell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Broker, Ports, free_ports};
use crate::{fail, tools};

/// The password of the broker's own key.
const STORE: &str = "of-the-store";

/// The users of a [`Secured`] broker may show themselves by PLAIN or by SCRAM-SHA-512.
#[derive(Debug)]
pub struct Secured {
    /// The broker; its own port stays in clear, for who looks on.
    pub broker: Broker,
    port: u16,
    folder: TempDir,
}

// === impl Secured ===

impl Secured {
    /// Starts a broker that lets in these users by their passwords.
    #[track_caller]
    pub fn start(users: &[(&str, &str)]) -> Self {
        Self::launch(users, "none")
    }

    /// Starts one that wants to see a certificate, too: that of [`Secured::identity`].
    #[track_caller]
    pub fn with_certificates(users: &[(&str, &str)]) -> Self {
        Self::launch(users, "required")
    }

    #[track_caller]
    fn launch(users: &[(&str, &str)], client_certificates: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for certificates");
        let store = folder.path().join("broker.p12");
        key(&store, &folder.path().join("ca.pem"));
        let chosen = Cell::new(0);
        let further = |ports: Ports| {
            let (port, _) = free_ports();
            chosen.set(port);
            let certificates =
                format!("listener.name.sasl_ssl.ssl.client.auth={client_certificates}\n");
            properties(ports, port, &store, users) + &certificates
        };
        let scram: Vec<_> = users
            .iter()
            .flat_map(|(name, password)| {
                let user = format!("SCRAM-SHA-512=[name={name},password={password}]");
                ["--add-scram".to_owned(), user]
            })
            .collect();
        Self {
            broker: Broker::launch(&further, &scram),
            port: chosen.get(),
            folder,
        }
    }

    /// `host:port` where TLS is spoken.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The file of the certificate that vouches for the broker, PEM.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The file of the private key, PEM, of the certificate that vouches for the broker, which it takes from
    /// clients as well; encrypted with `password`.
    #[track_caller]
    pub fn identity(&self, password: &str) -> PathBuf {
        let file = self.folder.path().join("key.pem");
        let output = Command::new(tools::installed("openssl"))
            .args(["pkcs12", "-nocerts", "-passin", &format!("pass:{STORE}")])
            .args(["-passout", &format!("pass:{password}"), "-in"])
            .arg(self.folder.path().join("broker.p12"))
            .arg("-out")
            .arg(&file)
            .output()
            .unwrap_or_else(|e| fail(&format!("openssl does not start ({e}): run `make tools`")));
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr);
            fail(&format!("openssl: {told}"));
        }
        file
    }

    /// The file of a certificate that vouches for some other broker, PEM.
    #[track_caller]
    pub fn another_ca(&self) -> PathBuf {
        let file = self.folder.path().join("another.pem");
        key(&self.folder.path().join("another.p12"), &file);
        file
    }
}

/// Makes a key with a certificate that vouches for itself, and writes the certificate to `pem`.
#[track_caller]
fn key(store: &Path, pem: &Path) {
    let store = store.to_string_lossy();
    let common = ["-keystore", &store, "-storepass", STORE, "-alias", "broker"];
    let make = [
        "-genkeypair",
        "-keyalg",
        "EC",
        "-storetype",
        "PKCS12",
        "-dname",
        "CN=broker",
        "-ext",
        "SAN=ip:127.0.0.1",
        "-ext",
        "BC=ca:true",
    ];
    let show = ["-exportcert", "-rfc", "-file", &pem.to_string_lossy()];
    for arguments in [&make[..], &show[..]] {
        let output = Command::new(tools::installed("keytool"))
            .args(arguments)
            .args(common)
            .output()
            .unwrap_or_else(|e| fail(&format!("keytool does not start ({e}): run `make tools`")));
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stdout);
            fail(&format!("keytool: {told}"));
        }
    }
}

fn properties(ports: Ports, secure: u16, store: &Path, users: &[(&str, &str)]) -> String {
    let Ports { port, controller } = ports;
    let mut jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required".to_owned();
    for (name, password) in users {
        write!(jaas, " user_{name}=\"{password}\"").expect("a text takes text");
    }
    format!(
        "listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{secure}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
auto.create.topics.enable=false
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config={jaas};
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.location={}
ssl.keystore.password={STORE}
ssl.keystore.type=PKCS12
ssl.truststore.location={}
ssl.truststore.type=PEM
",
        store.display(),
        store.with_file_name("ca.pem").display(),
    )
}
