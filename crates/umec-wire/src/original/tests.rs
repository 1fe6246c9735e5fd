use proptest::prelude::*;

use super::*;
use crate::Label;

const INSTANT: Timestamp = Timestamp::from_micros(1_702_527_912_634_567);

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    data_encoding::HEXLOWER.decode(digits.as_bytes()).unwrap()
}

fn sample(device: u32, time: Timestamp, value: &[u8]) -> Packet<'_> {
    Packet::Data(Sample {
        device: DeviceId(device),
        time,
        value: Integer::new(value).unwrap(),
    })
}

/// The golden vectors of the original, each with its meaning.
fn vectors() -> Vec<(&'static str, Packet<'static>)> {
    let answer = |verdict, carrier| Packet::Answer(Answer { verdict, carrier });
    let second = Timestamp::from_micros(1_702_527_912_000_000);
    let mut vectors = vec![
        (
            "00 00000003 57e7b6919326bb1c 04 00000309",
            sample(3, INSTANT, &[0, 0, 3, 9]),
        ),
        (
            "00 00000001 57e7b6919326bb1c 04 fffffff0",
            sample(1, INSTANT, &[255, 255, 255, 240]),
        ),
        (
            "00 00000002 57e7b69193000000 04 00000168",
            sample(2, second, &[0, 0, 1, 104]),
        ),
        ("0100", Packet::Status(IotStatus::Nominal)),
        ("0110", Packet::Status(IotStatus::Idle)),
        ("0120", Packet::Status(IotStatus::OffNominal)),
    ];
    let carriers = Carrier::ALL.into_iter();
    for (carrier, (perform, (ack, nack))) in carriers.zip([
        ("1000", ("1100", "1110")),
        ("1010", ("1101", "1111")),
        ("1020", ("1102", "1112")),
        ("10f0", ("110f", "111f")),
    ]) {
        vectors.push((perform, Packet::Perform(carrier)));
        vectors.push((ack, answer(Verdict::Ack, carrier)));
        vectors.push((nack, answer(Verdict::Nack, carrier)));
    }
    vectors
}

#[test]
fn the_golden_vectors_are_read_and_written() {
    for (text, packet) in vectors() {
        let bytes = hex(text);
        assert_eq!(Packet::decode(&bytes), Ok(packet), "{text}");
        assert_eq!(packet.encode(), Ok(bytes), "{text}");
    }
}

#[test]
fn the_golden_times_are_read_and_written() {
    for (text, time) in [
        ("57b2000000000000", "1970-01-01T00:00:00Z"),
        ("57e81e5fbefd08fc", "2024-02-29T23:59:59.999999Z"),
        ("57e755d7ab478900", "2023-06-12T21:58:45.123456Z"),
        ("57e7b6919326bb1c", "2023-12-14T04:25:12.634567Z"),
    ] {
        let bytes: [u8; 8] = hex(text).try_into().unwrap();
        let time: Timestamp = time.parse().unwrap();
        assert_eq!(temporenc::decode(bytes), Ok(time));
        assert_eq!(temporenc::encode(time), Ok(bytes));
    }
}

