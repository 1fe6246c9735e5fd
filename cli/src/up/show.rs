//! Shows a node as it runs: the live table on a terminal, or one line per change.

use crate::output;
use crate::overview::Overview;
use crate::plain;
use crate::screen::Screen;
use crate::view::layout;

/// Where overviews are shown.
#[derive(Debug)]
pub(super) enum Show {
    /// On a terminal, in place.
    Table(Screen),
    /// A line per change.
    Plain(Box<Overview>),
}

// === impl Show ===

impl Show {
    /// Shows an overview. What cannot be shown is no reason to stop a node: its terminal may be gone.
    pub(super) fn show(&mut self, overview: &Overview) {
        match self {
            Self::Table(screen) => {
                let (width, height) = screen.size();
                let lines = layout(overview, width, height);
                screen.show(lines).unwrap_or_default();
            }
            Self::Plain(before) => {
                for line in plain::changes(before, overview) {
                    output::print(&(line + "\n")).unwrap_or_default();
                }
                **before = overview.clone();
            }
        }
    }
}
