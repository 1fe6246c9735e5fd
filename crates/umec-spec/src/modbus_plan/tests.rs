use proptest::prelude::*;

use super::*;
use crate::settings::modbus::RegisterType;

fn slave(max_registers: u16, max_gap: u16) -> Slave {
    Slave {
        unit: 1,
        max_registers,
        max_bits: 2_000,
        max_gap,
    }
}

fn register(table: Table, address: u16, kind: RegisterType) -> Register {
    Register::new(table, address, kind)
}

fn shown(slave: &Slave, registers: &[Register], apart: &Apart) -> Vec<String> {
    plan(slave, registers.iter().enumerate(), apart)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn neighbours_travel_together_and_gaps_are_read_along_up_to_the_limit() {
    use RegisterType::{Bit, F32, U16};
    let registers = [
        register(Table::Input, 0, U16),
        register(Table::Input, 1, F32),
        register(Table::Input, 6, U16),
        register(Table::Holding, 10, U16),
        register(Table::Coil, 0, Bit),
        register(Table::Coil, 1, Bit),
    ];
    let none = Apart::default();
    assert_eq!(
        shown(&slave(125, 0), &registers, &none),
        ["coil 0 to 1", "holding 10", "input 0 to 2", "input 6"]
    );
    assert_eq!(
        shown(&slave(125, 3), &registers, &none),
        ["coil 0 to 1", "holding 10", "input 0 to 6"]
    );
    assert_eq!(
        shown(&slave(6, 3), &registers, &none),
        ["coil 0 to 1", "holding 10", "input 0 to 2", "input 6"]
    );
}

#[test]
fn a_device_of_single_registers_is_asked_for_each() {
    let registers = [
        register(Table::Holding, 0, RegisterType::U16),
        register(Table::Holding, 1, RegisterType::U16),
    ];
    assert_eq!(
        shown(&slave(1, 8), &registers, &Apart::default()),
        ["holding 0", "holding 1"]
    );
}

#[test]
fn what_ended_in_an_exception_stays_apart() {
    let registers: Vec<Register> = (0..4)
        .map(|address| register(Table::Holding, address, RegisterType::U16))
        .collect();
    let mut apart = Apart::default();
    apart.isolate(2);
    assert_eq!(
        shown(&slave(125, 0), &registers, &apart),
        ["holding 0 to 1", "holding 2", "holding 3"]
    );
    let mut apart = Apart::default();
    apart.cut(Table::Holding, 1);
    assert_eq!(
        shown(&slave(125, 0), &registers, &apart),
        ["holding 0", "holding 1 to 3"]
    );
}

prop_compose! {
    fn any_register()(
        table in prop_oneof![Just(Table::Coil), Just(Table::Discrete), Just(Table::Holding), Just(Table::Input)],
        address in prop_oneof![0..40_u16, 65_520..=65_532_u16],
        wide in 0..4_usize,
    ) -> Register {
        use RegisterType::{Bit, F32, F64, U16};
        let kind = match table {
            Table::Coil | Table::Discrete => Bit,
            Table::Holding | Table::Input => [U16, F32, F64, U16][wide],
        };
        register(table, address, kind)
    }
}

proptest! {
    #[test]
    fn the_plan_covers_each_register_once_and_obeys_the_limits(
        registers in prop::collection::vec(any_register(), 0..30),
        max_registers in 1..=125_u16,
        max_gap in 0..10_u16,
        alone in prop::collection::btree_set(0..30_usize, 0..4),
        cuts in prop::collection::btree_set(0..40_u16, 0..4),
    ) {
        let slave = slave(max_registers, max_gap);
        let mut apart = Apart::default();
        for number in &alone { apart.isolate(*number); }
        for address in &cuts { apart.cut(Table::Holding, *address); }
        let requests = plan(&slave, registers.iter().enumerate(), &apart);

        let mut covered: Vec<usize> = requests.iter().flat_map(|r| r.registers.clone()).collect();
        covered.sort_unstable();
        prop_assert_eq!(covered, (0..registers.len()).collect::<Vec<_>>());
        for request in &requests {
            let begin = u32::from(request.address);
            let end = begin + u32::from(request.count);
            let widest = request.registers.iter().map(|n| registers[*n].width()).max().unwrap();
            let limit = if registers[request.registers[0]].table.holds_bits() { 2_000 } else { max_registers };
            prop_assert!(request.count <= limit.max(widest));
            prop_assert!(request.registers.len() == 1 || !request.registers.iter().any(|n| alone.contains(n)));
            let mut read_to = begin;
            for number in &request.registers {
                let register = &registers[*number];
                prop_assert_eq!(register.table, request.table);
                prop_assert!(begin <= u32::from(register.address) && register.end() <= end);
                prop_assert!(u32::from(register.address) <= read_to + u32::from(max_gap));
                read_to = read_to.max(register.end());
                let is_cut = request.table == Table::Holding
                    && cuts.iter().any(|cut| begin < u32::from(*cut) && *cut <= register.address);
                prop_assert!(!is_cut);
            }
        }
    }
}
