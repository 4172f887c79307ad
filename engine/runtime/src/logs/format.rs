//! The line format of a log file.

use engine_ports::LogStream;
use serde::{Deserialize, Serialize};
use vocab::Timestamp;

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When it was written.
    pub at: Timestamp,
    /// Where it comes from.
    pub stream: LogStream,
    /// The text, without control characters and secrets.
    pub text: String,
}

impl LogEntry {
    /// The line in the file, with its end.
    pub(super) fn to_line(&self) -> String {
        let stream = match self.stream {
            LogStream::Stdout => 'o',
            LogStream::Stderr => 'e',
            LogStream::Factory => 'f',
        };
        format!("{} {stream} {}\n", self.at.as_millis(), self.text)
    }

    /// Reads a line without its end. `None` when it is none of ours.
    pub(super) fn from_line(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let (millis, rest) = line.split_once(' ')?;
        let (stream, text) = rest.split_once(' ')?;
        let stream = match stream {
            "o" => LogStream::Stdout,
            "e" => LogStream::Stderr,
            "f" => LogStream::Factory,
            _ => return None,
        };
        Some(Self { at: Timestamp::from_millis(millis.parse().ok()?), stream, text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_as_it_was_written() {
        for text in ["", " two  blanks ", "a o b", "ü"] {
            let entry =
                LogEntry { at: Timestamp::from_millis(7), stream: LogStream::Stderr, text: text.to_owned() };
            let line = entry.to_line();
            assert_eq!(LogEntry::from_line(line.trim_end_matches('\n').as_bytes()), Some(entry));
        }
        assert_eq!(LogEntry::from_line(b"1 x text"), None);
    }
}
