//! Metrics as Prometheus and `OpenMetrics` write them, as far as counts are read out of them. Pure.

/// The sum of all samples of a metric, whatever their labels; `None` where there is no sample.
///
/// Texts that are no samples are passed over: this reads what our own daemons expose.
pub fn total(text: &str, name: &str) -> Option<f64> {
    samples(text, name)
        .map(|(_, value)| value)
        .reduce(|a, b| a + b)
}

/// The samples of a metric: what stands between the braces, and the value.
pub fn samples<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = (&'t str, f64)> {
    text.lines().filter_map(move |line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once('}')?,
            None => ("", rest),
        };
        let value = value.strip_prefix(' ')?.split(' ').next()?;
        Some((labels, value.parse().ok()?))
    })
}

/// The value of one label among those between the braces.
pub fn label<'t>(labels: &'t str, name: &str) -> Option<&'t str> {
    labels.split(',').find_map(|pair| {
        let value = pair.strip_prefix(name)?.strip_prefix("=\"")?;
        value.strip_suffix('"')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# HELP umec_records Records.
# TYPE umec_records counter
umec_records_total{topic=\"umec.readings\",node=\"a\"} 5
umec_records_total{topic=\"umec.status\"} 2 1700000000
umec_records_total_more 9
umec_sessions 1
# EOF
";

    #[test]
    fn samples_of_one_metric_are_summed() {
        assert_eq!(total(TEXT, "umec_records_total"), Some(7.0));
        assert_eq!(total(TEXT, "umec_sessions"), Some(1.0));
        assert_eq!(total(TEXT, "umec_absent"), None);
        assert_eq!(
            total("umec_sessions x\numec_sessions", "umec_sessions"),
            None
        );
    }

    #[test]
    fn labels_are_told_apart() {
        let (labels, value) = samples(TEXT, "umec_records_total").next().unwrap();
        assert_eq!((label(labels, "node"), value), (Some("a"), 5.0));
        assert_eq!(label(labels, "nod"), None);
    }
}
