//! `umec creds`: where the credentials of the bus lie, and commands that use them.

use std::path::{Path, PathBuf};

use serde::Serialize;
use umec_spec::plan::OPERATOR;

use crate::arguments::Creds;
use crate::failure::Failure;
use crate::output;
use crate::report;
use crate::state::Layout;

/// The credentials of one user of the bus.
#[derive(Debug, Serialize)]
struct Credentials {
    name: String,
    file: PathBuf,
    inbox: String,
}

/// What is told.
#[derive(Debug, Serialize)]
struct Told {
    url: String,
    credentials: Vec<Credentials>,
}

/// Tells the credentials of all users, or of the one that is named.
pub fn run(layout: &Layout, arguments: &Creds) -> Result<(), Failure> {
    let report = report::running(layout)?;
    let nats = report.faces.nats.ok_or_else(|| {
        Failure::unavailable("the bus has not started yet; `umec status` tells more")
    })?;
    let known: Vec<&str> = report.credentials.keys().map(String::as_str).collect();
    if let Some(name) = &arguments.name
        && !known.contains(&name.as_str())
    {
        return Err(Failure::bad_input(format!(
            "there are no credentials {name:?}; there are: {}",
            known.join(", ")
        )));
    }
    let wanted = |name: &str| {
        arguments
            .name
            .as_deref()
            .is_none_or(|wanted| wanted == name)
    };
    let files = report.credentials.iter().filter(|(name, _)| wanted(name));
    let told = Told {
        url: nats.url,
        credentials: files
            .map(|(name, file)| Credentials {
                name: name.clone(),
                file: file.clone(),
                inbox: inbox(name),
            })
            .collect(),
    };
    output::show(arguments.shown.output, &told, |told| {
        text(told, &report.node, &nats.credentials)
    })
}

fn text(told: &Told, node: &str, own: &Path) -> String {
    let rows = told.credentials.iter().map(|credentials| {
        vec![
            credentials.name.clone(),
            credentials.inbox.clone(),
            credentials.file.display().to_string(),
        ]
    });
    let table = output::table(&["NAME", "INBOX", "FILE"], rows);
    let told = &told.url;
    let file = own.display();
    format!(
        "{table}\nThe bus is {told}. The inboxes of a user begin with the prefix beside its name. To read everything:\n\n  \
         nats --server {told} --creds {file} --inbox-prefix {inbox} sub 'umec.v1.{node}.>'\n",
        inbox = inbox(OPERATOR),
    )
}

fn inbox(user: &str) -> String {
    format!("_INBOX.{user}")
}