#[test]
fn a_time_that_is_none_is_refused_by_name() {
    let read = |text: &str| temporenc::decode(hex(text).try_into().unwrap()).unwrap_err();
    assert_eq!(read("57e81e5fbf000004"), TimeError::LeapSecond);
    assert_eq!(read("57e7b6919326bb1d"), TimeError::Padding);
    assert_eq!(read("97e7b6919326bb1c"), TimeError::Kind);
    assert_eq!(read("67e7b6919326bb1c"), TimeError::Kind);
    let good = u64::from_be_bytes(hex("57e7b69193000000").try_into().unwrap());
    let with = |shift: u32, width: u32, value: u64| {
        let word = good & !(((1 << width) - 1) << shift) | value << shift;
        temporenc::decode(word.to_be_bytes()).unwrap_err()
    };
    for (name, shift, width) in [
        ("year", 48, 12),
        ("month", 44, 4),
        ("day", 39, 5),
        ("hour", 34, 5),
        ("minute", 28, 6),
        ("second", 22, 6),
    ] {
        assert_eq!(
            with(shift, width, (1 << width) - 1),
            TimeError::Absent(name)
        );
    }
    assert_eq!(with(44, 4, 12), TimeError::Calendar, "a 13th month");
    assert_eq!(with(34, 5, 24), TimeError::Calendar, "a 25th hour");
    assert_eq!(with(22, 6, 61), TimeError::Calendar, "a 62nd second");
    assert_eq!(with(2, 20, 1_000_000), TimeError::Calendar);
    for time in ["-000001-12-31T23:59:59Z", "4095-01-01T00:00:00Z"] {
        assert_eq!(
            temporenc::encode(time.parse().unwrap()),
            Err(TimeError::Year)
        );
    }
}

#[test]
fn what_kills_the_original_is_refused_with_a_reason() {
    for (text, reason) in [
        ("", "empty"),
        ("00", "wrong-length"),
        ("0100 00", "wrong-length"),
        ("10", "wrong-length"),
        ("00 00000003 57e7b6919326bb1c 04 000309", "wrong-length"),
        ("00 00000003 57e7b6919326bb1c 04 0000000309", "wrong-length"),
        ("00 00000003 57e81e5fbf000004 00", "leap-second"),
        ("00 00000003 5fffb6919326bb1c 00", "absent-time"),
        ("02 00", "unknown-kind"),
        ("20 00", "unknown-kind"),
        ("0130", "unknown-status"),
        ("1030", "unknown-carrier"),
        ("1120", "unknown-status"),
        ("1103", "unknown-carrier"),
    ] {
        let bytes = hex(text);
        let found = Packet::decode(&bytes).map_err(|error| error.reason());
        assert_eq!(found, Err(reason), "{text}");
    }
}

#[test]
fn padding_is_ignored() {
    assert_eq!(
        Packet::decode(&hex("102f")),
        Ok(Packet::Perform(Carrier::Verizon))
    );
    assert_eq!(
        Packet::decode(&hex("011f")),
        Ok(Packet::Status(IotStatus::Idle))
    );
}

#[test]
fn values_of_any_width_are_kept_to_the_last_digit() {
    let number = |bytes: &[u8]| Integer::new(bytes).unwrap().to_string();
    assert_eq!(number(&[]), "0");
    assert_eq!(number(&[0xff]), "-1");
    assert_eq!(number(&[0; 255]), "0");
    assert_eq!(number(&[0xff; 255]), "-1");
    let mut wide = [0; 9];
    wide[0] = 1;
    assert_eq!(number(&wide), "18446744073709551616");
    let mut wide = [0; 17];
    wide[0] = 0x80;
    assert_eq!(
        number(&wide),
        format!("-{}", "43556142965880123323311949751266331066368")
    );
    assert_eq!(number(&i64::MIN.to_be_bytes()), i64::MIN.to_string());
    assert!(Integer::new(&[0; 256]).is_none());
    let exact = |n: i64| Integer::new(&n.to_be_bytes()).unwrap().as_f64();
    assert_eq!(exact(-777).map(f64::to_bits), Some((-777.0_f64).to_bits()));
    assert_eq!(exact((1 << 53) + 1), None);
}

