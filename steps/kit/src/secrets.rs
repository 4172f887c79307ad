//! Keeping secrets out of logs.

use engine_ports::{SecretText, StepLog};

/// Shorter lines of a secret of several lines would mask half of every log.
const SHORTEST_LINE: usize = 8;

/// From now on the log masks this secret, as a whole and line by line.
pub fn mask(log: &dyn StepLog, secret: &SecretText) {
    let text = secret.expose().trim();
    if !text.is_empty() {
        log.mask(text);
    }
    text.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE).for_each(|line| log.mask(line));
}
