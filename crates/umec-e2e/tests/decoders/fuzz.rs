//! The program behind `make fuzz`: libFuzzer on one decoder of the table, guided by coverage.
//!
//! `UMEC_FUZZ_DECODER` names the decoder; the arguments are libFuzzer's. With `UMEC_FUZZ_SEEDS` it fuzzes
//! nothing: it lays the seeds of each decoder into a folder of its name below the one that is named.

#![no_main]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is a test that is run by hand"
)]

mod edge_api;
mod ends;
mod gateway;
mod modbus;
mod original;
mod spec;
mod table;
mod uplink;
mod weight;
mod wire;

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use crate::table::Decoder;

/// Of memory, at once: what any input may cost, and what each of its bytes may cost beside that.
const FREE_BYTES: usize = 1 << 20;
const BYTES_PER_BYTE: usize = 1 << 10;

thread_local! {
    static DECODER: RefCell<Option<Decoder>> = const { RefCell::new(None) };
}

libfuzzer_sys::fuzz_target!(init: begin(), |input: &[u8]| {
    DECODER.with_borrow_mut(|decoder| {
        let decoder = decoder.as_mut().expect("a run begins with its decoder");
        let most = FREE_BYTES + BYTES_PER_BYTE * input.len();
        let (_, bytes) = weight::of(|| decoder.take(input));
        assert!(bytes <= most, "{bytes} bytes of memory for {} of input", input.len());
    });
});

#[expect(
    clippy::disallowed_methods,
    clippy::exit,
    reason = "arguments and main are libFuzzer's"
)]
fn begin() {
    let decoders = table::all();
    if let Ok(folder) = std::env::var("UMEC_FUZZ_SEEDS") {
        lay_seeds(Path::new(&folder), &decoders);
        std::process::exit(0);
    }
    let name = std::env::var("UMEC_FUZZ_DECODER").expect("UMEC_FUZZ_DECODER names a decoder");
    let wanted = decoders.into_iter().find(|decoder| decoder.name == name);
    DECODER.set(Some(wanted.expect("it is in the table")));
}

fn lay_seeds(folder: &Path, decoders: &[Decoder]) {
    for decoder in decoders {
        let folder = folder.join(decoder.name);
        fs::create_dir_all(&folder).unwrap();
        for (place, seed) in decoder.seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{place}")), seed).unwrap();
        }
    }
}
