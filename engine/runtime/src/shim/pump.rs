//! Carries a tool's output into the log, line by line, without ever holding more than a bounded line.

use std::io;

use engine_ports::{LogStream, StepLog};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes read at once.
const CHUNK: usize = 32 * 1024;

/// Cuts bytes into lines. A line longer than the bound keeps its beginning; the rest of it is dropped.
#[derive(Debug)]
pub(super) struct Lines {
    bound: usize,
    line: Vec<u8>,
}

impl Lines {
    /// `bound` is well above what the log keeps of a line, so that the log can mask before it cuts.
    pub(super) const fn new(bound: usize) -> Self {
        Self { bound, line: Vec::new() }
    }

    /// Takes `bytes` and hands out each line that is complete now.
    pub(super) fn take(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.keep(&rest[..end]);
            self.give(&mut line);
            rest = &rest[end + 1..];
        }
        self.keep(rest);
    }

    /// Hands out what is left without a line end.
    pub(super) fn finish(mut self, mut line: impl FnMut(&str)) {
        if !self.line.is_empty() {
            self.give(&mut line);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.bound - self.line.len();
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn give(&mut self, line: &mut impl FnMut(&str)) {
        let text = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        line(&String::from_utf8_lossy(text));
        self.line.clear();
    }
}

/// The last lines of a stream, at most so many bytes.
#[derive(Debug)]
pub(super) struct Tail {
    bound: usize,
    text: String,
}

impl Tail {
    pub(super) const fn new(bound: usize) -> Self {
        Self { bound, text: String::new() }
    }

    /// Adds a line; drops lines from the front while there are too many.
    pub(super) fn line(&mut self, line: &str) {
        let mut end = line.len().min(self.bound / 2);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        self.text.push_str(&line[..end]);
        self.text.push('\n');
        while self.text.len() > self.bound {
            let first = self.text.find('\n').map_or(self.text.len(), |end| end + 1);
            self.text.drain(..first);
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text.trim_end().to_owned()
    }
}

/// Reads `from` to its end into the log; gives the tail.
pub(super) async fn to_log(
    mut from: impl AsyncRead + Unpin,
    stream: LogStream,
    log: &dyn StepLog,
    line_bound: usize,
    tail_bound: usize,
) -> io::Result<Tail> {
    let mut lines = Lines::new(line_bound);
    let mut tail = Tail::new(tail_bound);
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = from.read(&mut chunk).await?;
        let mut write = |line: &str| {
            log.line(stream, line);
            if tail.bound > 0 {
                tail.line(line);
            }
        };
        if count == 0 {
            lines.finish(write);
            return Ok(tail);
        }
        lines.take(&chunk[..count], &mut write);
    }
}

/// Reads `from` to its end; `None` as soon as it is longer than `limit`.
pub(super) async fn to_bytes(mut from: impl AsyncRead + Unpin, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = from.read(&mut chunk).await?;
        if count == 0 {
            return Ok(Some(bytes));
        }
        if bytes.len() + count > limit {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(bound: usize, parts: &[&[u8]]) -> Vec<String> {
        let mut found = Vec::new();
        let mut lines = Lines::new(bound);
        for part in parts {
            lines.take(part, |line| found.push(line.to_owned()));
        }
        lines.finish(|line| found.push(line.to_owned()));
        found
    }

    #[test]
    fn a_line_split_over_reads_is_one_line() {
        assert_eq!(split(100, &[b"one\ntw", b"o", b"\r\nthree"]), ["one", "two", "three"]);
    }

    #[test]
    fn an_endless_line_is_held_in_bounded_memory() {
        let long = [b'x'; 4096];
        let found = split(10, &[&long, &long, b"\nnext\n"]);
        assert_eq!(found, ["xxxxxxxxxx", "next"]);
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_the_log() {
        assert_eq!(split(100, &[b"a\xffb\n"]), ["a\u{fffd}b"]);
    }

    #[test]
    fn the_tail_keeps_the_last_lines() {
        let mut tail = Tail::new(20);
        for line in ["first line", "second", "third"] {
            tail.line(line);
        }
        assert_eq!(tail.into_text(), "second\nthird");
    }
}
