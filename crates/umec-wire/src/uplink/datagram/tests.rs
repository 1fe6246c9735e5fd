use proptest::prelude::*;

use super::*;

#[test]
fn datagrams_have_the_bytes_of_the_table() {
    let modem = ModemName::new("pole-7").unwrap();
    let tag = [0xee; TAG];
    let sealed = |lane, way, number| Sealed {
        lane,
        way,
        connection: Connection(0x0102_0304),
        number,
        bytes: &tag,
    };
    let noise = [0xaa; MIN_HELLO];
    let cookie = Cookie([0xcc; 17]);
    let hello = Hello {
        modem,
        cookie: None,
        noise: &noise,
    };
    assert_eq!(hello.echo(), [0xaa; ECHO]);
    for (datagram, head) in [
        (Datagram::Hello(hello.clone()), "2006706f6c652d3700aaaa"),
        (
            Datagram::Hello(Hello {
                cookie: Some(cookie),
                ..hello
            }),
            "2006706f6c652d3711ccccccccccccccccccccccccccccccccccaaaa",
        ),
        (Datagram::Welcome(&noise), "21aaaa"),
        (
            Datagram::Retry(Retry {
                echo: [0xee; ECHO],
                cookie,
            }),
            "23eeeeeeeeeeeeeeeecccccccccccccccccccccccccccccccccc",
        ),
        (Datagram::Unknown(Connection(7)), "2200000007"),
        (
            Datagram::Sealed(sealed(Lane::Data, Way::Up, 0)),
            "300102030400",
        ),
        (
            Datagram::Sealed(sealed(Lane::Data, Way::Down, 63)),
            "31010203043f",
        ),
        (
            Datagram::Sealed(sealed(Lane::Command, Way::Up, 64)),
            "40010203044040",
        ),
        (
            Datagram::Sealed(sealed(Lane::Command, Way::Down, 0x4000)),
            "410102030480004000",
        ),
    ] {
        let bytes = datagram.encode();
        let text = data_encoding::HEXLOWER.encode(&bytes);
        assert!(text.starts_with(head), "{text}");
        assert_eq!(Datagram::decode(&bytes), Ok(datagram));
    }
}

#[test]
fn version_1_and_damaged_datagrams_are_refused_by_name() {
    let v1 = [0x00, 0, 0, 0, 3];
    assert_eq!(
        Datagram::decode(&v1),
        Err(DatagramError::Topic { flow: 0, topic: 0 })
    );
    assert_eq!(Datagram::decode(&[]), Err(DatagramError::Empty));
    for bytes in [
        &[0x20][..],
        &[0x20, 3, b'a'],
        &[0x20, 1, b'a'],
        &[0x21],
        &[0x20, 1, b'a', 0, 1],
        &[0x23; 25],
        &[0x23; 27],
        &[0x22, 1, 2, 3],
        &[0x22, 1, 2, 3, 4, 5],
        &[0x30, 1, 2, 3],
        &[0x30, 1, 2, 3, 4],
        &[0x30, 1, 2, 3, 4, 0x40],
        &[0x30, 1, 2, 3, 4, 0, 1, 2],
    ] {
        assert_eq!(
            Datagram::decode(bytes),
            Err(DatagramError::Length),
            "{bytes:?}"
        );
    }
    let mut unnamed = vec![0x20, 1, b'A', 0];
    unnamed.resize(MIN_HELLO, 1);
    assert_eq!(Datagram::decode(&unnamed), Err(DatagramError::Name));
    let mut long = vec![0x30, 1, 2, 3, 4, 0x40, 0x3f];
    long.extend([0; TAG]);
    assert_eq!(Datagram::decode(&long), Err(DatagramError::Number));
}

proptest! {
    #[test]
    fn whatever_is_read_is_written_as_it_was(bytes in prop::collection::vec(any::<u8>(), 0..80), first in 0x1f_u8..0x43) {
        let bytes = [&[first][..], &bytes].concat();
        if let Ok(datagram) = Datagram::decode(&bytes) {
            prop_assert_eq!(datagram.encode(), bytes);
        }
    }

    #[test]
    fn every_number_up_to_62_bits_comes_back(number in 0..=MAX_NUMBER, shift in 0_u32..62) {
        let number = number >> shift;
        let mut bytes = Vec::new();
        encode_number(number, &mut bytes);
        prop_assert_eq!(decode_number(&bytes), Ok((number, &[][..])));
    }
}
