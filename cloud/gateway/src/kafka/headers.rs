//! Headers of a record to be written, in one piece of memory: a record has eight or more, and a gateway writes
//! a hundred thousand records a second.

use std::fmt::{self, Write as _};

/// Names and values, in their order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    values: String,
    /// The name of each, and where its value ends.
    ends: Vec<(&'static str, usize)>,
}

// === impl Headers ===

impl Headers {
    /// None, with room for what most records have.
    pub fn new() -> Self {
        Self {
            values: String::with_capacity(256),
            ends: Vec::with_capacity(10),
        }
    }

    /// Adds one.
    pub fn push(&mut self, name: &'static str, value: fmt::Arguments<'_>) {
        let written = self.values.write_fmt(value);
        debug_assert!(written.is_ok(), "a text takes all that is written");
        self.ends.push((name, self.values.len()));
    }

    /// All.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let mut from = 0;
        self.ends.iter().map(move |(name, end)| {
            let value = self.values.get(from..*end).unwrap_or_default();
            from = *end;
            (*name, value)
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_in_their_order_with_empty_ones_among_them() {
        let mut headers = Headers::default();
        assert!(headers.is_empty());
        headers.push("a", format_args!("{}", 1));
        headers.push("b", format_args!(""));
        headers.push("a", format_args!("two"));
        let all: Vec<_> = headers.iter().collect();
        assert_eq!(all, [("a", "1"), ("b", ""), ("a", "two")]);
        assert_eq!(headers.len(), 3);
    }
}
