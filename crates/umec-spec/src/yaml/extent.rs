//! Where the documents of a file begin and end.

/// Where a document stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Extent {
    /// The first byte, and the one after the last.
    pub(super) start: usize,
    pub(super) end: usize,
    /// The lines before it.
    pub(crate) lines_before: usize,
    /// How many documents are before it within these bytes.
    pub(crate) nth: usize,
}

impl Extent {
    /// The text of the document.
    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// Cuts a text before each line that begins with `---`, and after each of `...`: such a line begins or
/// ends a document wherever it stands (YAML 1.2.2 rule 206, `c-forbidden`), so that each part can be
/// read without the others.
pub(crate) fn extents(text: &str) -> Vec<Extent> {
    let mut extents = Vec::new();
    let mut open = Extent {
        start: 0,
        end: 0,
        lines_before: 0,
        nth: 0,
    };
    // What is only comments or directives (%YAML) belongs to the document after it.
    let mut has_content = false;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let next = open.end + line.len();
        if has_content && is_marker(line, "---") {
            extents.push(open);
            open.start = open.end;
            open.lines_before = number;
        }
        open.end = next;
        has_content |= !line.trim().is_empty() && !line.starts_with(['%', '#']);
        if is_marker(line, "...") {
            extents.push(open);
            open.start = next;
            open.lines_before = number + 1;
            has_content = false;
        }
    }
    if open.start < open.end || extents.is_empty() {
        extents.push(open);
    }
    extents
}

fn is_marker(line: &str, marker: &str) -> bool {
    let rest = line.strip_prefix(marker);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_documents_begin() {
        let text = "# one\n---\na: |\n  ---\n--- b\n---x: 1\n...\n%YAML 1.2\n---\n";
        let parts: Vec<_> = extents(text)
            .iter()
            .map(|e| (e.of(text), e.lines_before))
            .collect();
        assert_eq!(
            parts,
            [
                ("# one\n---\na: |\n  ---\n", 0),
                ("--- b\n---x: 1\n...\n", 4),
                ("%YAML 1.2\n---\n", 7)
            ]
        );
        assert_eq!(extents("").len(), 1);
    }
}
