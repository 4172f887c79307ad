//! A diagnostic as people read it: message, place, the lines of the file, help.

use std::fmt::Write as _;

use super::{Diagnostic, Location, Severity};
use crate::SourceFile;

/// Characters of a line that are shown; of a longer line, a window around the place.
const WIDTH: usize = 100;

struct Palette {
    error: &'static str,
    warning: &'static str,
    frame: &'static str,
    bold: &'static str,
    off: &'static str,
}

const PLAIN: Palette = Palette { error: "", warning: "", frame: "", bold: "", off: "" };
const COLOURED: Palette = Palette {
    error: "\x1b[1;31m",
    warning: "\x1b[1;33m",
    frame: "\x1b[1;34m",
    bold: "\x1b[1m",
    off: "\x1b[0m",
};

impl Diagnostic {
    /// The diagnostic with an excerpt of the file, without colours.
    pub fn render(&self, source: &SourceFile) -> String {
        self.draw(source, &PLAIN)
    }

    /// The same with colours for a terminal.
    pub fn render_coloured(&self, source: &SourceFile) -> String {
        self.draw(source, &COLOURED)
    }

    fn draw(&self, source: &SourceFile, ink: &Palette) -> String {
        let accent = if self.severity == Severity::Error { ink.error } else { ink.warning };
        let Palette { frame, bold, off, .. } = ink;
        let last = self.labels.iter().map(|label| label.span.line).fold(self.span.line, usize::max);
        let gutter = " ".repeat(last.to_string().len());
        let bar = format!("{gutter} {frame}|{off}");
        let mut out = String::new();
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            out,
            "{accent}{}[{}]{off}{bold}: {}{off}",
            self.severity.name(),
            self.code.name(),
            visible(&self.message)
        );
        let _ = writeln!(
            out,
            "{gutter}{frame}-->{off} {}:{}:{}",
            visible(&self.file),
            self.span.line,
            self.span.column
        );
        let _ = writeln!(out, "{bar}");
        let mut places: Vec<_> = vec![(self.span, accent, '^', "")];
        places.extend(self.labels.iter().map(|label| (label.span, *frame, '-', label.text.as_str())));
        places.sort_by_key(|(span, ..)| (span.line, span.column));
        let mut shown = 0;
        for (span, colour, mark, text) in places {
            let (line, before, width) = excerpt(source, &span);
            if shown != span.line {
                let number = format!("{:>1$}", span.line, gutter.len());
                let _ = writeln!(out, "{frame}{number} |{off} {line}");
                shown = span.line;
            }
            let pad = " ".repeat(before);
            let marks: String = std::iter::repeat_n(mark, width).collect();
            let end = if text.is_empty() { String::new() } else { format!(" {}", visible(text)) };
            let _ = writeln!(out, "{bar} {pad}{colour}{marks}{end}{off}");
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "{bar}");
            for (index, line) in help.lines().enumerate() {
                let lead = if index == 0 { "= help:" } else { "       " };
                let _ = writeln!(out, "{gutter} {frame}{lead}{off} {}", visible(line));
            }
        }
        out
    }
}

/// The shown part of a line, the columns before the place, and the columns of the place: at least one.
fn excerpt(source: &SourceFile, span: &Location) -> (String, usize, usize) {
    let line = source.line(span.line);
    let length = line.chars().count();
    let column = (span.column - 1).min(length);
    let end = if span.end_line == span.line { span.end_column - 1 } else { length }.clamp(column, length);
    let first = if length <= WIDTH { 0 } else { column.saturating_sub(WIDTH / 3) };
    let window: String = line.chars().skip(first).take(WIDTH).map(visible_character).collect();
    let (lead, tail) = (if first > 0 { "…" } else { "" }, if first + WIDTH < length { "…" } else { "" });
    let before = column - first + lead.chars().count();
    let width = (end - column).clamp(1, (WIDTH - (column - first)).max(1));
    (format!("{lead}{window}{tail}"), before, width)
}

/// Control characters of a hostile file must not reach a terminal.
const fn visible_character(character: char) -> char {
    match character {
        '\t' => ' ',
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            '\u{fffd}'
        }
        other => other,
    }
}

fn visible(text: &str) -> String {
    text.chars().map(visible_character).collect()
}
