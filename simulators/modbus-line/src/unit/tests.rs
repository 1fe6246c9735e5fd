use umec_spec::settings::modbus::RegisterType;
use umec_wire::Span;

use super::*;

fn shown(table: Table, address: u16, kind: RegisterType, wave: Wave) -> SimulatedRegister {
    SimulatedRegister {
        register: Register::new(table, address, kind),
        wave,
        writable: true,
    }
}

fn unit(registers: Vec<SimulatedRegister>) -> Unit {
    Unit::new(&SimulatedUnit {
        unit: 1,
        identity: Some(["Example", "X1", "1.0"].map(str::to_owned)),
        registers,
        faults: Vec::new(),
    })
}

fn constant(value: f64) -> Wave {
    Wave::Constant { value }
}

#[test]
fn registers_are_read_written_and_refused() {
    let mut unit = unit(vec![
        shown(Table::Holding, 10, RegisterType::U16, constant(7.0)),
        shown(Table::Holding, 11, RegisterType::U32, constant(65_536.0)),
        shown(Table::Coil, 3, RegisterType::Bit, constant(1.0)),
    ]);
    let now = Duration::ZERO;
    assert_eq!(
        unit.answer(&[3, 0, 10, 0, 3], now),
        [3, 6, 0, 7, 0, 1, 0, 0]
    );
    assert_eq!(unit.answer(&[1, 0, 3, 0, 1], now), [1, 1, 1]);
    assert_eq!(unit.answer(&[6, 0, 10, 0, 9], now), [6, 0, 10, 0, 9]);
    assert_eq!(
        unit.answer(&[16, 0, 11, 0, 2, 4, 0, 0, 0, 5], now),
        [16, 0, 11, 0, 2]
    );
    assert_eq!(
        unit.answer(&[3, 0, 10, 0, 3], now),
        [3, 6, 0, 9, 0, 0, 0, 5]
    );
    assert_eq!(unit.answer(&[5, 0, 3, 0, 0], now), [5, 0, 3, 0, 0]);
    assert_eq!(unit.answer(&[15, 0, 3, 0, 1, 1, 1], now), [15, 0, 3, 0, 1]);
    assert_eq!(unit.answer(&[1, 0, 3, 0, 1], now), [1, 1, 1]);
    assert_eq!(unit.answer(&[3, 0, 10, 0, 4], now), [0x83, 2]);
    assert_eq!(unit.answer(&[3, 0, 10, 0, 0], now), [0x83, 3]);
    assert_eq!(unit.answer(&[7], now), [0x87, 1]);
    assert_eq!(unit.answer(&[], now), [0x80, 1]);
}

#[test]
fn bits_of_one_register_are_written_together() {
    let bit = |bit| SimulatedRegister {
        register: Register {
            bit: Some(bit),
            ..Register::new(Table::Holding, 0, RegisterType::Bit)
        },
        wave: constant(f64::from(bit % 2)),
        writable: true,
    };
    let mut unit = unit((0..4).map(bit).collect());
    assert_eq!(
        unit.answer(&[3, 0, 0, 0, 1], Duration::ZERO),
        [3, 2, 0, 0b1010]
    );
    unit.answer(&[6, 0, 0, 0, 0b0101], Duration::ZERO);
    assert_eq!(
        unit.answer(&[3, 0, 0, 0, 1], Duration::ZERO),
        [3, 2, 0, 0b0101]
    );
}

#[test]
fn a_room_follows_its_heater() {
    let follow = Wave::Follow {
        setpoint: 10,
        switch: 0,
        rest: 15.0,
        time: Span::from_secs(60),
    };
    let mut unit = unit(vec![
        shown(Table::Input, 0, RegisterType::I16, follow),
        shown(Table::Holding, 10, RegisterType::I16, constant(21.0)),
        shown(Table::Coil, 0, RegisterType::Bit, constant(0.0)),
    ]);
    let at = Duration::from_secs;
    assert_eq!(unit.answer(&[4, 0, 0, 0, 1], at(100)), [4, 2, 0, 15]);
    unit.answer(&[5, 0, 0, 0xff, 0], at(100));
    assert_eq!(unit.answer(&[4, 0, 0, 0, 1], at(160)), [4, 2, 0, 19]);
    unit.answer(&[5, 0, 0, 0, 0], at(160));
    assert_eq!(unit.answer(&[4, 0, 0, 0, 1], at(1_000)), [4, 2, 0, 15]);
}

#[test]
fn a_unit_says_who_it_is() {
    let mut unit = unit(Vec::new());
    let answer = unit.answer(&[43, 14, 1, 0], Duration::ZERO);
    let mut expected = vec![43, 14, 1, 1, 0, 0, 3, 0, 7];
    expected.extend(b"Example");
    expected.extend([1, 2, b'X', b'1', 2, 3]);
    expected.extend(b"1.0");
    assert_eq!(answer, expected);
}
