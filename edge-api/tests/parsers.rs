//! Whatever callers send, it is read or refused.

#![cfg(test)]

use proptest::prelude::*;
use umec_edge_api::position::Position;
use umec_edge_api::query::{HistoryQuery, Pairs, StreamQuery};
use umec_edge_api::route::Route;
use umec_edge_api::token::bearer;

const NAMES: [&str; 9] = [
    "device", "metric", "kind", "after", "from", "to", "limit", "cursor", "window",
];

fn pairs() -> impl Strategy<Value = Pairs> {
    let name = prop_oneof![
        prop::sample::select(&NAMES[..]).prop_map(str::to_owned),
        ".*"
    ];
    let value = prop_oneof!["[0-9.,:TZ+-]{0,30}", "[a-z0-9,-]{0,40}", ".*"];
    prop::collection::vec((name, value), 0..6)
}

proptest! {
    #[test]
    fn no_query_panics(pairs in pairs(), last in prop::option::of(".*")) {
        drop(StreamQuery::parse(&pairs, last.as_deref()));
        drop(HistoryQuery::readings(&pairs, 1_000));
        drop(HistoryQuery::aggregates(&pairs, 1_000));
    }

    #[test]
    fn no_path_and_no_header_panics(text in ".*", tail in "[a-z0-9./%-]{0,60}") {
        drop(Route::parse(&text));
        drop(Route::parse(&format!("/api/v1/{tail}")));
        if let Some(token) = bearer(&text) {
            prop_assert!(text.contains(token));
        }
    }

    #[test]
    fn a_position_that_is_read_is_written_as_it_was(text in "[0-9]{1,20}(\\.[0-9]{1,9})?") {
        if let Ok(position) = text.parse::<Position>() {
            prop_assert_eq!(position.to_string().parse::<Position>(), Ok(position));
        }
    }
}
