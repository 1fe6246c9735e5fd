//! Reads a checkout: its packages from `cargo metadata`, its files from the disk, its functions from the syntax.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, ensure};
use serde::Deserialize;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// What the rules look at.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    /// The members.
    pub packages: Vec<Package>,
    /// All Rust files of the members.
    pub sources: Vec<Source>,
}

/// One member.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its folder, seen from the workspace's root.
    pub folder: String,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
    /// Whether it takes over the lints of the workspace.
    pub inherits_lints: bool,
    /// Its Rust files with their lines, seen from its folder.
    pub files: Vec<(String, usize)>,
}

/// One dependency.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Whether it is a member too.
    pub is_member: bool,
    /// Whether it is linked into what is deployed: not for tests or build scripts alone.
    pub is_linked: bool,
    /// The features that are asked for.
    pub features: Vec<String>,
}

/// One Rust file.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its path, seen from the workspace's root.
    pub path: String,
    /// Its lines.
    pub lines: usize,
    /// Its functions.
    pub functions: Vec<Function>,
}

/// One function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line it begins on, from 1.
    pub line: usize,
    /// Its lines.
    pub lines: usize,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct MetadataPackage {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<MetadataDependency>,
}

#[derive(Deserialize)]
struct MetadataDependency {
    name: String,
    kind: Option<String>,
    path: Option<PathBuf>,
    features: Vec<String>,
}

/// Reads the workspace around `folder`.
pub fn survey(folder: &Path) -> anyhow::Result<Workspace> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(folder)
        .output()
        .context("cargo runs")?;
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let mut workspace = Workspace::default();
    for package in metadata.packages {
        let home = package.manifest_path.parent().unwrap_or(folder).to_owned();
        let mut files = Vec::new();
        for path in rust_files(&home)? {
            let source = read_source(&metadata.workspace_root, &path)?;
            files.push((relative(&home, &path), source.lines));
            workspace.sources.push(source);
        }
        let manifest = fs::read_to_string(&package.manifest_path)?;
        workspace.packages.push(Package {
            name: package.name,
            folder: relative(&metadata.workspace_root, &home),
            dependencies: package.dependencies.into_iter().map(dependency).collect(),
            inherits_lints: inherits_lints(&manifest),
            files,
        });
    }
    Ok(workspace)
}

fn dependency(found: MetadataDependency) -> Dependency {
    Dependency {
        name: found.name,
        is_member: found.path.is_some(),
        is_linked: found.kind.is_none(),
        features: found.features,
    }
}

/// Whether a manifest has `workspace = true` under `[lints]`.
pub fn inherits_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim);
    lines.any(|line| line == "[lints]")
        && lines
            .take_while(|line| !line.starts_with('['))
            .any(|line| line == "workspace = true")
}

/// The Rust files below a folder, in the order of their names.
fn rust_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read_source(root: &Path, path: &Path) -> anyhow::Result<Source> {
    let text = fs::read_to_string(path)?;
    Ok(Source {
        path: relative(root, path),
        lines: text.lines().count(),
        functions: functions(&text).with_context(|| format!("{}", path.display()))?,
    })
}

/// The functions of a file, methods and inner functions included.
pub fn functions(text: &str) -> syn::Result<Vec<Function>> {
    let mut finder = Finder::default();
    finder.visit_file(&syn::parse_file(text)?);
    Ok(finder.found)
}

#[derive(Default)]
struct Finder {
    found: Vec<Function>,
}

impl Finder {
    fn note(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let first = signature.span().start().line;
        let last = block.span().end().line;
        self.found.push(Function {
            name: signature.ident.to_string(),
            line: first,
            lines: last + 1 - first,
        });
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.note(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.note(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.note(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

// === impl Dependency ===

impl Dependency {
    /// Whether a feature is asked for.
    pub fn has_feature(&self, name: &str) -> bool {
        self.features.iter().any(|feature| feature == name)
    }
}
