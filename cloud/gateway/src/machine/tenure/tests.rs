//! Stories of gateways, told by the log alone.

use super::*;

fn boot(number: u64) -> Boot {
    Boot::from_bits(number)
}

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

fn modem() -> ModemName {
    ModemName::new("pole-7").unwrap()
}

/// The views of two gateways that read the same log.
struct Two([Tenure; 2]);

impl Two {
    fn new() -> Self {
        let mut two = Self([
            Tenure::new(boot(1), label("one")),
            Tenure::new(boot(2), label("two")),
        ]);
        for at in [0, 1] {
            let (boot, record) = two.0[at].own_record(Places::default());
            two.gateway(0, boot, &record);
        }
        two
    }

    fn gateway(&mut self, now: u64, boot: Boot, record: &GatewayRecord) {
        for view in &mut self.0 {
            view.gateway(Duration::from_secs(now), boot, record.clone());
        }
    }

    fn owner(&mut self, record: OwnerRecord) {
        for view in &mut self.0 {
            view.owner(modem(), record);
        }
    }

    fn claim(&mut self, at: usize) {
        let record = self.0[at].claim(&modem()).unwrap();
        self.owner(record);
    }

    fn release(&mut self, at: usize) {
        let (_, record) = self.0[at].leaving().next().unwrap();
        self.owner(record);
    }

    fn owners(&self) -> [bool; 2] {
        [self.0[0].is_mine(&modem()), self.0[1].is_mine(&modem())]
    }
}

#[test]
fn a_modem_passes_from_one_living_gateway_to_the_other_and_is_nobodys_in_between() {
    let mut two = Two::new();
    two.claim(0);
    assert_eq!(two.owners(), [true, false]);
    two.claim(1);
    assert_eq!(two.owners(), [false, false]);
    two.release(0);
    assert_eq!(two.owners(), [false, true]);
    assert!(two.0[1].leaving().next().is_none());
}

#[test]
fn of_two_claims_the_first_in_the_log_wins_and_the_other_waits_for_the_release() {
    let mut two = Two::new();
    let claims = [0, 1].map(|at| two.0[at].claim(&modem()).unwrap());
    for claim in claims {
        two.owner(claim);
    }
    assert_eq!(two.owners(), [false, false]);
    two.release(0);
    assert_eq!(two.owners(), [false, true]);
}

#[test]
fn an_heir_takes_modems_after_it_knows_what_the_dead_one_wrote() {
    let mut two = Two::new();
    two.claim(0);
    let fence = two.0[1].fence(boot(1)).unwrap();
    two.gateway(9, boot(1), &fence);
    assert_eq!(two.owners(), [false, false]);
    let estates: Vec<Boot> = two.0[1].estates().map(|(boot, _)| boot).collect();
    assert_eq!(estates, [boot(1)]);
    two.0[1].known(&estates);
    assert_eq!(two.owners(), [false, true]);
    assert!(
        two.0[0].is_over(Duration::from_secs(9)),
        "it reads its own fence"
    );
    let (one, record) = two.0[0].own_record(Places::default());
    two.gateway(10, one, &record);
    let late = OwnerRecord {
        gateway: one,
        by: one,
        of: None,
    };
    two.owner(late);
    assert_eq!(
        two.owners(),
        [false, true],
        "what a fenced one says is void"
    );
}

#[test]
fn a_gateway_is_silent_for_those_only_who_hear_themselves() {
    let mut two = Two::new();
    let own = |view: &Tenure| view.own_record(Places::default());
    for second in [2, 4, 6, 8] {
        let (boot, record) = own(&two.0[1]);
        two.gateway(second, boot, &record);
    }
    assert_eq!(two.0[1].silent(Duration::from_secs(8)), []);
    assert_eq!(two.0[1].silent(Duration::from_secs(9)), [boot(1)]);
    assert_eq!(
        two.0[1].silent(Duration::from_secs(14)),
        [],
        "it hears nothing itself"
    );
    let (boot, record) = own(&two.0[1]);
    two.gateway(15, boot, &record);
    assert_eq!(
        two.0[1].silent(Duration::from_secs(16)),
        [],
        "nor has it for long"
    );
    assert!(
        two.0[0].is_over(Duration::from_secs(6)),
        "others may fence it any moment"
    );
}

#[test]
fn one_that_leaves_in_order_has_no_heir_and_a_claimant_gets_its_modem() {
    let mut two = Two::new();
    two.claim(0);
    two.claim(1);
    let (one, mut record) = two.0[0].own_record(Places::default());
    record.heir = Some(one);
    two.gateway(1, one, &record);
    assert_eq!(two.owners(), [false, true]);
    assert!(
        two.0[1]
            .estates()
            .next()
            .is_none_or(|(boot, _)| boot != one)
    );
}
