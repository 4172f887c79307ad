//! A file to compile: its name, its text, and the way from bytes to lines and columns.

use crate::{Location, Span};

/// A workflow file in memory.
#[derive(Debug, Clone)]
pub struct SourceFile {
    name: String,
    text: String,
    line_starts: Vec<usize>,
    invalid_at: Option<usize>,
    bytes: u64,
}

impl SourceFile {
    /// A file with that name (used in messages only) and text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let bytes = text.len() as u64;
        Self { name: name.into(), text, line_starts, invalid_at: None, bytes }
    }

    /// A file of any bytes. What is not UTF-8 is remembered and reported by `compile`.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Self {
        let invalid_at = std::str::from_utf8(bytes).err().map(|error| error.valid_up_to());
        Self { invalid_at, ..Self::new(name, String::from_utf8_lossy(bytes)) }
    }

    /// Says how many bytes the whole file has of which this is the start.
    #[must_use]
    pub fn cut_from(self, bytes: u64) -> Self {
        Self { bytes: bytes.max(self.bytes), ..self }
    }

    /// How many bytes the file has.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The name for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text; where the bytes were no UTF-8, it holds replacement characters.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first byte that is not UTF-8.
    pub(crate) const fn invalid_at(&self) -> Option<usize> {
        self.invalid_at
    }

    /// The text of line `number`, counted from 1, without its line break; empty past the end.
    pub(crate) fn line(&self, number: usize) -> &str {
        let start = number.checked_sub(1).and_then(|index| self.line_starts.get(index));
        let end = self.line_starts.get(number).copied().unwrap_or(self.text.len());
        start.and_then(|start| self.text.get(*start..end)).unwrap_or("").trim_end_matches(['\n', '\r'])
    }

    /// Lines and columns of a range. Both ends are moved into the file and onto whole characters.
    pub fn locate(&self, span: Span) -> Location {
        let start = self.whole_character(span.start);
        let end = self.whole_character(span.end).max(start);
        let (line, column) = self.position(start);
        let (end_line, end_column) = self.position(end);
        Location { line, column, end_line, end_column, start, end }
    }

    fn whole_character(&self, offset: u32) -> usize {
        let mut offset = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts[line - 1];
        (line, self.text[start..offset].chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_not_bytes() {
        let file = SourceFile::new("f", "äö: x\r\nü\n");
        let at = file.locate(Span::new(6, 7));
        assert_eq!((at.line, at.column, at.end_column), (1, 5, 6));
        assert_eq!(file.locate(Span::new(9, 9)).line, 2);
        assert_eq!(file.line(1), "äö: x");
    }

    #[test]
    fn a_range_outside_the_file_is_moved_into_it() {
        let file = SourceFile::new("f", "ä");
        let at = file.locate(Span::new(1, 900));
        assert_eq!((at.start, at.end), (0, 2));
    }
}
