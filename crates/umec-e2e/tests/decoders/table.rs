//! The decoders that bytes from outside reach, in one table: what throws cases at them, by chance or
//! guided by coverage, takes them from here.

use crate::{edge_api, ends, gateway, modbus, original, spec, uplink, wire};

/// One decoder, with the properties that hold for whatever it takes.
pub(crate) struct Decoder {
    /// Its name, and that of its file in the corpus.
    pub(crate) name: &'static str,
    /// Input that it takes the first time it sees it.
    pub(crate) seeds: Vec<Vec<u8>>,
    /// Whether a case takes long, such as key agreement.
    #[cfg_attr(not(test), expect(dead_code, reason = "coverage looks at the clock"))]
    pub(crate) is_slow: bool,
    take: Box<Take>,
}

/// Decodes, panics where a property is broken, and tells whether the input was taken.
type Take = dyn FnMut(&[u8]) -> bool;

/// Every decoder there is.
pub(crate) fn all() -> Vec<Decoder> {
    let parts = [
        edge_api::decoders(),
        ends::decoders(),
        gateway::decoders(),
        modbus::decoders(),
        original::decoders(),
        spec::decoders(),
        uplink::decoders(),
        wire::decoders(),
    ];
    parts.into_iter().flatten().collect()
}

// === impl Decoder ===

impl Decoder {
    /// `take` decodes, panics where what it decoded breaks a property, and tells whether it took it.
    pub(crate) fn new(
        name: &'static str,
        seeds: &[&[u8]],
        take: impl FnMut(&[u8]) -> bool + 'static,
    ) -> Self {
        Self {
            name,
            seeds: seeds.iter().map(|seed| seed.to_vec()).collect(),
            is_slow: false,
            take: Box::new(take),
        }
    }

    /// The same for what takes long.
    pub(crate) fn slow(
        name: &'static str,
        seeds: &[&[u8]],
        take: impl FnMut(&[u8]) -> bool + 'static,
    ) -> Self {
        Self {
            is_slow: true,
            ..Self::new(name, seeds, take)
        }
    }

    /// Decodes, and tells whether the input was taken.
    pub(crate) fn take(&mut self, input: &[u8]) -> bool {
        (self.take)(input)
    }
}
