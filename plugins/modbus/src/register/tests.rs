use proptest::prelude::*;
use umec_spec::settings::modbus::Table;

use super::*;

const NUMBERS: [RegisterType; 8] = [
    RegisterType::U16,
    RegisterType::I16,
    RegisterType::U32,
    RegisterType::I32,
    RegisterType::U64,
    RegisterType::I64,
    RegisterType::F32,
    RegisterType::F64,
];
const ORDERS: [ByteOrder; 4] = [
    ByteOrder::Abcd,
    ByteOrder::Dcba,
    ByteOrder::Badc,
    ByteOrder::Cdab,
];

fn register(kind: RegisterType) -> Register {
    Register::new(Table::Holding, 0, kind)
}

fn number(value: f64) -> Value {
    Value::number(value).unwrap()
}

fn decoded(register: &Register, words: &[u16]) -> Value {
    Codec::new(register).decode(words).unwrap()
}

#[test]
fn each_type_reads_its_bits() {
    use RegisterType::{F32, F64, I16, I32, I64, U16, U32, U64};
    for (kind, words, expected) in [
        (U16, &[0xffff][..], 65_535.0),
        (I16, &[0xffff], -1.0),
        (U32, &[0x0001, 0x0002], 65_538.0),
        (I32, &[0xffff, 0xfffe], -2.0),
        (U64, &[0, 0, 1, 0], 65_536.0),
        (I64, &[0xffff, 0xffff, 0xffff, 0xfffd], -3.0),
        (F32, &[0x41aa, 0x6666], 21.3),
        (F64, &[0x3ff8, 0, 0, 0], 1.5),
    ] {
        let register = register(kind);
        assert_eq!(decoded(&register, words), number(expected), "{kind:?}");
        let codec = Codec::new(&register);
        assert_eq!(
            codec.encode(&number(expected), 0).unwrap(),
            words,
            "{kind:?}"
        );
    }
}

#[test]
fn each_byte_order_is_as_its_letters_say() {
    for (order, words) in [
        (ByteOrder::Abcd, [0x0102, 0x0304]),
        (ByteOrder::Dcba, [0x0403, 0x0201]),
        (ByteOrder::Badc, [0x0201, 0x0403]),
        (ByteOrder::Cdab, [0x0304, 0x0102]),
    ] {
        let mut register = register(RegisterType::U32);
        register.byte_order = order;
        assert_eq!(decoded(&register, &words), number(f64::from(0x0102_0304)));
    }
}

#[test]
fn decimal_scales_give_decimal_values() {
    for (raw, scale, offset, expected) in [
        (3, 0.1, 0.0, 0.3),
        (7, 0.03, 0.0, 0.21),
        (3, 0.1, -40.0, -39.7),
        (1, 0.001, 0.25, 0.251),
        (12, 10.0, 5.0, 125.0),
        (9, -0.5, 1.0, -3.5),
    ] {
        let mut register = register(RegisterType::I16);
        (register.scale, register.offset) = (scale, offset);
        assert_eq!(
            decoded(&register, &[raw]),
            number(expected),
            "{raw} * {scale} + {offset}"
        );
    }
}

#[test]
fn a_text_ends_at_its_zero_or_its_length() {
    let mut register = register(RegisterType::String);
    register.length = Some(3);
    assert_eq!(
        decoded(&register, &[0x4142, 0x4300, 0x4445]),
        Value::from("ABC")
    );
    assert_eq!(
        decoded(&register, &[0x4142, 0x4320, 0x2020]),
        Value::from("ABC")
    );
    let wrong = Codec::new(&register).decode(&[0xff00, 0, 0]);
    assert_eq!(wrong, Err(Unreadable::NotText));
    let long = Codec::new(&register).encode(&Value::from("ABCDEFG"), 0);
    assert_eq!(long, Err(Unwritable::Length { got: 7, most: 6 }));
    register.byte_order = ByteOrder::Badc;
    assert_eq!(decoded(&register, &[0x4241, 0x0043, 0]), Value::from("ABC"));
}

