//! What lets the gateway into Kafka: passwords and certificates, from files.

use std::io;
use std::path::{Path, PathBuf};

use umec_spec::settings::kafka::{Kafka, Sasl, Tls};

use crate::kafka::Brokers;

/// Why a file that lets the gateway into Kafka is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAccess {
    #[error(
        "`kafka.{setting}` names {}, which cannot be read: put the file there, and let the gateway's user read it",
        path.display()
    )]
    Read {
        setting: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "`kafka.{setting}` names {}, which holds no `{wanted}`: it has to be PEM, as `openssl` and `keytool -rfc` write it",
        path.display()
    )]
    NoPem {
        setting: &'static str,
        path: PathBuf,
        wanted: &'static str,
    },
    #[error(
        "`kafka.{setting}` names {}, which is empty: write the password into it, on one line",
        path.display()
    )]
    Empty {
        setting: &'static str,
        path: PathBuf,
    },
}

/// Settings of librdkafka.
type Access = Vec<(&'static str, String)>;

/// The brokers, with all that lets a client in. Files are read once: new ones need a restart.
pub(crate) fn brokers(kafka: &Kafka) -> Result<Brokers, NoAccess> {
    let protocol = match (&kafka.tls, &kafka.sasl) {
        (None, None) => return Ok(Brokers::plain(&kafka.bootstrap)),
        (Some(_), None) => "ssl",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    };
    let mut access = vec![("security.protocol", protocol.to_owned())];
    if let Some(settings) = &kafka.tls {
        access.extend(tls(settings)?);
    }
    if let Some(settings) = &kafka.sasl {
        access.extend(sasl(settings)?);
    }
    Ok(Brokers::new(&kafka.bootstrap, access))
}

fn tls(settings: &Tls) -> Result<Access, NoAccess> {
    let mut access = Access::new();
    if let Some(ca) = &settings.ca {
        let found = pem("tls.ca", ca, "BEGIN CERTIFICATE")?;
        access.push(("ssl.ca.location", found));
    }
    if let Some(identity) = &settings.identity {
        let certificate = pem(
            "tls.identity.certificate",
            &identity.certificate,
            "BEGIN CERTIFICATE",
        )?;
        access.push(("ssl.certificate.location", certificate));
        let key = pem("tls.identity.key", &identity.key, "PRIVATE KEY")?;
        access.push(("ssl.key.location", key));
        if let Some(file) = &identity.key_password_file {
            let password = password("tls.identity.keyPasswordFile", file)?;
            access.push(("ssl.key.password", password));
        }
    }
    Ok(access)
}

fn sasl(settings: &Sasl) -> Result<Access, NoAccess> {
    Ok(vec![
        ("sasl.mechanism", settings.mechanism.as_str().to_owned()),
        ("sasl.username", settings.username.clone()),
        (
            "sasl.password",
            password("sasl.passwordFile", &settings.password_file)?,
        ),
    ])
}

/// The path of a file that holds something of the kind `wanted`: librdkafka reads it itself, and says
/// less where it cannot.
fn pem(setting: &'static str, path: &Path, wanted: &'static str) -> Result<String, NoAccess> {
    if read(setting, path)?.contains(wanted) {
        return Ok(path.display().to_string());
    }
    Err(NoAccess::NoPem {
        setting,
        path: path.to_owned(),
        wanted,
    })
}

fn password(setting: &'static str, path: &Path) -> Result<String, NoAccess> {
    let text = read(setting, path)?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(NoAccess::Empty {
            setting,
            path: path.to_owned(),
        }),
        password => Ok(password.to_owned()),
    }
}

fn read(setting: &'static str, path: &Path) -> Result<String, NoAccess> {
    std::fs::read_to_string(path).map_err(|source| NoAccess::Read {
        setting,
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use umec_spec::settings::kafka::Mechanism;

    use super::*;

    fn with_password(file: &Path) -> Kafka {
        Kafka {
            sasl: Some(Sasl {
                mechanism: Mechanism::ScramSha512,
                username: "umec".to_owned(),
                password_file: file.to_owned(),
            }),
            ..Kafka::at("127.0.0.1:9")
        }
    }

    #[test]
    fn a_file_that_is_of_no_use_is_named_with_its_setting_and_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let told = |kafka: &Kafka| brokers(kafka).unwrap_err().to_string();
        let text = told(&with_password(&file));
        assert!(text.contains("kafka.sasl.passwordFile"), "{text}");
        assert!(text.contains(&*file.to_string_lossy()), "{text}");
        std::fs::write(&file, "\n").unwrap();
        assert!(told(&with_password(&file)).contains("is empty"));
        let tls = Kafka {
            tls: Some(Tls {
                ca: Some(file),
                identity: None,
            }),
            ..Kafka::at("127.0.0.1:9")
        };
        let text = told(&tls);
        assert!(text.contains("kafka.tls.ca"), "{text}");
        assert!(text.contains("has to be PEM"), "{text}");
    }

    #[test]
    fn a_password_is_the_line_without_its_end_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "s3cret word\r\n").unwrap();
        assert_eq!(password("x", &file).unwrap(), "s3cret word");
        let brokers = brokers(&with_password(&file)).unwrap();
        let shown = format!("{brokers:?}");
        assert!(shown.contains("sasl.password"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
