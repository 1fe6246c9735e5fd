//! Whether all that is built in may be: the licences of packages against those that `deny.toml` allows.
//! `cargo deny` judges the same and more, where it is installed; this needs nothing but cargo.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Deserialize;

/// A package that is built in.
#[derive(Debug, Clone, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its licence, an SPDX expression.
    pub license: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// Reads the packages that are built into the workspace around `folder` on this kind of machine.
pub fn packages(folder: &Path) -> anyhow::Result<Vec<Package>> {
    // What is built for other machines need not have been fetched to this one.
    let rustc = output(Command::new("rustc").arg("-vV").current_dir(folder))?;
    let host = rustc
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc does not tell its host")?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args([
            "metadata",
            "--format-version=1",
            "--offline",
            "--filter-platform",
            host,
        ])
        .current_dir(folder);
    let metadata: Metadata = serde_json::from_str(&output(&mut cargo)?)?;
    Ok(metadata.packages)
}

/// The packages of which no offered licence is allowed, a sentence each.
pub fn not_allowed(packages: &[Package], allowed: &[String]) -> Vec<String> {
    packages
        .iter()
        .filter_map(|package| {
            let licence = package.license.as_deref().unwrap_or("none");
            (!is_allowed(licence, allowed)).then(|| {
                format!(
                    "{}: its licence {licence} is not among those that deny.toml allows",
                    package.name
                )
            })
        })
        .collect()
}

/// Reads the list `allow` in the section `[licenses]` of a `deny.toml`.
pub fn allow_list(deny: &str) -> Vec<String> {
    deny.lines()
        .skip_while(|line| line.trim() != "[licenses]")
        .skip_while(|line| !line.starts_with("allow = ["))
        .skip(1)
        .take_while(|line| line.trim() != "]")
        .filter_map(|line| Some(line.split('"').nth(1)?.to_owned()))
        .collect()
}

/// Judges an SPDX expression of the shapes that packages use: alternatives, of which each may ask for
/// several; one pair of brackets at most. A slash is an old spelling of `OR`.
fn is_allowed(licence: &str, allowed: &[String]) -> bool {
    let licence = licence.replace('/', " OR ");
    let brackets = licence
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'));
    if let Some((inside, outside)) = brackets {
        let outside = outside.trim().trim_start_matches("AND ").trim();
        return is_allowed(inside, allowed) && (outside.is_empty() || is_allowed(outside, allowed));
    }
    licence.split(" OR ").any(|choice| {
        let mut all = choice.split(" AND ");
        all.all(|one| allowed.iter().any(|name| name == one.trim()))
    })
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} does not run"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {said}");
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_that_is_not_allowed_is_told() {
        let allowed = allow_list("[licenses]\nallow = [\n  \"MIT\",\n  \"ISC\", # why\n]\n");
        let told = |licence: Option<&str>| {
            let package = Package {
                name: "x".to_owned(),
                license: licence.map(str::to_owned),
            };
            not_allowed(&[package], &allowed)
        };
        for licence in [
            "MIT",
            "GPL-3.0 OR MIT",
            "GPL-3.0/MIT",
            "MIT AND ISC",
            "(GPL-3.0 OR MIT) AND ISC",
        ] {
            assert!(told(Some(licence)).is_empty(), "{licence}");
        }
        for licence in [
            Some("GPL-3.0"),
            Some("MIT AND GPL-3.0"),
            Some("(MIT OR ISC) AND GPL-3.0"),
            None,
        ] {
            assert_eq!(told(licence).len(), 1, "{licence:?}");
        }
    }
}
