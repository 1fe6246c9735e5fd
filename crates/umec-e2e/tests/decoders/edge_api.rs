//! What applications send: `umec-edge-api`.

use umec_edge_api::position::Position;
use umec_edge_api::query::{HistoryQuery, Pairs, StreamQuery};
use umec_edge_api::route::Route;
use umec_edge_api::token::bearer;

use crate::table::Decoder;

/// What is read here.
pub(crate) fn decoders() -> Vec<Decoder> {
    vec![
        paths(),
        parameters_of_the_stream(),
        parameters_of_histories(),
        positions_in_the_stream(),
        headers_with_tokens(),
    ]
}

fn pairs(body: &[u8]) -> Pairs {
    let text = String::from_utf8_lossy(body);
    let pairs = text
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn paths() -> Decoder {
    let seeds: &[&[u8]] = &[
        b"/api/v1/devices/thermometer-1/commands/setpoint",
        b"/api/v1/devices/thermometer-1/readings",
        b"/api/v1/commands/c-1",
        b"/healthz",
    ];
    Decoder::new("path", seeds, |body| {
        Route::parse(&String::from_utf8_lossy(body)).is_some()
    })
}

fn parameters_of_the_stream() -> Decoder {
    let seeds: &[&[u8]] = &[
        b"device=thermometer-1&metric=temperature&kind=readings&after=1234.2",
        b"device=a,b&device=c",
    ];
    Decoder::new("stream-parameters", seeds, |body| {
        StreamQuery::parse(&pairs(body), None).is_ok()
    })
}

fn parameters_of_histories() -> Decoder {
    let seeds: &[&[u8]] = &[
        b"metric=temperature&from=2026-11-21T09:30:00Z&to=2026-11-21T10:30:00Z&limit=10&cursor=17",
        b"metric=a&metric=b",
    ];
    Decoder::new("history-parameters", seeds, |body| {
        HistoryQuery::readings(&pairs(body), 1_000).is_ok()
    })
}

fn positions_in_the_stream() -> Decoder {
    Decoder::new("position", &[b"1234", b"1234.2"], |body| {
        let text = String::from_utf8_lossy(body);
        let Ok(position) = text.parse::<Position>() else {
            return false;
        };
        assert_eq!(
            position.to_string().parse::<Position>().ok(),
            Some(position)
        );
        true
    })
}

fn headers_with_tokens() -> Decoder {
    Decoder::new("bearer-token", &[b"Bearer dGhlIHRva2Vu"], |body| {
        bearer(&String::from_utf8_lossy(body)).is_some()
    })
}
