//! Throws cases at one decoder: bytes of no meaning, and valid input with a few changes.
//!
//! The cases follow from their number alone, so that a failure comes back on every run.

use std::fmt::Write as _;
use std::time::Instant;

use crate::table::Decoder;

/// What a plain `cargo test` takes of each decoder, in well under a second unoptimised.
const CASES_BY_DEFAULT: u64 = 5_000;

/// The longest input in bytes: a batch of many readings, and still cheap.
const LONGEST: usize = 4_096;

/// Fragments on which decoders of texts and of binary data are known to stumble.
const FRAGMENTS: &[&[u8]] = &[
    b"",
    b"0",
    b"-1",
    b"-0",
    b"1e999",
    b"1e-999",
    b"18446744073709551616",
    b"9223372036854775808",
    b"4294967296",
    b"65536",
    b"NaN",
    b"null",
    b"true",
    b"\"\"",
    b"{}",
    b"[]",
    b"[[[[[[[[",
    b"\\u0000",
    b"\\ud800",
    b"\xc3\xa4",
    b"\xf0\x9f\x92\xa1",
    b"\xff\xfe",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\x9f",
    b"\xbf",
    b"\xfb\x7f\xf8\0\0\0\0\0\0",
    b"..",
    b"//",
    b"::",
    b"*",
    b">",
];

/// Throws all cases at each decoder, and prints how many it took.
pub(crate) fn storm(decoders: Vec<Decoder>) {
    for mut decoder in decoders {
        let seeds = decoder.seeds.clone();
        for seed in &seeds {
            let is_taken = decoder.take(seed);
            assert!(
                is_taken,
                "{} refuses its seed {}",
                decoder.name,
                shown(seed)
            );
        }
        run(&mut decoder, &seeds);
    }
}

/// Takes each of the inputs as it is, and then changed ones: as many as `storm` takes cases.
pub(crate) fn replay(decoder: &mut Decoder, inputs: &[Vec<u8>]) {
    for (case, input) in (0..).zip(inputs) {
        take(decoder, case, input);
    }
    run(decoder, inputs);
}

fn run(decoder: &mut Decoder, seeds: &[Vec<u8>]) {
    let cases = cases(if decoder.is_slow {
        CASES_BY_DEFAULT / 50
    } else {
        CASES_BY_DEFAULT
    });
    let begin = Instant::now();
    let mut taken = 0_u64;
    let mut input = Vec::with_capacity(LONGEST);
    for case in 0..cases {
        let mut random = Random::new(case);
        fill(&mut input, &mut random, seeds);
        taken += u64::from(take(decoder, case, &input));
    }
    report(decoder.name, cases, taken, begin.elapsed().as_secs_f64());
}

fn take(decoder: &mut Decoder, case: u64, input: &[u8]) -> bool {
    let witness = Witness {
        name: decoder.name,
        case,
        input,
    };
    decoder.take(witness.input)
}

/// Tells what was thrown, where the decoder panics.
struct Witness<'w> {
    name: &'w str,
    case: u64,
    input: &'w [u8],
}

impl Drop for Witness<'_> {
    #[expect(
        clippy::print_stderr,
        reason = "the input is what the failure is about"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}, case {}: {}", self.name, self.case, shown(self.input));
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test has no configuration but this"
)]
fn cases(default: u64) -> u64 {
    let text = std::env::var("PROPTEST_CASES").ok();
    let number = text.map(|text| text.parse().expect("PROPTEST_CASES is a number"));
    number.unwrap_or(default)
}

#[expect(clippy::print_stdout, reason = "the figures are what the run is for")]
#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn report(name: &str, cases: u64, taken: u64, seconds: f64) {
    println!(
        "{name:<24} {cases:>9} cases, {taken:>8} taken, {:>9} refused, {:>6.0} ns each",
        cases - taken,
        seconds * 1e9 / cases as f64,
    );
}

fn shown(input: &[u8]) -> String {
    let mut text = format!("{:?} = ", String::from_utf8_lossy(input));
    for byte in input {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// Makes the next input: one in eight is bytes of no meaning.
fn fill(input: &mut Vec<u8>, random: &mut Random, seeds: &[Vec<u8>]) {
    input.clear();
    if seeds.is_empty() || random.below(8) == 0 {
        let length = random.below(64);
        input.extend(std::iter::repeat_with(|| random.byte()).take(length));
        return;
    }
    input.extend_from_slice(&seeds[random.below(seeds.len())]);
    for _ in 0..=random.below(4) {
        change(input, random, seeds);
    }
    input.truncate(LONGEST);
}

/// Changes the input in one way.
fn change(input: &mut Vec<u8>, random: &mut Random, seeds: &[Vec<u8>]) {
    let at = random.below(input.len() + 1);
    let end = (at + random.below(9)).min(input.len());
    match random.below(8) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = random.byte();
            }
        }
        2 => input.truncate(at),
        3 => drop(input.drain(at..end)),
        4 => {
            let again = input[at..end].to_vec();
            drop(input.splice(at..at, again));
        }
        5 => {
            let fragment = FRAGMENTS[random.below(FRAGMENTS.len())];
            drop(input.splice(at..end, fragment.iter().copied()));
        }
        6 => {
            let fragment = FRAGMENTS[random.below(FRAGMENTS.len())];
            drop(input.splice(at..at, fragment.iter().copied()));
        }
        _ => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
    }
}

/// `SplitMix64`: small, fast and the same everywhere.
struct Random(u64);

impl Random {
    fn new(case: u64) -> Self {
        Self(case.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    #[expect(clippy::cast_possible_truncation, reason = "one byte of eight")]
    fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    /// A number below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).expect("64 bits hold a length");
        usize::try_from(self.next() % limit).expect("it is below a length")
    }
}
