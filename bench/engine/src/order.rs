//! What the bench asks for, one order a line: `LAYERS WIDTH KIND RUNS LOG KEY`.
//!
//! - `LAYERS` and `WIDTH` are the shape of a run: `40 1` is a chain, `1 1000` a fan-out and a join, `100 100` layers in
//!   which each step needs three of the layer before.
//! - `KIND` is what a step does.
//! - `RUNS` go side by side.
//! - `LOG` is the file to which a step with an effect appends its number and the time, `-` for the others.
//! - `KEY` names the order: after a crash the same key finds the same runs.

use std::path::PathBuf;
use std::str::FromStr;

/// What each step of a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Nothing, within the process.
    Noop,
    /// It appends a line to a file, as an effect: written down before it is made.
    Effect,
    /// It runs `sh -c true`.
    Sh,
    /// It waits for an event that does not come: the order is answered once all runs wait.
    Wait,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) shape: Shape,
    pub(crate) runs: usize,
    pub(crate) log: PathBuf,
    pub(crate) key: String,
}

/// What each run of an order looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    pub(crate) layers: usize,
    pub(crate) width: usize,
    pub(crate) kind: Kind,
}

impl FromStr for Order {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split_whitespace().collect();
        let [layers, width, kind, runs, log, key] = words[..] else {
            return Err(format!("`{line}` is no order: LAYERS WIDTH KIND RUNS LOG KEY"));
        };
        let number = |word: &str| match word.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(format!("`{word}` in `{line}` is no number of things: give 1 or more")),
        };
        let kind = match kind {
            "noop" => Kind::Noop,
            "effect" => Kind::Effect,
            "sh" => Kind::Sh,
            "wait" => Kind::Wait,
            _ => return Err(format!("`{kind}` in `{line}` is no kind: noop, effect, sh, wait")),
        };
        Ok(Self {
            shape: Shape { layers: number(layers)?, width: number(width)?, kind },
            runs: number(runs)?,
            log: log.into(),
            key: key.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_six_words() {
        let order: Order = "40 1 effect 100 /tmp/log k1\n".parse().unwrap();
        assert_eq!(order.shape, Shape { layers: 40, width: 1, kind: Kind::Effect });
        assert_eq!((order.runs, order.key.as_str()), (100, "k1"));
        for wrong in ["", "40 1 noop 1 -", "0 1 noop 1 - k", "40 1 nap 1 - k"] {
            wrong.parse::<Order>().unwrap_err();
        }
    }
}
