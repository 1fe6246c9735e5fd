use tempfile::TempDir;
use umec_wire::{DeviceName, Span};

use super::*;

fn every(device: &str, seconds: u64) -> Record {
    Record::Every {
        device: DeviceName::new(device).unwrap(),
        every: Some(Span::from_secs(seconds)),
    }
}

fn journal(folder: &TempDir) -> Journal {
    Journal::new(folder.path().join("state/modbus"))
}

#[test]
fn what_was_appended_is_read_by_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = journal(&folder);
    assert_eq!(first.read().unwrap(), Content::default());
    assert!(first.is_full(), "it is written anew first");
    assert!(matches!(
        first.append(&every("a", 1)),
        Err(JournalError::Closed { .. })
    ));
    first.write_anew(&[every("a", 1)]).unwrap();
    first.append(&every("b", 2)).unwrap();
    drop(first);
    let mut second = journal(&folder);
    let content = second.read().unwrap();
    assert_eq!(content.records, [every("a", 1), every("b", 2)]);
    second.write_anew(&content.records).unwrap();
    second.append(&every("c", 3)).unwrap();
    second.append(&every("d", 4)).unwrap();
    second.take_back(&every("d", 4));
    assert!(
        second.is_full(),
        "what was taken back is written anew without it"
    );
    drop(second);
    let content = journal(&folder).read().unwrap();
    assert_eq!(
        content.records,
        [every("a", 1), every("b", 2), every("c", 3)]
    );
}

#[test]
fn a_torn_end_is_left_out_and_a_damaged_journal_is_kept_for_a_look() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = journal(&folder);
    first.read().unwrap();
    first.write_anew(&[every("a", 1), every("b", 2)]).unwrap();
    let path = first.path();
    drop(first);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    let mut second = journal(&folder);
    let content = second.read().unwrap();
    assert_eq!(
        (content.records, content.is_torn),
        (vec![every("a", 1)], true)
    );
    assert!(!second.damaged().exists());
    drop(second);
    let damaged = [b"x".as_slice(), &whole].concat();
    fs::write(&path, &damaged).unwrap();
    let mut third = journal(&folder);
    let content = third.read().unwrap();
    assert_eq!(content.records, [every("b", 2)]);
    assert_eq!((content.damaged, content.lines), (1, vec![1]));
    assert_eq!(fs::read(third.damaged()).unwrap(), damaged);
}

#[test]
fn a_power_cut_while_it_is_written_anew_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = journal(&folder);
    first.read().unwrap();
    first.write_anew(&[every("a", 1)]).unwrap();
    let path = first.path();
    drop(first);
    fs::write(path.with_extension("journal.new"), "half of a li").unwrap();
    let mut second = journal(&folder);
    assert_eq!(second.read().unwrap().records, [every("a", 1)]);
    second.write_anew(&[every("b", 2)]).unwrap();
    drop(second);
    assert_eq!(journal(&folder).read().unwrap().records, [every("b", 2)]);
}

#[test]
fn a_folder_belongs_to_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = journal(&folder);
    first.read().unwrap();
    let mut second = journal(&folder);
    assert!(matches!(second.read(), Err(JournalError::Taken { .. })));
    drop(first);
    second.read().unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_told_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("state"), "a file in the way").unwrap();
    let error = journal(&folder).read().unwrap_err();
    assert!(error.to_string().contains("state/modbus"), "{error}");
}

#[test]
fn it_grows_by_a_bound_before_it_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = journal(&folder);
    first.read().unwrap();
    first.write_anew(&[]).unwrap();
    let line = u64::try_from(encode(&every("a", 1)).len()).unwrap();
    first.open.as_mut().unwrap().length = GROWTH - line;
    assert!(!first.is_full());
    first.append(&every("a", 1)).unwrap();
    assert!(first.is_full());
}

#[test]
fn a_record_that_could_not_be_written_is_not_found_by_a_later_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = journal(&folder);
    first.read().unwrap();
    first.write_anew(&[every("a", 1)]).unwrap();
    // A file that is open to be read refuses every write.
    first.open.as_mut().unwrap().file = File::open(first.path()).unwrap();
    let error = first.append(&every("b", 2)).unwrap_err();
    assert!(error.to_string().contains("commands.journal"), "{error}");
    assert!(first.is_full(), "it is written anew before the next");
    first.write_anew(&[every("a", 1)]).unwrap();
    first.append(&every("c", 3)).unwrap();
    drop(first);
    let records = journal(&folder).read().unwrap().records;
    assert_eq!(records, [every("a", 1), every("c", 3)]);
}
