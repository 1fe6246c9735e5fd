//! The attack table of `docs/uplink-protocol.md`, a test for each row: what is refused, under which
//! reason it is counted, and what it costs.

#![cfg(test)]

mod site;

use std::net::SocketAddr;
use std::time::Duration;

use site::{KEY, Site, address, begin, site};
use umec_gateway::machine::Admission;
use umec_wire::Boot;
use umec_wire::uplink::{Connection, Cookies, Datagram, Down, Key, Lane, Up};

#[test]
fn a_replay_is_refused() {
    let mut site = site();
    let mut modem = site.connect("pole-7", address(1, 1), 10);
    let genuine = modem.keepalive();
    assert_eq!(site.send(modem.at, &genuine).len(), 1);
    for _ in 0..3 {
        assert!(site.send(modem.at, &genuine).is_empty());
        assert!(site.send(address(9, 9), &genuine).is_empty());
    }
    assert_eq!(site.counters().replayed, 6);
    assert_eq!(site.counters().challenges, 0, "nothing has moved");
}

#[test]
fn a_flipped_bit_a_cut_and_a_foreign_seal_are_refused() {
    let mut site = site();
    let mut modem = site.connect("pole-7", address(1, 1), 10);
    let genuine = modem.keepalive();
    let mut flipped = genuine.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(site.send(modem.at, &flipped).is_empty());
    assert!(
        site.send(modem.at, &genuine[..genuine.len() - 1])
            .is_empty()
    );
    assert_eq!(site.counters().broken, 2);
    assert!(site.send(modem.at, &genuine[..9]).is_empty());
    assert!(site.send(modem.at, &[]).is_empty());
    assert_eq!(site.counters().malformed, 2);
    assert_eq!(
        site.send(modem.at, &genuine).len(),
        1,
        "the genuine one is taken"
    );
}

#[test]
fn a_forged_source_moves_no_session() {
    let mut site = site();
    let (home, forged) = (address(1, 1), address(66, 6));
    let mut modem = site.connect("pole-7", home, 10);
    let (mut received, mut sent) = (0, 0);
    for _ in 0..20 {
        // Held up on its way, and sent on from elsewhere.
        let genuine = modem.keepalive();
        received += genuine.len();
        for (to, bytes) in site.send(forged, &genuine) {
            if to == forged {
                sent += bytes.len();
            }
        }
        site.now += Duration::from_secs(1);
    }
    assert!(sent > 0 && sent <= received, "{sent} for {received} bytes");
    assert_eq!(site.counters().moves, 0);
    assert!(site.counters().challenges > 0);
    let genuine = modem.keepalive();
    let answers = site.send(home, &genuine);
    assert!(
        answers.iter().all(|(to, _)| *to == home),
        "it was never elsewhere"
    );
}

#[test]
fn a_modem_that_has_moved_is_followed_when_it_answers() {
    let mut site = site();
    let mut modem = site.connect("pole-7", address(1, 1), 10);
    let moved = address(1, 2);
    let keepalive = modem.keepalive();
    let answers = site.send(moved, &keepalive);
    let (_, challenge) = answers.iter().find(|(to, _)| *to == moved).unwrap();
    assert!(challenge.len() <= keepalive.len());
    let Some(Down::Challenge(number)) = modem.opens(challenge) else {
        panic!("a challenge")
    };
    let wrong = Up::Answer(number ^ 1);
    let wrong = modem.session.seal(Lane::Data, &wrong.encode()).unwrap();
    site.send(moved, &wrong);
    assert_eq!(site.counters().moves, 0);
    let answer = modem.session.seal(Lane::Data, &Up::Answer(number).encode());
    site.send(moved, &answer.unwrap());
    assert_eq!(site.counters().moves, 1);
    let keepalive = modem.keepalive();
    let answers = site.send(moved, &keepalive);
    assert!(answers.iter().all(|(to, _)| *to == moved) && !answers.is_empty());
}

#[test]
fn a_wrong_key_gets_no_session() {
    let mut site = site();
    let at = address(1, 1);
    let retry = site.send(at, begin("pole-7", &KEY, None, 1).hello());
    let Ok(Datagram::Retry(retry)) = Datagram::decode(&retry[0].1) else {
        panic!("a retry")
    };
    let wrong = begin("pole-7", &Key::new([8; 32]), Some(retry.cookie), 2);
    assert!(site.send(at, wrong.hello()).is_empty());
    let unknown = begin("stranger", &KEY, Some(retry.cookie), 3);
    assert!(site.send(at, unknown.hello()).is_empty());
    assert_eq!(site.counters().wrong_key, 2);
    assert_eq!(site.machine.held(), 0);
}

#[test]
fn an_overheard_hello_is_of_no_use_elsewhere() {
    let mut site = site();
    let modem = site.connect("pole-7", address(1, 1), 10);
    let sessions = site.machine.held();
    // From another address it is answered by a wish for a cookie.
    let answers = site.send(address(66, 6), &modem.hello);
    assert!(matches!(
        Datagram::decode(&answers[0].1),
        Ok(Datagram::Retry(_))
    ));
    // With a cookie of that address it is not what was sealed.
    let Ok(Datagram::Retry(retry)) = Datagram::decode(&answers[0].1) else {
        panic!("a retry")
    };
    let Ok(Datagram::Hello(mut hello)) = Datagram::decode(&modem.hello) else {
        panic!("a hello")
    };
    hello.cookie = Some(retry.cookie);
    let grafted = Datagram::Hello(hello).encode();
    assert!(site.send(address(66, 6), &grafted).is_empty());
    assert_eq!(
        (site.counters().no_cookie, site.counters().wrong_key),
        (2, 1)
    );
    assert_eq!(site.machine.held(), sessions);
}

