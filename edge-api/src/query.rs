//! What stands behind the question mark: parsed into types that cannot be wrong, or refused with the
//! name of the field.

use std::fmt::Display;
use std::str::FromStr;

use umec_wire::{DeviceName, MetricName, Span, Timestamp};

use crate::document::Kind;
use crate::position::Position;
use crate::problem::ApiError;

/// Names that one parameter may list, so that a query stays small work.
const MAX_NAMES: usize = 100;

/// Name and value of each parameter, decoded.
pub type Pairs = Vec<(String, String)>;

/// Which documents a stream shows, and after which.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamQuery {
    /// What is shown.
    pub selection: Selection,
    /// After what it begins; with what comes where absent.
    pub after: Option<Position>,
}

/// Which documents are meant; everything that the token covers where a list is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// About which devices.
    pub devices: Vec<DeviceName>,
    /// With which metrics.
    pub metrics: Vec<MetricName>,
    /// Of which kinds.
    pub kinds: Vec<Kind>,
}

/// What is asked of a device's readings or aggregates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Which metrics; all where empty.
    pub metrics: Vec<MetricName>,
    /// Aggregates over windows of which length; all where absent.
    pub window: Option<Span>,
    /// Which part of the past; the latest alone where absent.
    pub range: Option<Range>,
}

/// A part of the past, a page at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first time that is meant; from the beginning where absent.
    pub from: Option<Timestamp>,
    /// The first time that is no longer meant; to the end where absent.
    pub to: Option<Timestamp>,
    /// How many documents at most.
    pub limit: usize,
    /// After which document the page begins.
    pub cursor: Option<Position>,
}

// === impl StreamQuery ===

impl StreamQuery {
    /// Reads the parameters of a stream. `last_event_id` is the header of that name, which wins over
    /// `after`, since a browser that reconnects sends it with the first address again.
    pub fn parse(pairs: &Pairs, last_event_id: Option<&str>) -> Result<Self, ApiError> {
        only(pairs, &["device", "metric", "kind", "after"])?;
        let header = last_event_id.filter(|id| !id.is_empty());
        let header = header.map(|id| value("Last-Event-ID", id)).transpose()?;
        let after = one(pairs, "after")?;
        Ok(Self {
            selection: Selection {
                devices: list(pairs, "device")?,
                metrics: list(pairs, "metric")?,
                kinds: list(pairs, "kind")?,
            },
            after: header.or(after),
        })
    }
}

// === impl HistoryQuery ===

impl HistoryQuery {
    /// Reads the parameters of a device's readings; `page` is the largest page.
    pub fn readings(pairs: &Pairs, page: usize) -> Result<Self, ApiError> {
        only(pairs, &["metric", "from", "to", "limit", "cursor"])?;
        Self::parse(pairs, page)
    }

    /// Reads the parameters of a device's aggregates; `page` is the largest page.
    pub fn aggregates(pairs: &Pairs, page: usize) -> Result<Self, ApiError> {
        only(
            pairs,
            &["metric", "window", "from", "to", "limit", "cursor"],
        )?;
        Self::parse(pairs, page)
    }

    fn parse(pairs: &Pairs, page: usize) -> Result<Self, ApiError> {
        let from = one(pairs, "from")?;
        let to = one(pairs, "to")?;
        let limit = one::<usize>(pairs, "limit")?;
        let cursor = one(pairs, "cursor")?;
        if limit.is_some_and(|limit| limit == 0 || limit > page) {
            return Err(ApiError::field("limit", format!("limit is 1 to {page}")));
        }
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(ApiError::field("to", "to is later than from"));
        }
        let is_range = from.is_some() || to.is_some() || limit.is_some() || cursor.is_some();
        Ok(Self {
            metrics: list(pairs, "metric")?,
            window: one(pairs, "window")?,
            range: is_range.then(|| Range {
                from,
                to,
                limit: limit.unwrap_or(page),
                cursor,
            }),
        })
    }
}

// === impl Range ===

impl Range {
    /// Whether a document of `time` lies within it.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }
}

/// Refuses parameters that the path does not have, so that a typo is not silently ignored.
pub fn only(pairs: &Pairs, known: &[&str]) -> Result<(), ApiError> {
    match pairs
        .iter()
        .find(|(name, _)| !known.contains(&name.as_str()))
    {
        None => Ok(()),
        Some((name, _)) if known.is_empty() => {
            Err(ApiError::field(name, "this path takes no parameters"))
        }
        Some((name, _)) => {
            let known = known.join(", ");
            Err(ApiError::field(name, format!("this path takes {known}")))
        }
    }
}

