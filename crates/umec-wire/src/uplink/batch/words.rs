//! Columns of what is neither number nor time: booleans, texts, bytes.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::bits::{BitReader, BitWriter};
use super::bytes::{Reader, put_number};
use super::{BatchError, Budget, integers, word_cost};

/// One bit a value.
const BITS: u8 = 0;
/// All are false; the next tag says all are true.
const ALL_FALSE: u8 = 1;
const ALL_TRUE: u8 = 2;
/// How many of one kind follow each other, false first; the next tag says true first.
const RUNS_FALSE: u8 = 3;
const RUNS_TRUE: u8 = 4;

/// Appends a column of booleans, whose length is known to the reader.
pub(super) fn encode_booleans(values: &[bool], to: &mut Vec<u8>) {
    let Some(first) = values.first() else {
        return;
    };
    let runs: Vec<i64> = values
        .chunk_by(|one, next| one == next)
        .map(|run| i64::try_from(run.len()).unwrap_or(i64::MAX))
        .collect();
    if runs.len() == 1 {
        to.push(ALL_FALSE + u8::from(*first));
        return;
    }
    let mut told = vec![RUNS_FALSE + u8::from(*first)];
    put_number(&mut told, runs.len() as u64);
    integers::encode(&runs, &mut told);
    if told.len() <= values.len().div_ceil(8) {
        to.append(&mut told);
        return;
    }
    to.push(BITS);
    let mut bits = BitWriter::new(to);
    for value in values {
        bits.put(u64::from(*value), 1);
    }
    bits.finish();
}

/// Reads a column of `count` booleans.
pub(super) fn decode_booleans(from: &mut Reader, count: usize) -> Result<Vec<bool>, BatchError> {
    const WHAT: &str = "a column of booleans";
    if count == 0 {
        return Ok(Vec::new());
    }
    match from.byte(WHAT)? {
        BITS => {
            let rest = from.rest().clone();
            let mut bits = BitReader::new(&rest);
            let values = (0..count).map(|_| bits.take(1, WHAT).map(|bit| bit == 1));
            let values = values.collect::<Result<_, _>>()?;
            from.take(bits.bytes_begun(), WHAT)?;
            Ok(values)
        }
        tag @ (ALL_FALSE | ALL_TRUE) => Ok(vec![tag == ALL_TRUE; count]),
        tag @ (RUNS_FALSE | RUNS_TRUE) => {
            let runs = from.count(WHAT)?;
            if runs > count {
                return Err(BatchError::Wrong(WHAT));
            }
            let mut value = tag == RUNS_TRUE;
            let mut values = Vec::with_capacity(count);
            for run in integers::decode(from, runs, WHAT)? {
                let left = count - values.len();
                let run = usize::try_from(run).ok().filter(|run| *run <= left);
                let run = run.ok_or(BatchError::Wrong(WHAT))?;
                values.extend(std::iter::repeat_n(value, run));
                value = !value;
            }
            if values.len() < count {
                return Err(BatchError::Wrong(WHAT));
            }
            Ok(values)
        }
        _ => Err(BatchError::Wrong(WHAT)),
    }
}

/// Appends a column of words, whose length is known to the reader: the words that are different, and
/// which of them stands where. Says what they take of the reader's budget beyond being values.
pub(super) fn encode<'w>(words: impl Iterator<Item = &'w [u8]>, to: &mut Vec<u8>) -> usize {
    let mut worth = 0;
    let mut places: HashMap<&[u8], i64> = HashMap::new();
    let mut different: Vec<&[u8]> = Vec::new();
    let column: Vec<i64> = words
        .map(|word| {
            worth += word_cost(word.len());
            *places.entry(word).or_insert_with(|| {
                different.push(word);
                i64::try_from(different.len() - 1).unwrap_or(i64::MAX)
            })
        })
        .collect();
    if column.is_empty() {
        return 0;
    }
    put_number(to, different.len() as u64);
    let lengths = different.iter().map(|word| word.len());
    let lengths: Vec<i64> = lengths
        .map(|length| i64::try_from(length).unwrap_or(i64::MAX))
        .collect();
    integers::encode(&lengths, to);
    for word in &different {
        to.extend_from_slice(word);
    }
    if different.len() > 1 {
        integers::encode(&column, to);
    }
    worth
}

/// Reads a column of `count` words, each made by `make` once.
pub(super) fn decode<T: Clone>(
    from: &mut Reader,
    count: usize,
    budget: &mut Budget,
    what: &'static str,
    make: impl Fn(&Bytes) -> Result<T, BatchError>,
) -> Result<Vec<T>, BatchError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let different = from.count(what)?;
    if different == 0 || different > count {
        return Err(BatchError::Wrong(what));
    }
    let mut words = Vec::with_capacity(different);
    for length in integers::decode(from, different, what)? {
        let length = usize::try_from(length).map_err(|_| BatchError::Wrong(what))?;
        let word = from.take(length, what)?;
        words.push((word.len(), make(&word)?));
    }
    let mut places = match different {
        1 => vec![0; count],
        _ => integers::decode(from, count, what)?,
    }
    .into_iter();
    places.try_fold(Vec::with_capacity(count), |mut column, place| {
        let found = usize::try_from(place).ok().and_then(|p| words.get(p));
        let (length, word) = found.ok_or(BatchError::Wrong(what))?;
        budget.take_word(*length)?;
        column.push(word.clone());
        Ok(column)
    })
}

/// Makes a text of a word.
pub(super) fn text(word: &Bytes) -> Result<Arc<str>, BatchError> {
    let text = str::from_utf8(word).map_err(|_| BatchError::Wrong("a text, which is UTF-8"))?;
    Ok(text.into())
}

/// Makes bytes of a word, which share the message's memory.
#[expect(clippy::unnecessary_wraps, reason = "the shape that `decode` asks for")]
pub(super) fn bytes(word: &Bytes) -> Result<Bytes, BatchError> {
    Ok(word.clone())
}
