//! Looks at the characters of an expression before any parser does: length, nesting, what is no part of the
//! language. So hostile text cannot make the parser recurse.

use super::{DEEPEST, LONGEST};

/// Why a text is not handed to the parser: the character at which it fails, and a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too long, or nested too deeply.
    TooLarge(usize, String),
    /// Something the language does not have.
    NotHere(usize, &'static str),
    /// A text that does not end.
    OpenText(usize),
}

/// Walks over characters and knows whether it stands inside a text.
struct Walk<'a> {
    characters: &'a [char],
    at: usize,
}

impl Walk<'_> {
    /// The next character outside texts, with its position. `Err` is the start of a text that does not end.
    fn next(&mut self) -> Result<Option<(usize, char)>, usize> {
        let Some(&character) = self.characters.get(self.at) else { return Ok(None) };
        let start = self.at;
        self.at =
            if character == '"' { end_of_text(self.characters, start).ok_or(start)? } else { start + 1 };
        Ok(Some((start, character)))
    }
}

/// The position after the text that begins with the quote at `start`.
pub(crate) fn end_of_text(characters: &[char], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match characters.get(at)? {
            '\\' => at += 2,
            '"' if characters.get(at + 1) == Some(&'"') => at += 2,
            '"' => return Some(at + 1),
            '\n' | '\r' => return None,
            _ => at += 1,
        }
    }
}

/// Checks that the parser may see `characters`.
pub(crate) fn guard(characters: &[char]) -> Result<(), Refusal> {
    if characters.len() > LONGEST {
        let message = format!("an expression has at most {LONGEST} characters");
        return Err(Refusal::TooLarge(LONGEST, message));
    }
    let mut walk = Walk { characters, at: 0 };
    let mut nesting = 0_usize;
    let mut previous = ' ';
    while let Some((at, character)) = walk.next().map_err(Refusal::OpenText)? {
        match character {
            '(' | '[' | '{' => {
                if character == '{' && previous != '#' {
                    return Err(Refusal::NotHere(at, "a map is written `#{ key: value }`"));
                }
                nesting += 1;
                if nesting > DEEPEST {
                    let message = format!("an expression nests at most {DEEPEST} levels");
                    return Err(Refusal::TooLarge(at, message));
                }
            }
            ')' | ']' | '}' => nesting = nesting.saturating_sub(1),
            '\'' | '`' => return Err(Refusal::NotHere(at, "texts stand in double quotes: \"text\"")),
            // The parser knows raw texts, `#"a"#`. They end where this walk does not see it, so none gets there.
            '#' if matches!(characters.get(at + 1), Some('"' | '#')) => {
                return Err(Refusal::NotHere(at, "texts stand in double quotes, without `#`: \"text\""));
            }
            '#' if characters.get(at + 1) != Some(&'{') => {
                return Err(Refusal::NotHere(at, "`#` only begins a map, `#{ key: value }`"));
            }
            ';' => return Err(Refusal::NotHere(at, "an expression is one value, without statements")),
            '/' | '*' if previous == '/' => {
                return Err(Refusal::NotHere(at - 1, "comments stand in the YAML, behind `#`"));
            }
            '@' | '$' | '~' | '\\' => return Err(Refusal::NotHere(at, "this character means nothing here")),
            other if other.is_control() && !matches!(other, '\n' | '\r' | '\t') => {
                return Err(Refusal::NotHere(at, "this character means nothing here"));
            }
            _ => {}
        }
        previous = character;
    }
    Ok(())
}

/// The position of the `}}` that closes an expression that begins at `start`.
pub(crate) fn end_of_expression(characters: &[char], start: usize) -> Option<usize> {
    let mut walk = Walk { characters, at: start };
    let mut open = 0_usize;
    while let Ok(Some((at, character))) = walk.next() {
        match character {
            '{' => open += 1,
            '}' if open > 0 => open -= 1,
            '}' if characters.get(at + 1) == Some(&'}') => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn characters(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn braces_in_texts_and_maps_do_not_close_an_expression() {
        for text in [r#" "}}" }}"#, r" #{a: #{b: 1}} }}", r#" "a\"}}" }}"#] {
            assert_eq!(end_of_expression(&characters(text), 0), Some(text.chars().count() - 2), "{text}");
        }
        assert_eq!(end_of_expression(&characters("inputs.x }"), 0), None);
    }

    #[test]
    fn a_hash_begins_a_map_and_nothing_else() {
        for (text, at) in [
            ("#", 0),
            ("#\"a\"#", 0),
            ("##\"a\"##", 0),
            ("# {a: 1}", 0),
            ("1 + #a", 4),
            ("#!", 0),
            ("[#{a: 1}, #\"}\"#]", 10),
        ] {
            let refusal = guard(&characters(text)).unwrap_err();
            assert!(matches!(refusal, Refusal::NotHere(found, _) if found == at), "{text}: {refusal:?}");
        }
        assert_eq!(guard(&characters("#{a: #{}}")), Ok(()));
        assert_eq!(guard(&characters("\"#\" + \"##\"")), Ok(()));
    }

    #[test]
    fn nesting_and_length_are_bounded_before_parsing() {
        assert!(matches!(guard(&characters(&"(".repeat(100))), Err(Refusal::TooLarge(..))));
        assert!(matches!(guard(&characters(&"a".repeat(5000))), Err(Refusal::TooLarge(..))));
        assert!(matches!(guard(&characters("'a'")), Err(Refusal::NotHere(0, _))));
        assert_eq!(guard(&characters("\"a")), Err(Refusal::OpenText(0)));
        assert_eq!(guard(&characters(r#"f("' ; `", [1])"#)), Ok(()));
    }
}
