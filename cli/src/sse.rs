//! Server-sent events (WHATWG HTML section 9.2.6) out of bytes as they arrive. Pure.

/// The longest line that is kept; the rest of a longer one is dropped. The edge API's are far shorter.
const LONGEST_LINE: usize = 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sent {
    /// What to send as `Last-Event-ID` to go on after it.
    pub id: String,
    /// What kind of event it is; `message` where it does not say.
    pub event: String,
    /// What it carries.
    pub data: String,
}

/// Turns bytes into events.
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    last_id: String,
    event: String,
    data: Option<String>,
}

// === impl Decoder ===

impl Decoder {
    /// Takes bytes and gives the events that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Sent> {
        let mut sent = Vec::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (part, after) = rest.split_at(end);
            self.extend(part);
            rest = after.get(1..).unwrap_or_default();
            let line = std::mem::take(&mut self.line);
            sent.extend(self.take(&String::from_utf8_lossy(&line)));
        }
        self.extend(rest);
        sent
    }

    fn extend(&mut self, part: &[u8]) {
        let room = LONGEST_LINE.saturating_sub(self.line.len());
        self.line.extend(part.iter().take(room));
    }

    fn take(&mut self, line: &str) -> Option<Sent> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return self.data.take().map(|data| Sent {
                id: self.last_id.clone(),
                event: if event.is_empty() {
                    "message".to_owned()
                } else {
                    event
                },
                data,
            });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => value.clone_into(&mut self.last_id),
            "event" => value.clone_into(&mut self.event),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // Comments keep connections alive; other fields are to be passed over.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent(id: &str, event: &str, data: &str) -> Sent {
        Sent {
            id: id.to_owned(),
            event: event.to_owned(),
            data: data.to_owned(),
        }
    }

    const TEXT: &str =
        ": hello\n\nid: 7\nevent: readings\ndata: {\"a\":\ndata: 1}\n\ndata:x\r\n\r\nid: 8\n\n";

    fn expected() -> Vec<Sent> {
        vec![
            sent("7", "readings", "{\"a\":\n1}"),
            sent("7", "message", "x"),
        ]
    }

    #[test]
    fn events_are_told_when_they_are_complete() {
        assert_eq!(Decoder::default().push(TEXT.as_bytes()), expected());
        assert_eq!(Decoder::default().push(b"data: half\n"), []);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_bytes_are_cut(at in 0..TEXT.len()) {
            let (first, second) = TEXT.as_bytes().split_at(at);
            let mut decoder = Decoder::default();
            let mut events = decoder.push(first);
            events.extend(decoder.push(second));
            prop_assert_eq!(events, expected());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            Decoder::default().push(&bytes);
        }
    }
}
