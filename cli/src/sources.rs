//! Resources out of files and folders, with every error told at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use umec_spec::resource::{Problem, ResourceError, Resources};

use crate::failure::Failure;

/// Why resources cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file or folder cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder holds no resources.
    #[error("{0}: no file here ends in .yaml or .yml")]
    Empty(PathBuf),
    /// What is written is wrong.
    #[error("{}", told(.0))]
    Wrong(Vec<ResourceError>),
}

/// The errors, a line each, and their number where there are several.
fn told(errors: &[ResourceError]) -> String {
    let mut lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    if errors.len() > 1 {
        lines.push(format!("{} errors, nothing was started", errors.len()));
    }
    lines.join("\n")
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::bad_input(error.to_string())
    }
}

/// The example that stands in where no file is given.
const EXAMPLE: &str = include_str!("../../examples/first/first.yaml");

/// Reads the resources of these files and folders, or the example where there are none.
pub fn read_or_example(sources: &[PathBuf]) -> Result<Resources, SourceError> {
    if !sources.is_empty() {
        return read(sources);
    }
    let example = [("the example".to_owned(), EXAMPLE.to_owned())];
    Resources::read(example).map_err(SourceError::Wrong)
}

/// Reads the resources of these files, and of the files in these folders.
pub fn read(sources: &[PathBuf]) -> Result<Resources, SourceError> {
    let mut files = Vec::new();
    for source in sources {
        if source.is_dir() {
            files.extend(in_folder(source)?);
        } else {
            files.push(source.clone());
        }
    }
    let mut texts = Vec::new();
    let mut errors = Vec::new();
    for file in files {
        match String::from_utf8(unless(&file, fs::read)?) {
            Ok(text) => texts.push((file.display().to_string(), text)),
            Err(_) => errors.push(not_text(&file)),
        }
    }
    match Resources::read(texts) {
        Ok(resources) if errors.is_empty() => Ok(resources),
        Ok(_) => Err(SourceError::Wrong(errors)),
        Err(more) => {
            errors.extend(more);
            Err(SourceError::Wrong(errors))
        }
    }
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let mut files = Vec::new();
    for entry in unless(folder, fs::read_dir)? {
        let path = unless(folder, |_| entry)?.path();
        let ends = path.extension().and_then(|e| e.to_str());
        if path.is_file() && matches!(ends, Some("yaml" | "yml")) {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(SourceError::Empty(folder.to_owned()));
    }
    Ok(files)
}

fn unless<'p, T>(
    path: &'p Path,
    read: impl FnOnce(&'p Path) -> io::Result<T>,
) -> Result<T, SourceError> {
    read(path).map_err(|source| SourceError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn not_text(file: &Path) -> ResourceError {
    ResourceError {
        file: file.display().to_string(),
        line: 0,
        column: 0,
        resource: None,
        path: String::new(),
        problem: Problem::Yaml {
            message: "it is not UTF-8".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: &str =
        "apiVersion: umec.dev/v1alpha1\nkind: EdgeNode\nmetadata: { name: pole-7 }\nspec: {}\n";

    #[test]
    fn the_example_is_read() {
        assert_eq!(read_or_example(&[]).unwrap().devices().count(), 3);
    }

    #[test]
    fn folders_and_files_are_read_and_all_errors_told_with_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert!(matches!(
            read(&[folder.path().to_owned()]),
            Err(SourceError::Empty(_))
        ));
        fs::write(path("a.yaml"), NODE).unwrap();
        fs::write(path("notes.txt"), "no resource").unwrap();
        assert_eq!(
            read(&[folder.path().to_owned()]).unwrap().nodes().count(),
            1
        );
        fs::write(
            path("b.yml"),
            NODE.replace("pole-7", "pole-8").replace("{}", "{ sit: x }"),
        )
        .unwrap();
        fs::write(path("c.yaml"), [0xff, 0xfe]).unwrap();
        let error = read(&[folder.path().to_owned()]).unwrap_err().to_string();
        assert!(error.contains("b.yml:4:"), "{error}");
        assert!(error.contains("c.yaml: this is not YAML"), "{error}");
        assert!(error.ends_with("errors, nothing was started"), "{error}");
        let absent = read(&[path("absent.yaml")]).unwrap_err().to_string();
        assert!(absent.contains("absent.yaml"), "{absent}");
    }
}
