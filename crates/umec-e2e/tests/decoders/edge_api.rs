//! What applications send: `umec-edge-api`.

use umec_edge_api::position::Position;
use umec_edge_api::query::{HistoryQuery, Pairs, StreamQuery};
use umec_edge_api::token::bearer;

use crate::storm::storm;

fn pairs(body: &[u8]) -> Pairs {
    let text = String::from_utf8_lossy(body);
    let pairs = text
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn parameters_of_paths() {
    let seeds: &[&[u8]] = &[
        b"device=thermometer-1&metric=temperature&kind=readings&after=1234.2",
        b"device=a,b&device=c",
    ];
    storm("stream parameters", seeds, |body| {
        StreamQuery::parse(&pairs(body), None).is_ok()
    });
    let seeds: &[&[u8]] = &[
        b"metric=temperature&from=2026-11-21T09:30:00Z&to=2026-11-21T10:30:00Z&limit=10&cursor=17",
        b"metric=a&metric=b",
    ];
    storm("history parameters", seeds, |body| {
        HistoryQuery::readings(&pairs(body), 1_000).is_ok()
    });
}

#[test]
fn positions_in_the_stream() {
    storm("position", &[b"1234", b"1234.2"], |body| {
        let text = String::from_utf8_lossy(body);
        let Ok(position) = text.parse::<Position>() else {
            return false;
        };
        assert_eq!(
            position.to_string().parse::<Position>().ok(),
            Some(position)
        );
        true
    });
}

#[test]
fn headers_with_tokens() {
    storm("bearer token", &[b"Bearer dGhlIHRva2Vu"], |body| {
        bearer(&String::from_utf8_lossy(body)).is_some()
    });
}