#[test]
fn records_are_those_of_the_original() {
    let value = Integer::new(&[0, 0, 3, 9]).unwrap();
    assert_eq!(
        kafka::sample(INSTANT, value),
        r#"{"timestamp": "2023-12-14T04:25:12.634567", "data": 777}"#
    );
    let second = Timestamp::from_micros(1_702_527_912_000_000);
    assert_eq!(
        kafka::sample(second, value),
        r#"{"timestamp": "2023-12-14T04:25:12", "data": 777}"#
    );
    let temp = Label::new("temp").unwrap();
    assert_eq!(kafka::for_grafana(&temp, value), r#"{"temp": 777}"#);
    let answer = Answer {
        verdict: Verdict::Ack,
        carrier: Carrier::Verizon,
    };
    assert_eq!(
        kafka::answer(answer),
        r#"{"status": "ACK", "carrier": "Verizon"}"#
    );
    assert_eq!(
        kafka::request(Carrier::Verizon),
        r#"{"type": "carrier-switch-perform", "metadata": "Verizon"}"#
    );
}

#[test]
fn times_are_read_without_zone_without_fraction_and_with_zone() {
    for text in [
        "2023-12-14T04:25:12",
        "2023-12-14T04:25:12.000000",
        "2023-12-14T04:25:12Z",
    ] {
        let record = format!(r#"{{"timestamp": "{text}", "data": -5}}"#);
        let read: kafka::Sampled = serde_json::from_str(&record).unwrap();
        assert_eq!(read.timestamp.as_micros(), 1_702_527_912_000_000);
        assert_eq!(read.data, -5);
    }
}

#[test]
fn a_request_that_nobody_can_perform_says_why() {
    for carrier in Carrier::ALL {
        let text = kafka::request(carrier);
        let modem = None;
        let request = kafka::Request { carrier, modem };
        assert_eq!(kafka::read_request(text.as_bytes()).unwrap(), request);
    }
    let refused = |text: &str| kafka::read_request(text.as_bytes()).unwrap_err();
    assert!(matches!(
        refused(r#"{"type": "carrier-switch-perform", "metadata": "Vodafone"}"#),
        kafka::RequestError::Carrier(UnknownCarrier(name)) if name == "Vodafone"
    ));
    assert!(matches!(
        refused(r#"{"type": "polling-rate", "metadata": "3"}"#),
        kafka::RequestError::Type(name) if name == "polling-rate"
    ));
    for text in ["", "[]", "{}", r#"{"type": 1, "metadata": "Verizon"}"#] {
        assert!(matches!(refused(text), kafka::RequestError::Shape(_)));
    }
}

/// Times that both ends can write: the years 0 to 4094.
fn time() -> impl Strategy<Value = Timestamp> {
    let from: Timestamp = "0000-01-01T00:00:00Z".parse().unwrap();
    let to: Timestamp = "4094-12-31T23:59:59.999999Z".parse().unwrap();
    (from.as_micros()..=to.as_micros()).prop_map(Timestamp::from_micros)
}

proptest! {
    #[test]
    fn every_time_comes_back(time in time()) {
        prop_assert_eq!(temporenc::decode(temporenc::encode(time).unwrap()), Ok(time));
    }

    #[test]
    fn every_sample_comes_back(
        device: u32, time in time(), value in proptest::collection::vec(any::<u8>(), 0..=255)
    ) {
        let packet = sample(device, time, &value);
        let bytes = packet.encode().unwrap();
        prop_assert_eq!(bytes.len(), 14 + value.len());
        prop_assert_eq!(Packet::decode(&bytes), Ok(packet));
    }

    #[test]
    fn an_integer_is_the_same_number_in_any_width(number: i128, more in 0_usize..200) {
        let fill = if number < 0 { 0xff } else { 0 };
        let mut bytes = vec![fill; more];
        bytes.extend_from_slice(&number.to_be_bytes());
        let integer = Integer::new(&bytes).unwrap();
        prop_assert_eq!(integer.to_string(), number.to_string());
        prop_assert_eq!(integer.as_i64(), i64::try_from(number).ok());
    }

    #[test]
    fn whatever_is_taken_is_written_again_as_it_was(
        bytes in proptest::collection::vec(any::<u8>(), 0..40)
    ) {
        if let Ok(packet @ Packet::Data(_)) = Packet::decode(&bytes) {
            prop_assert_eq!(packet.encode(), Ok(bytes));
        }
    }
}
