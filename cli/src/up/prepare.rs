//! What is on disk before anything starts: secrets, credentials, keys of modems.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use umec_spec::plan::{NodePlan, Settings};

use super::roster::is_loopback;
use super::service::credentials;
use crate::failure::Failure;
use crate::state::{Layout, write_private};

/// Writes credentials anew, and secrets where there are none yet: a person may have put his own there.
pub(super) fn write(layout: &Layout, plan: &NodePlan) -> Result<(), Failure> {
    for user in &plan.bus.users {
        let path = credentials(layout, user.name.as_str());
        write_private(&path, user.credentials.reveal().as_bytes()).map_err(cannot(&path))?;
    }
    for process in &plan.processes {
        for secret in &process.secrets {
            let path = layout.secrets().join(secret.name.0.as_str());
            keep(&path, secret.value.reveal()).map_err(cannot(&path))?;
        }
        if let Settings::Uplink(uplink) = &process.settings
            && let Some(key) = &uplink.key
            && is_loopback(&uplink.gateway)
        {
            let from = layout.secrets().join(key.0.as_str());
            let to = layout.modem_keys().join(uplink.modem.as_str());
            let key = fs::read(&from).map_err(cannot(&from))?;
            write_private(&to, &key).map_err(cannot(&to))?;
        }
    }
    header(layout)
}

/// Writes this command's own token as a header, for callers in a shell.
fn header(layout: &Layout) -> Result<(), Failure> {
    let from = layout.secrets().join(super::TOKEN);
    let token = fs::read_to_string(&from).map_err(cannot(&from))?;
    let to = layout.header();
    let text = format!("Authorization: Bearer {}\n", token.trim());
    write_private(&to, text.as_bytes()).map_err(cannot(&to))
}

/// The tokens of the edge API by name, and the files that hold them.
pub(super) fn tokens(layout: &Layout, plan: &NodePlan) -> BTreeMap<String, PathBuf> {
    let apis = plan.processes.iter().filter_map(|p| match &p.settings {
        Settings::EdgeApi(settings) => Some(&settings.tokens),
        _ => None,
    });
    let tokens = apis.flatten().map(|token| {
        let path = layout.secrets().join(token.secret.0.as_str());
        (token.name.to_string(), path)
    });
    tokens.collect()
}

fn keep(path: &Path, value: &str) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    write_private(path, value.as_bytes())
}

fn cannot(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.display().to_string();
    move |error| Failure::other(format!("{path}: {error}"))
}
