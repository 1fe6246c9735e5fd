//! What a process shows at its own face beside `/healthz`, `/readyz` and `/metrics`.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The pages of a process, by path. A clone shows the same ones.
#[derive(Clone, Default)]
pub struct Pages(Arc<Mutex<BTreeMap<&'static str, Write>>>);

/// What a page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// A JSON document.
    Json(String),
    /// Figures in the text format of Prometheus (`OpenMetrics` 1.0).
    Figures(String),
}

type Writing = Pin<Box<dyn Future<Output = Option<Page>> + Send>>;

type Write = Arc<dyn Fn() -> Writing + Send + Sync>;

// === impl Pages ===

impl Pages {
    /// Shows a page at `path`, which begins with a slash, in the place of one that was there. `write` is
    /// called for each caller; `None` says that there is nothing to show at present.
    pub fn show<F, W>(&self, path: &'static str, write: F)
    where
        F: Fn() -> W + Send + Sync + 'static,
        W: Future<Output = Option<Page>> + Send + 'static,
    {
        let write: Write = Arc::new(move || Box::pin(write()));
        self.pages().insert(path, write);
    }

    /// Begins to write the page at `path`; `None` where there is none.
    pub(crate) fn write(&self, path: &str) -> Option<Writing> {
        let write = self.pages().get(path).cloned()?;
        Some(write())
    }

    /// The paths, each after a comma.
    pub(crate) fn told(&self) -> String {
        let pages = self.pages();
        pages.keys().flat_map(|path| [", ", *path]).collect()
    }

    fn pages(&self) -> MutexGuard<'_, BTreeMap<&'static str, Write>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.pages().keys()).finish()
    }
}
