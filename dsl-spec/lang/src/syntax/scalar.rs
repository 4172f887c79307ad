//! Where each character of a text stands in the file, in quoted, folded and indented texts too.

use super::{ScalarForm, Span};

/// Maps characters of a text to bytes of the file.
pub(crate) struct ScalarMap {
    /// The byte of each character, and the byte after the last one.
    offsets: Vec<u32>,
    whole: Span,
}

impl ScalarMap {
    /// Aligns `text` with the bytes of `source` in `span`. Where both do not fit together (they always should),
    /// every character stands for the whole span.
    pub(crate) fn new(source: &str, span: Span, text: &str, form: ScalarForm) -> Self {
        let raw = source.get(span.start as usize..span.end as usize).unwrap_or("");
        let skip = match form {
            // `|-` and what follows on its line is no part of the text.
            ScalarForm::Block if raw.starts_with(['|', '>']) => raw.find('\n').map_or(raw.len(), |at| at + 1),
            _ => 0,
        };
        let mut offsets = Vec::with_capacity(text.len() + 1);
        let mut rest = Cursor { raw, at: skip };
        for character in text.chars() {
            match rest.find(character, form) {
                Some(at) => offsets.push(span.start + u32::try_from(at).unwrap_or(0)),
                None => return Self { offsets: Vec::new(), whole: span },
            }
        }
        offsets.push(span.start + u32::try_from(rest.at).unwrap_or(0));
        Self { offsets, whole: span }
    }

    /// The place of the characters from `start` up to but not including `end`.
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        let Some(first) = self.offsets.get(start) else { return self.whole };
        match end.checked_sub(1).filter(|last| *last >= start).and_then(|last| self.offsets.get(last..=end)) {
            // The next character may stand on another line; the last one is one step before it only on its own.
            Some([last, next]) => Span::new(*first, (*next).min(last + 4).max(last + 1)),
            _ => Span::new(*first, *first),
        }
    }
}

struct Cursor<'a> {
    raw: &'a str,
    at: usize,
}

impl Cursor<'_> {
    /// Moves behind the next place that stands for `character` and gives its start.
    fn find(&mut self, character: char, form: ScalarForm) -> Option<usize> {
        loop {
            let here = self.at;
            let rest = self.raw.get(here..)?;
            let next = rest.chars().next()?;
            self.at += next.len_utf8();
            if form == ScalarForm::DoubleQuoted && next == '\\' {
                if self.escape(rest) {
                    return Some(here);
                }
                continue;
            }
            if next == character {
                if form == ScalarForm::SingleQuoted && next == '\'' {
                    // The opening quote stands alone; a quote in the text is doubled.
                    if here == 0 || !rest[1..].starts_with('\'') {
                        continue;
                    }
                    self.at += 1;
                }
                return Some(here);
            }
            let folded = character == ' ' && matches!(next, '\n' | '\r');
            if folded {
                return Some(here);
            }
            let quote = here == 0 && matches!(next, '"' | '\'');
            if !quote && !next.is_whitespace() {
                return None;
            }
        }
    }

    /// Moves behind an escape; `false` when it stands for nothing, as a backslash at the end of a line does.
    fn escape(&mut self, rest: &str) -> bool {
        let Some(kind) = rest[1..].chars().next() else { return true };
        let digits = match kind {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        let length = 1 + kind.len_utf8() + digits;
        self.at += length.min(rest.len()) - 1;
        while !self.raw.is_char_boundary(self.at) {
            self.at += 1;
        }
        !matches!(kind, '\n' | '\r')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place<'a>(source: &'a str, text: &str, form: ScalarForm, part: &str) -> &'a str {
        let map = ScalarMap::new(source, Span::new(0, u32::try_from(source.len()).unwrap()), text, form);
        let start = text[..text.find(part).unwrap()].chars().count();
        let span = map.span(start, start + part.chars().count());
        &source[span.start as usize..span.end as usize]
    }

    #[test]
    fn parts_of_a_text_are_found_however_it_is_written() {
        assert_eq!(place("a b\n   c", "a b c", ScalarForm::Plain, "c"), "c");
        assert_eq!(place("'it''s é x'", "it's é x", ScalarForm::SingleQuoted, "x"), "x");
        assert_eq!(place(r#""a\n\u00e9 \" x""#, "a\né \" x", ScalarForm::DoubleQuoted, "x"), "x");
        assert_eq!(place("|-\n    one\n      two\n", "one\n  two", ScalarForm::Block, "two"), "two");
        assert_eq!(place(">\n    one\n    two\n", "one two\n", ScalarForm::Block, "two"), "two");
        assert_eq!(place("é\r\n  ü", "é ü", ScalarForm::Plain, "ü"), "ü");
    }
}
