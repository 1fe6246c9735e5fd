use proptest::prelude::*;

use super::super::bytes::Reader;
use super::super::{integers, numbers, words};
use super::number;

proptest! {
    #[test]
    fn a_column_of_numbers_comes_back_to_the_last_bit(values in prop::collection::vec(number(), 0..200)) {
        let mut bytes = Vec::new();
        numbers::encode(&values, &mut bytes);
        let mut from = Reader::new(&bytes.into());
        let back = numbers::decode(&mut from, values.len()).unwrap();
        prop_assert!(from.rest().is_empty());
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&back), bits(&values));
    }

    #[test]
    fn a_column_of_one_arithmetic_comes_back(
        way in 0..5, start in -1e6..1e6_f64, steps in prop::collection::vec(-20_i32..20, 0..100), places in 0_i32..8,
    ) {
        let mut number = start.round();
        let values: Vec<f64> = steps.iter().map(|step| {
            number += f64::from(*step);
            match way {
                0 => number / 10_f64.powi(places),
                1 => number * 0.1,
                #[expect(clippy::cast_possible_truncation, reason = "as a sensor does")]
                2 => f64::from((number / 10_f64.powi(places)) as f32),
                3 => number / 4_096.0 * 3.3,
                _ => if *step == 0 { -0.0 } else { number },
            }
        }).collect();
        let mut bytes = Vec::new();
        numbers::encode(&values, &mut bytes);
        let back = numbers::decode(&mut Reader::new(&bytes.into()), values.len()).unwrap();
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&back), bits(&values));
    }

    #[test]
    fn a_column_of_whole_numbers_comes_back(
        values in prop_oneof![
            prop::collection::vec(any::<i64>(), 0..50),
            prop::collection::vec(-3_i64..3, 0..200),
            prop::collection::vec(prop_oneof![20 => -3_i64..3, 1 => any::<i64>()], 0..200),
            (1_i64..1 << 40, any::<i64>(), prop::collection::vec(-50_i64..50, 0..100))
                .prop_map(|(step, first, all)| all.into_iter().map(|n| n.wrapping_mul(step).wrapping_add(first)).collect()),
            (any::<i64>(), any::<i64>(), 0..100_i64).prop_map(|(a, b, n)| (0..n).map(|i| b.wrapping_mul(i).wrapping_add(a)).collect()),
        ]
    ) {
        let mut bytes = Vec::new();
        integers::encode(&values, &mut bytes);
        let length = bytes.len();
        let mut from = Reader::new(&bytes.into());
        prop_assert_eq!(integers::decode(&mut from, values.len(), "it").unwrap(), values.clone());
        prop_assert!(from.rest().is_empty());
        if values.len() > 1 {
            let cost = integers::plan(&values).cost;
            prop_assert_eq!(length, 1 + cost.div_ceil(8), "the plan says what it costs");
        }
    }

    #[test]
    fn a_column_of_booleans_comes_back(
        values in prop_oneof![
            prop::collection::vec(any::<bool>(), 0..100),
            prop::collection::vec((any::<bool>(), 1..60_usize), 0..5)
                .prop_map(|runs| runs.into_iter().flat_map(|(value, count)| vec![value; count]).collect()),
        ]
    ) {
        let mut bytes = Vec::new();
        words::encode_booleans(&values, &mut bytes);
        let mut from = Reader::new(&bytes.into());
        prop_assert_eq!(words::decode_booleans(&mut from, values.len()).unwrap(), values);
        prop_assert!(from.rest().is_empty());
    }
}
