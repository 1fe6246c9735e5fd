use super::*;

const KEY: Key = Key::new([7; 32]);

fn modem() -> ModemName {
    ModemName::new("pole-7").unwrap()
}

fn welcome() -> Welcome {
    Welcome {
        connection: Connection(99),
        node: NodeName::new("pole-7").unwrap(),
        gateway: Boot::from_bits(5),
        resumption: Cookie([9; 17]),
    }
}

fn begin(ephemeral: u8) -> Initiation {
    Initiation::begin(&modem(), &KEY, Boot::from_bits(3), None, [ephemeral; 32]).unwrap()
}

fn respond(hello: &[u8], key: &Key) -> Result<(Session, Vec<u8>, Boot), HandshakeError> {
    let Ok(Datagram::Hello(hello)) = Datagram::decode(hello) else {
        panic!("a hello")
    };
    answer(&hello, key, &welcome(), [2; 32])
}

/// The two ends of one session.
fn pair() -> (Session, Session) {
    let mut initiation = begin(1);
    let (gateway, datagram, boot) = respond(initiation.hello(), &KEY).unwrap();
    assert_eq!(boot, Boot::from_bits(3));
    assert_eq!(initiation.welcome(&datagram[1..]).unwrap(), welcome());
    (initiation.session(Connection(99)).unwrap(), gateway)
}

fn open(session: &mut Session, datagram: &[u8]) -> Result<(Bytes, bool), OpenError> {
    match Datagram::decode(datagram).unwrap() {
        Datagram::Sealed(sealed) => session.open(&sealed),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_one_end_seals_the_other_opens_in_any_order() {
    let (mut modem, mut gateway) = pair();
    let first = modem.seal(Lane::Data, b"first").unwrap();
    let second = modem.seal(Lane::Data, b"second").unwrap();
    assert_eq!(
        open(&mut gateway, &second),
        Ok((Bytes::from("second"), true))
    );
    assert_eq!(
        open(&mut gateway, &first),
        Ok((Bytes::from("first"), false))
    );
    let down = gateway.seal(Lane::Command, b"down").unwrap();
    assert_eq!(open(&mut modem, &down), Ok((Bytes::from("down"), true)));
}

#[test]
fn every_attack_of_the_table_is_refused() {
    let (mut modem, mut gateway) = pair();
    let genuine = modem.seal(Lane::Data, b"reading").unwrap();
    assert!(open(&mut gateway, &genuine).is_ok());
    // A replay.
    assert_eq!(
        open(&mut gateway, &genuine),
        Err(OpenError::Replayed(Replayed::Seen))
    );
    // A flipped bit, in each place behind connection and first byte.
    let next = modem.seal(Lane::Data, b"reading").unwrap();
    for place in 5..next.len() {
        let mut flipped = next.clone();
        flipped[place] ^= 0x01;
        assert!(open(&mut gateway, &flipped).is_err(), "byte {place}");
    }
    assert!(
        open(&mut gateway, &next).is_ok(),
        "the damage did not stick"
    );
    // A datagram sent back to where it came from.
    let own = modem.seal(Lane::Data, b"reading").unwrap();
    assert_eq!(open(&mut modem, &own), Err(OpenError::Broken));
    // A datagram of an old session, under the same connection.
    let (mut newer, _) = {
        let mut initiation = begin(9);
        let (gateway, datagram, _) = respond(initiation.hello(), &KEY).unwrap();
        initiation.welcome(&datagram[1..]).unwrap();
        (initiation.session(Connection(99)).unwrap(), gateway)
    };
    for _ in 0..5 {
        newer.seal(Lane::Data, b"").unwrap();
    }
    let foreign = newer.seal(Lane::Data, b"reading").unwrap();
    assert_eq!(open(&mut gateway, &foreign), Err(OpenError::Broken));
}

#[test]
fn a_wrong_key_ends_the_handshake_on_both_sides() {
    let wrong = Key::new([8; 32]);
    let mut initiation = begin(1);
    assert!(respond(initiation.hello(), &wrong).is_err());
    // A false gateway that guesses: the handshake goes on with the true one.
    let mut false_answer = respond(initiation.hello(), &KEY).unwrap().1;
    false_answer[40] ^= 1;
    assert!(initiation.welcome(&false_answer[1..]).is_err());
    let (_, answer, _) = respond(initiation.hello(), &KEY).unwrap();
    assert!(initiation.welcome(&answer[1..]).is_ok());
}

#[test]
fn another_name_in_the_hello_ends_the_handshake() {
    let initiation = begin(1);
    let mut hello = initiation.hello().to_vec();
    assert_eq!(hello[7], b'7');
    hello[7] = b'8';
    assert!(respond(&hello, &KEY).is_err());
}

#[test]
fn a_key_is_64_hexadecimal_digits_and_is_not_shown() {
    let key: Key = "07".repeat(32).parse().unwrap();
    assert_eq!(key, KEY);
    assert_eq!(format!("{key:?}"), "Key(…)");
    assert_eq!("07".parse::<Key>(), Err(KeyError));
    assert_eq!("zz".repeat(32).parse::<Key>(), Err(KeyError));
}

#[test]
fn no_answer_is_longer_than_the_hello() {
    let long = "a".repeat(63);
    let modem = ModemName::new("a").unwrap();
    let welcome = Welcome {
        connection: Connection(u32::MAX),
        node: NodeName::new(&long).unwrap(),
        gateway: Boot::from_bits(u64::MAX),
        resumption: Cookie([9; 17]),
    };
    for cookie in [None, Some(Cookie([1; 17]))] {
        for boot in [0, u64::MAX] {
            let boot = Boot::from_bits(boot);
            let initiation = Initiation::begin(&modem, &KEY, boot, cookie, [1; 32]).unwrap();
            let hello = initiation.hello();
            let Ok(Datagram::Hello(decoded)) = Datagram::decode(hello) else {
                panic!("a hello")
            };
            let (_, answer, _) = answer(&decoded, &KEY, &welcome, [2; 32]).unwrap();
            assert!(answer.len() <= hello.len() && hello.len() <= datagram::MIN_HELLO + 2);
            assert_eq!(
                Datagram::decode(&hello[..datagram::MIN_HELLO - 1]),
                Err(datagram::DatagramError::Length)
            );
        }
    }
}

#[test]
fn an_overheard_hello_is_of_no_use_with_another_cookie() {
    let initiation = begin(1);
    let Ok(Datagram::Hello(overheard)) = Datagram::decode(initiation.hello()) else {
        panic!("a hello")
    };
    let with_own_cookie = Hello {
        cookie: Some(Cookie([1; 17])),
        ..overheard
    };
    assert!(answer(&with_own_cookie, &KEY, &welcome(), [2; 32]).is_err());
}
