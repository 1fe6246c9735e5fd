//! The page `/modems` of the gateway's own face: how modems are, of whichever version.

use tokio::sync::{mpsc, oneshot};
use umec_sdk::{Page, Pages};
use umec_wire::modem::{ModemState, Modems};

/// Where the answer to a question for the modems goes.
pub(crate) type Answer = oneshot::Sender<Vec<ModemState>>;

/// Questions that wait for a loop; whoever asks beyond that waits too.
pub(crate) const QUESTIONS: usize = 4;

/// Shows the page. Each of `loops` answers for the modems that it serves.
pub(crate) fn show(pages: &Pages, loops: Vec<mpsc::Sender<Answer>>) {
    pages.show("/modems", move || collect(loops.clone()));
}

/// Asks all; `None` where one of them is gone.
async fn collect(loops: Vec<mpsc::Sender<Answer>>) -> Option<Page> {
    let mut items = Vec::new();
    for asked in loops {
        let (answer, told) = oneshot::channel();
        asked.send(answer).await.ok()?;
        items.extend(told.await.ok()?);
    }
    items.sort_by(|one, other| one.modem.cmp(&other.modem));
    serde_json::to_string(&Modems { items })
        .ok()
        .map(Page::Json)
}