#[test]
fn a_flood_of_hellos_is_answered_by_less_and_remembered_by_nothing() {
    let mut site = site();
    let hello = begin("pole-7", &KEY, None, 1).hello().to_vec();
    for number in 0..100_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let from = SocketAddr::from(([10, a, b, c], 4_000));
        let answers = site.send(from, &hello);
        assert!(answers.len() == 1 && answers[0].1.len() < hello.len());
    }
    assert_eq!(site.counters().no_cookie, 100_000);
    assert_eq!((site.asked, site.machine.held()), (0, 0));
}

#[test]
fn callers_that_hear_are_let_in_at_a_bounded_rate_and_number() {
    let mut site = Site::new(Admission {
        handshakes: 20,
        of_one: 5,
        modems: 30,
    });
    let call = |site: &mut Site, name: &str, draw: u8| {
        let from = address(1, 1);
        let cookie = Cookies::new([5; 32]).retry(site.time().wall, from);
        let hello = begin(name, &KEY, Some(cookie), draw);
        !site.send(from, hello.hello()).is_empty()
    };
    let calls = |site: &mut Site, from: u8| {
        let numbers = from..from + 40;
        numbers
            .filter(|n| call(site, &format!("pole-{n}"), *n))
            .count()
    };
    assert_eq!(calls(&mut site, 1), 20, "at a time");
    site.now += Duration::from_mins(1);
    assert_eq!(calls(&mut site, 50), 10, "altogether");
    site.now += Duration::from_mins(1);
    let of_one = (100..140).filter(|draw| call(&mut site, "pole-1", *draw));
    assert_eq!(of_one.count(), 5, "of one");
    assert_eq!(site.counters().not_admitted, 20 + 30 + 35);
}

#[test]
fn no_datagram_of_a_stranger_is_answered_by_more_than_it_has_bytes() {
    let mut site = site();
    let mut modem = site.connect("pole-7", address(1, 1), 10);
    let unknown = Datagram::Sealed(umec_wire::uplink::Sealed {
        lane: Lane::Data,
        way: umec_wire::uplink::Way::Up,
        connection: Connection(1),
        number: 0,
        bytes: &[0; 16],
    });
    let held_up = modem.keepalive();
    let with_cookie = {
        let cookie = Cookies::new([5; 32]).retry(site.time().wall, address(66, 6));
        begin("pole-8", &KEY, Some(cookie), 9).hello().to_vec()
    };
    for bytes in [
        begin("pole-7", &KEY, None, 1).hello().to_vec(),
        with_cookie,
        unknown.encode(),
        held_up,
        modem.hello.clone(),
        vec![0x20; 2],
        vec![0x31; 60],
    ] {
        let answers = site.send(address(66, 6), &bytes);
        let to_stranger = answers.iter().filter(|(to, _)| *to == address(66, 6));
        let answered: usize = to_stranger.map(|(_, bytes)| bytes.len()).sum();
        assert!(answered <= bytes.len(), "{answered} for {bytes:?}");
    }
    assert_eq!(site.counters().unknown_session, 1);
}

#[test]
fn data_of_an_old_session_is_refused_after_its_time() {
    let mut site = site();
    let mut old = site.connect("pole-7", address(1, 1), 10);
    let mut new = site.connect("pole-7", address(1, 1), 20);
    let late = old.keepalive();
    assert_eq!(site.send(old.at, &late).len(), 1, "still on its way");
    site.now += Duration::from_secs(31);
    let too_late = old.keepalive();
    let answers = site.send(old.at, &too_late);
    assert!(answers.iter().all(|(_, bytes)| bytes.len() == 5), "unknown");
    assert_eq!(site.counters().old_session, 1);
    let keepalive = new.keepalive();
    assert!(!site.send(new.at, &keepalive).is_empty());
    // A session that is never renewed ends as well.
    site.now += Duration::from_hours(3);
    let keepalive = new.keepalive();
    site.send(new.at, &keepalive);
    assert_eq!(site.counters().old_session, 2);
}

#[test]
fn data_of_an_earlier_run_is_refused_once_a_later_one_has_its_session() {
    let mut site = site();
    let mut old = site.connect("pole-7", address(1, 1), 10);
    site.run = Boot::from_bits(4);
    let mut new = site.connect("pole-7", address(1, 1), 20);
    let late = old.keepalive();
    let answers = site.send(old.at, &late);
    assert!(answers.iter().all(|(_, bytes)| bytes.len() == 5), "unknown");
    assert_eq!(site.counters().old_session, 1);
    let keepalive = new.keepalive();
    assert_eq!(site.send(new.at, &keepalive).len(), 1, "it goes on");
}

#[test]
fn a_resumption_cookie_spares_a_round_trip_also_after_a_restart_of_the_gateway() {
    let mut site = site();
    let modem = site.connect("pole-7", address(1, 1), 10);
    let mut restarted = site::site();
    let hello = begin("pole-7", &KEY, Some(modem.resumption), 30);
    let answers = restarted.send(address(1, 2), hello.hello());
    assert!(matches!(
        Datagram::decode(&answers[0].1),
        Ok(Datagram::Welcome(_))
    ));
}
