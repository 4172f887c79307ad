//! What a script says by writing to `$FACTORY_OUTPUTS`.

use std::collections::BTreeMap;

use engine_ports::ActionError;
use vocab::{StepPath, Value};

/// The largest file of outputs, in bytes. What is larger belongs into `collect`.
pub(super) const OUTPUTS_BYTES: u64 = 64 * 1024;

/// Reads `name=value` lines, and `name<<WORD` with the lines up to `WORD` alone. Empty lines are passed over.
pub(super) fn read(text: &str) -> Result<BTreeMap<String, Value>, ActionError> {
    let mut found = BTreeMap::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        let refuse = |why: &str| {
            ActionError::permanent(format!("line {} of $FACTORY_OUTPUTS {why}", index + 1))
                .help("write `name=value`, or `name<<WORD`, the lines of the value, and `WORD` alone")
        };
        // Whichever comes first: a value may hold the other.
        let (name, value) = match (line.find('='), line.find("<<")) {
            (Some(equals), here) if here.is_none_or(|here| equals < here) => {
                (&line[..equals], line[equals + 1..].to_owned())
            }
            (_, Some(here)) => {
                let word = line[here + 2..].trim();
                if word.is_empty() {
                    return Err(refuse("names no word that ends the value"));
                }
                let mut value = Vec::new();
                loop {
                    match lines.next() {
                        None => return Err(refuse("begins a value that never ends")),
                        Some((_, end)) if end.trim() == word => break,
                        Some((_, part)) => value.push(part),
                    }
                }
                (&line[..here], value.join("\n"))
            }
            _ => return Err(refuse("has no `=`")),
        };
        let name = name.trim();
        if !StepPath::is_name(name) {
            return Err(refuse(&format!("has the name `{name}`; use lower-case letters, digits and `_`")));
        }
        found.insert(name.to_owned(), value.into());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(given: &str, name: &str) -> String {
        read(given).unwrap()[name].as_str().unwrap().to_owned()
    }

    #[test]
    fn values_are_taken_as_they_are_and_the_last_one_counts() {
        assert_eq!(text("a=1\n\na= 2 = <<3\n", "a"), " 2 = <<3");
        assert_eq!(text("list<<END\nx=1\n\ny\nEND\nb=2", "list"), "x=1\n\ny");
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn what_says_nothing_is_refused_with_its_line() {
        for (given, line) in [
            ("a=1\nword", "line 2"),
            ("A=1", "line 1"),
            ("a<<", "line 1"),
            ("\na<<E\nx", "line 2"),
            ("=1", "line 1"),
        ] {
            let error = read(given).unwrap_err();
            assert!(error.message.contains(line), "{given}: {error}");
        }
    }
}
