//! The terminal: results go to standard output, everything else to standard error. Nothing else writes to either.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use owo_colors::{OwoColorize as _, Style};
use serde::Serialize;

use crate::config::Environment;

/// Whether a result could not be written: standard output is one for the whole process.
static OUTPUT_LOST: AtomicBool = AtomicBool::new(false);

/// How the results are to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

/// A meaning that colour underlines; never the only sign of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Busy,
    Quiet,
    Strong,
}

/// Writes to the terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ui {
    out_colour: bool,
    err_colour: bool,
    err_terminal: bool,
}

impl Ui {
    /// Colours only on a terminal, and not where `NO_COLOR` is set.
    pub(crate) fn new(environment: &Environment) -> Self {
        let wanted = environment.get("NO_COLOR").is_none() && environment.get("TERM") != Some("dumb");
        let err_terminal = std::io::stderr().is_terminal();
        Self {
            out_colour: wanted && std::io::stdout().is_terminal(),
            err_colour: wanted && err_terminal,
            err_terminal: err_terminal && environment.get("TERM") != Some("dumb"),
        }
    }

    /// Whether standard error is a terminal that can redraw lines.
    pub(crate) const fn can_redraw(self) -> bool {
        self.err_terminal
    }

    /// Whether results are coloured.
    pub(crate) const fn colours_results(self) -> bool {
        self.out_colour
    }

    /// Whether notes are coloured.
    pub(crate) const fn colours_notes(self) -> bool {
        self.err_colour
    }

    /// A line of the result.
    pub(crate) fn line(self, text: impl Display) {
        self.raw(format!("{text}\n").as_bytes());
    }

    /// Whether all results were written, or whoever reads them wanted no more.
    pub(crate) fn output_is_whole() -> bool {
        !OUTPUT_LOST.load(Ordering::Relaxed)
    }

    /// Bytes of the result, as they are.
    pub(crate) fn raw(self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            // Whoever closed the pipe wants no more; there is nobody left to tell.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            Err(error) if !OUTPUT_LOST.swap(true, Ordering::Relaxed) => {
                self.note(format!("error: the result cannot be written: {error}"));
            }
            _ => {}
        }
    }

    /// The result as JSON.
    pub(crate) fn json(self, value: &impl Serialize) {
        self.line(serde_json::to_string_pretty(value).unwrap_or_default());
    }

    /// A line beside the result: progress, hints.
    #[expect(clippy::unused_self, reason = "who writes must have been handed the terminal")]
    pub(crate) fn note(self, text: impl Display) {
        let mut err = std::io::stderr().lock();
        let _ = writeln!(err, "{text}");
    }

    /// `text` in the colour of `tone`, for results.
    pub(crate) fn paint(self, tone: Tone, text: impl Display) -> String {
        paint(self.out_colour, tone, text)
    }

    /// `text` in the colour of `tone`, for notes.
    pub(crate) fn paint_note(self, tone: Tone, text: impl Display) -> String {
        paint(self.err_colour, tone, text)
    }

    /// Rows in aligned columns; the first row is the head.
    pub(crate) fn table(self, rows: &[Vec<String>]) {
        for (index, line) in columns(rows).into_iter().enumerate() {
            if index == 0 { self.line(self.paint(Tone::Quiet, line)) } else { self.line(line) }
        }
    }
}

fn paint(colour: bool, tone: Tone, text: impl Display) -> String {
    if !colour {
        return text.to_string();
    }
    let style = match tone {
        Tone::Good => Style::new().green(),
        Tone::Bad => Style::new().red().bold(),
        Tone::Busy => Style::new().cyan(),
        Tone::Quiet => Style::new().dimmed(),
        Tone::Strong => Style::new().bold(),
    };
    text.style(style).to_string()
}

fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..count).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells: Vec<_> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}", width = *width))
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

/// Milliseconds as people read them: `840 ms`, `12.3 s`, `4 min 10 s`.
pub(crate) fn took(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1000),
    }
}

/// Bytes as people read them.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = (count.checked_ilog2().unwrap_or(0) / 10).min(4);
    if unit == 0 {
        return format!("{count} B");
    }
    let tenths = count / (1 << (10 * unit - 10)) * 10 / 1024;
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(took(840), "840 ms");
        assert_eq!(took(12_345), "12.3 s");
        assert_eq!(took(250_000), "4 min 10 s");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(u64::MAX).split(' ').next_back(), Some("TiB"));
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".into(), "b".into()], vec!["long".into(), "c".into()]];
        assert_eq!(columns(&rows), ["a     b", "long  c"]);
    }
}
