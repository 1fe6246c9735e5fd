use std::fs;
use std::path::Path;

use umec_wire::command::{CommandId, Outcome};
use umec_wire::{CommandName, Label, NodeName, Timestamp};

use super::*;

fn node() -> Node {
    Node::for_test(NodeName::new("pole-7").unwrap(), None)
}

fn order(id: &str) -> Order {
    Order {
        id: CommandId(Label::new(id).unwrap()),
        device: DeviceName::new("heater-1").unwrap(),
        name: CommandName::new("setpoint").unwrap(),
        expires: Timestamp::from_millis(4_000_000_000_000),
    }
}

fn result(order: &Order, outcome: Outcome) -> CommandResult {
    CommandResult {
        id: order.id.clone(),
        outcome,
        reason: None,
        value: None,
        time: Timestamp::from_millis(1_000),
    }
}

fn health(node: &Node) -> Option<String> {
    let report = node.health.report();
    let part = report.parts.get("commands").unwrap();
    part.reason.as_ref().map(ToString::to_string)
}

async fn open(folder: &Path, node: &Node) -> Book {
    Book::open(Some(folder.to_owned()), node).await
}

async fn stop(node: Node, book: Book) {
    drop(book);
    node.tasks.drain(Duration::from_secs(1)).await.unwrap();
}

/// What a later run would know: outcomes by id, those interrupted among them.
fn known(folder: &Path) -> Vec<(String, Outcome)> {
    let bytes = fs::read(folder.join("commands.journal")).unwrap();
    let now = Timestamp::from_millis(2_000);
    let mut ledger = Ledger::default();
    ledger.add(line::decode(&bytes).records, now);
    let ended = ledger
        .records()
        .into_iter()
        .filter_map(|record| match record {
            Record::Ended { order, result } => Some((order.id.to_string(), result.outcome)),
            Record::Begun(_) | Record::Every { .. } => None,
        });
    ended.collect()
}

#[tokio::test(start_paused = true)]
async fn it_is_on_the_disk_that_a_command_begins_before_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let node = node();
    let book = open(folder.path(), &node).await;
    book.begin(&order("c-1")).await.unwrap();
    assert_eq!(known(folder.path()), [("c-1".to_owned(), Outcome::Failed)]);
    book.end(order("c-1"), result(&order("c-1"), Outcome::Done))
        .await;
    assert_eq!(known(folder.path()), [("c-1".to_owned(), Outcome::Done)]);
    assert_eq!(health(&node), None);
    stop(node, book).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_noted_down_is_not_begun_and_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::write(&state, "a file in the way").unwrap();
    let node = node();
    let book = open(&state, &node).await;
    let refused = book.begin(&order("c-1")).await.unwrap_err();
    assert_eq!(refused.code.as_str(), "not-kept");
    assert!(health(&node).unwrap().contains("cannot be made"));
    book.end(order("c-1"), result(&order("c-1"), Outcome::Refused))
        .await;
    fs::remove_file(&state).unwrap();
    tokio::time::sleep(AGAIN + PATIENCE).await;
    assert_eq!(health(&node), None);
    book.begin(&order("c-2")).await.unwrap();
    let known = known(&state);
    let refusal = ("c-1".to_owned(), Outcome::Refused);
    assert!(
        known.contains(&refusal),
        "what was answered meanwhile is kept: {known:?}"
    );
    stop(node, book).await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_holds_a_command_up_once_and_then_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let node = node();
    let book = open(folder.path(), &node).await;
    // Whoever writes has the paper, as long as the disk does not answer.
    let hangs = Arc::clone(&book.kept.as_ref().unwrap().journal)
        .lock_owned()
        .await;
    let began = tokio::time::Instant::now();
    assert!(book.begin(&order("c-1")).await.is_err());
    assert_eq!(began.elapsed(), PATIENCE);
    assert!(health(&node).unwrap().contains("has not answered"));
    assert!(book.begin(&order("c-2")).await.is_err());
    assert_eq!(began.elapsed(), PATIENCE);
    drop(hangs);
    tokio::time::sleep(AGAIN + PATIENCE).await;
    assert_eq!(health(&node), None);
    book.begin(&order("c-3")).await.unwrap();
    assert_eq!(known(folder.path()), [("c-3".to_owned(), Outcome::Failed)]);
    stop(node, book).await;
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_writer_has_given_up_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let node = node();
    let book = open(folder.path(), &node).await;
    let journal = Arc::clone(&book.kept.as_ref().unwrap().journal);
    let mut paper = journal.lock_owned().await;
    let fate = AtomicU8::new(WAITING);
    paper.journal.append(&Record::Begun(order("c-0"))).unwrap();
    settle(&fate, GIVEN_UP).unwrap();
    paper.journal.take_back(&Record::Begun(order("c-0")));
    book.write(&mut paper, Record::Begun(order("c-1")), &fate)
        .unwrap();
    drop(paper);
    assert!(known(folder.path()).is_empty());
    book.begin(&order("c-2")).await.unwrap();
    assert_eq!(known(folder.path()), [("c-2".to_owned(), Outcome::Failed)]);
    stop(node, book).await;
}

#[tokio::test(start_paused = true)]
async fn damage_is_counted_and_does_not_stop_the_process() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("commands.journal"), "what\nis this\n").unwrap();
    let node = node();
    let book = open(folder.path(), &node).await;
    assert_eq!(health(&node), None);
    let figures = node.metrics.encode();
    assert!(
        figures.contains("umec_plugin_journal_damaged_lines_total 2"),
        "{figures}"
    );
    book.begin(&order("c-1")).await.unwrap();
    stop(node, book).await;
}