fn one<T: FromStr<Err: Display>>(pairs: &Pairs, field: &str) -> Result<Option<T>, ApiError> {
    let mut values = pairs.iter().filter(|(name, _)| name == field);
    let first = values.next();
    if values.next().is_some() {
        return Err(ApiError::field(field, format!("{field} may be given once")));
    }
    first.map(|(_, text)| value(field, text)).transpose()
}

/// The values of a parameter that is repeated, or lists them with commas between.
fn list<T: FromStr<Err: Display>>(pairs: &Pairs, field: &str) -> Result<Vec<T>, ApiError> {
    let values = pairs.iter().filter(|(name, _)| name == field);
    let values = values.flat_map(|(_, text)| text.split(','));
    let values = values.map(|text| value(field, text.trim()));
    let values: Vec<T> = values.take(MAX_NAMES + 1).collect::<Result<_, _>>()?;
    if values.len() > MAX_NAMES {
        let problem = format!("{field} lists at most {MAX_NAMES} names");
        return Err(ApiError::field(field, problem));
    }
    Ok(values)
}

fn value<T: FromStr<Err: Display>>(field: &str, text: &str) -> Result<T, ApiError> {
    text.parse()
        .map_err(|error: T::Err| ApiError::field(field, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Pairs {
        let pairs = pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        pairs.collect()
    }

    fn refused<T>(result: Result<T, ApiError>) -> String {
        match result {
            Err(ApiError::Field { field, .. }) => field,
            _ => String::new(),
        }
    }

    #[test]
    fn lists_are_repeated_or_separated_by_commas() {
        let given = pairs(&[("device", "a,b"), ("device", "c"), ("kind", "status")]);
        let query = StreamQuery::parse(&given, None).unwrap();
        assert_eq!(query.selection.devices.len(), 3);
        assert_eq!(query.selection.kinds, [Kind::Status]);
        assert_eq!(query.after, None);
    }

    #[test]
    fn the_last_event_id_wins_over_the_address() {
        let query = StreamQuery::parse(&pairs(&[("after", "5")]), Some("7")).unwrap();
        assert_eq!(query.after, Some(Position::after(7)));
        let query = StreamQuery::parse(&pairs(&[("after", "5")]), Some("")).unwrap();
        assert_eq!(query.after, Some(Position::after(5)));
    }

    #[test]
    fn without_a_range_the_latest_are_meant() {
        let query = HistoryQuery::readings(&pairs(&[("metric", "a")]), 10).unwrap();
        assert_eq!(query.range, None);
        let query = HistoryQuery::readings(&pairs(&[("limit", "3")]), 10).unwrap();
        assert_eq!(query.range.unwrap().limit, 3);
    }

    #[test]
    fn a_range_holds_its_beginning_and_not_its_end() {
        let given = pairs(&[
            ("from", "2026-01-01T00:00:00Z"),
            ("to", "2026-01-01T01:00:00+00:00"),
        ]);
        let range = HistoryQuery::readings(&given, 10).unwrap().range.unwrap();
        assert!(range.contains(range.from.unwrap()));
        assert!(!range.contains(range.to.unwrap()));
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (name, text) in [
            ("from", "yesterday"),
            ("to", "1"),
            ("limit", "0"),
            ("limit", "11"),
            ("limit", "-1"),
            ("limit", "ten"),
            ("cursor", "x"),
            ("metric", "Temp"),
            ("form", "2026-01-01T00:00:00Z"),
            ("window", "10s"),
        ] {
            let result = HistoryQuery::readings(&pairs(&[(name, text)]), 10);
            assert_eq!(refused(result), name, "{text}");
        }
        for (name, text) in [("device", "a,,b"), ("kind", "reading"), ("after", "-")] {
            let result = StreamQuery::parse(&pairs(&[(name, text)]), None);
            assert_eq!(refused(result), name, "{text}");
        }
        let reversed = pairs(&[
            ("from", "2026-01-01T01:00:00Z"),
            ("to", "2026-01-01T00:00:00Z"),
        ]);
        assert_eq!(refused(HistoryQuery::readings(&reversed, 10)), "to");
        let twice = pairs(&[("limit", "1"), ("limit", "2")]);
        assert_eq!(refused(HistoryQuery::readings(&twice, 10)), "limit");
        let many = (0..=MAX_NAMES)
            .map(|i| format!("d{i}"))
            .collect::<Vec<_>>()
            .join(",");
        assert_eq!(
            refused(StreamQuery::parse(&pairs(&[("device", &many)]), None)),
            "device"
        );
        assert_eq!(
            refused(StreamQuery::parse(&Vec::new(), Some("?"))),
            "Last-Event-ID"
        );
    }
}
