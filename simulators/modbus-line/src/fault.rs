//! Which request a fault strikes.

use umec_spec::settings::modbus_line::{Effect, Fault};

/// The faults of one unit, and how many requests it has had since they were set.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    faults: Vec<Fault>,
    seen: u64,
}

impl Faults {
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self { faults, seen: 0 }
    }

    /// What goes wrong with the next request; the first fault that strikes it wins.
    pub(crate) fn next(&mut self) -> Option<Effect> {
        let number = self.seen;
        self.seen += 1;
        let strikes = |fault: &&Fault| {
            let each = fault.each.max(1);
            number.checked_sub(fault.after).is_some_and(|past| {
                past.is_multiple_of(each) && fault.count.is_none_or(|count| past / each < count)
            })
        };
        let fault = self.faults.iter().find(strikes)?;
        Some(fault.effect.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_it_says() {
        let mut faults = Faults::new(vec![
            Fault {
                effect: Effect::Cut,
                after: 2,
                count: Some(2),
                each: 3,
            },
            Fault {
                effect: Effect::Drop,
                after: 8,
                count: None,
                each: 1,
            },
        ]);
        let struck: Vec<usize> = (0..10).filter(|_| faults.next().is_some()).collect();
        assert_eq!(struck, [2, 5, 8, 9]);
    }
}