#[test]
fn what_no_number_can_carry_is_a_reason() {
    let nan = Codec::new(&register(RegisterType::F32)).decode(&[0x7fc0, 0]);
    assert_eq!(nan, Err(Unreadable::NotFinite("NaN".to_owned())));
    let codec = Codec::new(&register(RegisterType::U64));
    let large = codec.decode(&[0x0020, 0, 0, 1]);
    assert_eq!(large, Err(Unreadable::NotExact((1 << 53) + 1)));
    assert_eq!(
        codec.decode(&[0x0020, 0, 0, 2]),
        Ok(number(9_007_199_254_740_994.0))
    );
    assert_eq!(
        codec.decode(&[1]),
        Err(Unreadable::Size { got: 1, wanted: 4 })
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut register = register(RegisterType::U16);
    register.scale = 0.1;
    let codec = Codec::new(&register);
    assert_eq!(codec.encode(&number(21.54), 0), Ok(vec![215]));
    for wrong in [-0.1, 6_553.6, 1e300] {
        let refused = codec.encode(&number(wrong), 0);
        let expected = Unwritable::Range {
            got: wrong,
            min: 0.0,
            max: 6_553.5,
        };
        assert_eq!(refused, Err(expected));
    }
    let text = codec.encode(&Value::from("warm"), 0).unwrap_err();
    assert_eq!(text.to_string(), "warm is no number");
}

#[test]
fn a_bit_leaves_its_neighbours_alone() {
    let mut register = register(RegisterType::Bit);
    register.bit = Some(3);
    let codec = Codec::new(&register);
    assert_eq!(
        codec.encode(&Value::Boolean(true), 0b0001),
        Ok(vec![0b1001])
    );
    assert_eq!(codec.encode(&number(0.0), 0b1001), Ok(vec![0b0001]));
    assert!(codec.encode(&number(0.5), 0).is_err());
    assert_eq!(codec.decode(&[0b1000]), Ok(Value::Boolean(true)));
}

prop_compose! {
    fn any_register()(
        kind in prop::sample::select(NUMBERS.to_vec()),
        byte_order in prop::sample::select(ORDERS.to_vec()),
        mantissa in 1..2_000_i32,
        places in 0..4_i32,
        offset in -1_000..1_000_i32,
    ) -> Register {
        let is_float = matches!(kind, RegisterType::F32 | RegisterType::F64);
        let mut register = register(kind);
        register.byte_order = byte_order;
        if !is_float {
            register.scale = f64::from(mantissa) / 10_f64.powi(places);
            register.offset = f64::from(offset) / 10_f64.powi(places);
        }
        register
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn what_was_read_writes_the_same_bits(register in any_register(), words: [u16; 4]) {
        let codec = Codec::new(&register);
        let words = &words[..usize::from(register.width())];
        if let Ok(value) = codec.decode(words) {
            let is_large = matches!(register.kind, RegisterType::U64 | RegisterType::I64)
                && value.as_number().unwrap().abs() > 1e12;
            let is_zero = value.as_number() == Some(0.0);
            if !is_large && !is_zero {
                prop_assert_eq!(codec.encode(&value, 0).unwrap(), words);
            }
        }
    }

    #[test]
    fn what_was_written_is_the_nearest_that_the_register_shows(
        register in any_register(),
        value in -70_000.0..70_000.0_f64,
    ) {
        let codec = Codec::new(&register);
        if let Ok(words) = codec.encode(&number(value), 0) {
            let shown = codec.decode(&words).unwrap().as_number().unwrap();
            prop_assert!((shown - value).abs() <= register.scale * 0.500_001 + 1e-9, "{} for {}", shown, value);
        }
    }

    #[test]
    fn no_registers_make_it_panic(
        mut register in any_register(),
        text: bool,
        words in prop::collection::vec(any::<u16>(), 0..6),
    ) {
        if text {
            register.kind = RegisterType::String;
            register.length = Some(4);
        }
        drop(Codec::new(&register).decode(&words));
    }
}
