//! A log that remembers.

use std::sync::{Mutex, MutexGuard};

use engine_ports::{LogStream, Progress, StepLog};

/// Keeps every line, masked as the real log masks.
#[derive(Default)]
pub struct CollectingLog(Mutex<State>);

#[derive(Default)]
struct State {
    lines: Vec<String>,
    masked: Vec<String>,
}

impl CollectingLog {
    /// All lines so far, one text.
    pub fn text(&self) -> String {
        self.lock().lines.join("\n")
    }

    /// The secrets that are masked from now on.
    pub fn masked(&self) -> Vec<String> {
        self.lock().masked.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds this")
    }
}

impl StepLog for CollectingLog {
    fn line(&self, _stream: LogStream, text: &str) {
        let mut state = self.lock();
        let masked = state.masked.iter().fold(text.to_owned(), |line, secret| line.replace(secret, "***"));
        state.lines.push(masked);
    }

    fn progress(&self, _progress: Progress) {}

    fn mask(&self, secret: &str) {
        if !secret.is_empty() {
            self.lock().masked.push(secret.to_owned());
        }
    }
}
