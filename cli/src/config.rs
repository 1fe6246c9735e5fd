//! What `umec` takes from its environment; read here and nowhere else.

use std::env;
use std::io::IsTerminal;
use std::path::PathBuf;

/// What the environment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The folder in which `umec` itself lies, and the daemons beside it.
    pub beside: Option<PathBuf>,
    /// The tools cache: `$UMEC_TOOLS`, or `umec/tools` in the user's cache folder.
    pub tools: Option<PathBuf>,
    /// The folders of `$PATH`.
    pub path: Vec<PathBuf>,
    /// How this command was typed, for commands that are told to be pasted.
    pub invoked: String,
    /// Whether standard output is a terminal.
    pub terminal: bool,
    /// Whether colours are welcome: a terminal, and no `$NO_COLOR` (no-color.org).
    pub colour: bool,
}

impl Environment {
    /// Reads it.
    pub fn read() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let cache = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")));
        let terminal = std::io::stdout().is_terminal();
        Self {
            beside: env::current_exe()
                .ok()
                .and_then(|program| program.parent().map(PathBuf::from)),
            tools: set("UMEC_TOOLS")
                .map(PathBuf::from)
                .or_else(|| cache.map(|cache| cache.join("umec/tools"))),
            path: set("PATH")
                .map(|path| env::split_paths(&path).collect())
                .unwrap_or_default(),
            invoked: env::args_os().next().map_or_else(
                || "umec".to_owned(),
                |typed| typed.to_string_lossy().into_owned(),
            ),
            terminal,
            colour: terminal && set("NO_COLOR").is_none(),
        }
    }
}
