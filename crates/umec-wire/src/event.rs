//! Something that happened: CloudEvents 1.0 in binary mode, the attributes in headers, the data as it is.

use bytes::Bytes;

use crate::time::Timestamp;

/// One event (CloudEvents 1.0 section 3.1). On NATS and HTTP its attributes are headers with the prefix
/// `ce-`, in Kafka with `ce_`; the data is the payload, and its media type the header `Content-Type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Unique together with `source`.
    pub id: String,
    /// Where it happened: a URI reference, here `/<node>/<device>`.
    pub source: String,
    /// What kind of event it is, in reverse DNS notation, such as `dev.umec.door.opened`.
    pub r#type: String,
    /// What in the source it is about.
    pub subject: Option<String>,
    /// When it happened.
    pub time: Timestamp,
    /// The media type of `data`.
    pub content_type: String,
    /// The event itself.
    pub data: Bytes,
}

impl Event {
    /// Writes the attributes as headers with a prefix, `ce-` or `ce_`.
    pub fn encode(&self, prefix: &'static str) -> crate::topic::Encoded {
        let names = names(prefix);
        let content_type = match prefix {
            "ce_" => crate::kafka::CONTENT_TYPE,
            _ => crate::header::CONTENT_TYPE,
        };
        let mut headers = vec![
            (content_type, self.content_type.clone()),
            (names[0], "1.0".to_owned()),
            (names[1], self.id.clone()),
            (names[2], self.source.clone()),
            (names[3], self.r#type.clone()),
            (names[4], self.time.to_string()),
        ];
        if let Some(subject) = &self.subject {
            headers.push((names[5], subject.clone()));
        }
        crate::topic::Encoded {
            headers,
            body: self.data.clone(),
        }
    }

    /// Reads an event whose attributes are headers with a prefix.
    pub fn decode<'h>(
        prefix: &'static str,
        header: &dyn Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<Self, crate::topic::PayloadError> {
        let names = names(prefix);
        let wrong = |name, problem: String| crate::topic::PayloadError::Attribute { name, problem };
        let needed = |name| header(name).ok_or_else(|| wrong(name, "is absent".to_owned()));
        let version = needed(names[0])?;
        if version != "1.0" {
            return Err(wrong(names[0], format!("is {version:?}, not \"1.0\"")));
        }
        let time = needed(names[4])?;
        Ok(Self {
            id: needed(names[1])?.to_owned(),
            source: needed(names[2])?.to_owned(),
            r#type: needed(names[3])?.to_owned(),
            subject: header(names[5]).map(str::to_owned),
            time: time
                .parse()
                .map_err(|e: crate::time::TimestampError| wrong(names[4], e.to_string()))?,
            content_type: header(crate::header::CONTENT_TYPE)
                .unwrap_or("application/octet-stream")
                .to_owned(),
            data: Bytes::copy_from_slice(body),
        })
    }
}

/// The attributes: the header on NATS and HTTP, the header in Kafka, and what it holds.
pub(crate) const ATTRIBUTES: [(&str, &str, &str); 6] = [
    ("ce-specversion", "ce_specversion", "`1.0`"),
    ("ce-id", "ce_id", "Unique together with the source."),
    (
        "ce-source",
        "ce_source",
        "Where it happened: `/<node>/<device>`.",
    ),
    (
        "ce-type",
        "ce_type",
        "What kind of event it is, in reverse DNS notation, such as `dev.umec.door.opened`.",
    ),
    ("ce-time", "ce_time", "When it happened (RFC 3339)."),
    (
        "ce-subject",
        "ce_subject",
        "What in the source it is about; may be absent.",
    ),
];

/// The headers' names in the order of [`ATTRIBUTES`], for a prefix.
fn names(prefix: &str) -> [&'static str; 6] {
    if prefix == "ce_" {
        ATTRIBUTES.map(|(_, kafka, _)| kafka)
    } else {
        ATTRIBUTES.map(|(bus, _, _)| bus)
    }
}
