//! What is new is read ahead of what has piled up, and each message once.

use std::time::Duration;

use umec_sdk::bus::{Filter, Lane, Room};
use umec_wire::Label;

use super::contract::Setup;

const IN_ORDER: Room = Room {
    in_order: true,
    ahead: false,
};

const AHEAD: Room = Room {
    in_order: false,
    ahead: true,
};

pub(crate) async fn a_cursor_reads_what_is_live_ahead_of_what_has_piled_up(setup: Setup) {
    let name = Label::new("uplink").unwrap();
    let live = Duration::from_hours(1);
    for sequence in 1..=5 {
        setup.publish("a", sequence).await;
    }
    let piled_up = setup.bus.bounds().await.unwrap().last_time;
    // What is stored from here on is live.
    let now = piled_up.saturating_add(live + Duration::from_micros(1));
    tokio::time::sleep(Duration::from_millis(1)).await;
    setup.publish("a", 6).await;
    setup.publish("a", 7).await;
    let mut cursor = setup.bus.cursor(&name, Filter::default()).await.unwrap();
    let mut read = Vec::new();
    for room in [IN_ORDER, AHEAD, IN_ORDER, AHEAD] {
        let (stored, lane) = cursor.next_live(now, live, room).await.unwrap();
        read.push((stored.sequence, lane));
    }
    let (backlog, fresh) = (Lane::Backlog, Lane::Ahead);
    assert_eq!(read, [(1, backlog), (6, fresh), (2, backlog), (7, fresh)]);
    for sequence in [1, 6, 7] {
        cursor.acknowledge(sequence);
    }
    cursor.keep_note("a note".to_owned());
    assert_eq!((cursor.floor(), cursor.ahead()), (1, Some(7)));
    cursor.flush().await;
    drop(cursor);
    // The next run reads what is open, and passes over what was acknowledged ahead of it.
    let mut cursor = setup.bus.cursor(&name, Filter::default()).await.unwrap();
    setup.publish("a", 8).await;
    for sequence in [2, 3, 4, 5, 8] {
        assert_eq!(cursor.next().await.unwrap().sequence, sequence);
        cursor.acknowledge(sequence);
    }
    assert_eq!((cursor.floor(), cursor.ahead()), (8, None));
    assert_eq!(cursor.found_note().as_deref(), Some("a note"));
    cursor.flush().await;
}

pub(crate) async fn a_cursor_that_was_held_up_ahead_leaps_and_fills_the_gap_in_order(setup: Setup) {
    let name = Label::new("uplink").unwrap();
    let live = Duration::from_millis(20);
    let mut cursor = setup.bus.cursor(&name, Filter::default()).await.unwrap();
    setup.publish("a", 1).await;
    cursor.read_ahead(setup.bus.bounds().await.unwrap().first_time);
    let now = setup.bus.bounds().await.unwrap().last_time;
    let (first, _) = cursor.next_live(now, live, AHEAD).await.unwrap();
    setup.publish("a", 2).await;
    // Both are older than live by more than twice as much when the third comes.
    tokio::time::sleep(4 * live).await;
    setup.publish("a", 3).await;
    let now = setup.bus.bounds().await.unwrap().last_time;
    let (third, _) = cursor.next_live(now, live, AHEAD).await.unwrap();
    let (second, lane) = cursor.next_live(now, live, IN_ORDER).await.unwrap();
    let sequences = [&first, &second, &third].map(|stored| stored.sequence);
    assert_eq!((sequences, lane), ([1, 2, 3], Lane::Backlog));
    for sequence in sequences {
        cursor.acknowledge(sequence);
    }
    setup.publish("a", 4).await;
    assert_eq!(cursor.next().await.unwrap().sequence, 4);
    assert_eq!((cursor.floor(), cursor.ahead()), (3, None));
}
