//! The forms of numbers and texts. The parser knows more of them than the language: the same value is written in one
//! way only, so that whoever reads a gate need not know whether `010` is eight or ten.

use super::guard::end_of_text;

/// A literal in a form that the language does not have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OddForm {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// Checks every number and every text of an expression whose texts all end.
pub(crate) fn check(characters: &[char]) -> Result<(), OddForm> {
    let mut at = 0;
    // Whether the character before belongs to a name or stands behind a dot: then digits are no number.
    let mut inside = false;
    while let Some(&character) = characters.get(at) {
        if character == '"' {
            let end = end_of_text(characters, at).unwrap_or(characters.len());
            text(characters, at, end)?;
            at = end;
            inside = false;
        } else if character.is_ascii_digit() && !inside {
            at = number(characters, at)?;
            inside = true;
        } else {
            inside = is_word(character) || character == '.';
            at += 1;
        }
    }
    Ok(())
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The end of the number at `start`: digits, perhaps with a fraction.
fn number(characters: &[char], start: usize) -> Result<usize, OddForm> {
    let word = |from: usize| from + characters[from..].iter().take_while(|c| is_word(**c)).count();
    let digit = |at: usize| characters.get(at).is_some_and(char::is_ascii_digit);
    let mut end = word(start);
    let whole = end;
    if characters.get(end) == Some(&'.') && digit(end + 1) {
        end = word(end + 1);
    }
    let exponent = matches!(characters[end - 1], 'e' | 'E');
    if exponent && matches!(characters.get(end), Some('+' | '-')) && digit(end + 1) {
        end = word(end + 1);
    }
    let written: String = characters[start..end].iter().collect();
    let plain = written.chars().all(|c| c.is_ascii_digit() || c == '.');
    let leading_zero = characters[start] == '0' && whole > start + 1;
    if plain && !leading_zero {
        return Ok(end);
    }
    let value = value(&written);
    let help = value.map_or_else(
        || "a number is written in decimal digits, perhaps with a fraction: `255`, `0.5`".to_owned(),
        |value| format!("write it in decimal digits: `{value}`"),
    );
    let message = format!("`{written}` is no form of a number that expressions have");
    Err(OddForm { start, end, message, help })
}

/// The number in the form that the language has, where it is plain which one is meant.
fn value(written: &str) -> Option<String> {
    let digits = written.replace('_', "").to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = digits.strip_prefix(prefix) {
            return i64::from_str_radix(digits, radix).ok().map(|number| number.to_string());
        }
    }
    // Some read `010` as eight.
    if digits.starts_with('0') && digits.len() > 1 && !digits.starts_with("0.") {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(digits);
    }
    let number: f64 = digits.parse().ok().filter(|number: &f64| number.is_finite())?;
    Some(format!("{number:?}")).filter(|text| !text.contains('e'))
}

/// The text from the quote at `start` to `end`.
fn text(characters: &[char], start: usize, end: usize) -> Result<(), OddForm> {
    let help = "the escapes are `\\\"`, `\\\\`, `\\n`, `\\r`, `\\t` and `\\u` with four hexadecimal digits; any other character stands for itself";
    let mut at = start + 1;
    while at + 1 < end {
        let next = characters[at + 1];
        let length = match (characters[at], next) {
            ('\\', '"' | '\\' | 'n' | 'r' | 't') => 2,
            ('\\', 'u') if code_unit(characters, at + 2) => 6,
            ('\\', _) => {
                let message = format!("`\\{next}` is no escape that texts have");
                return Err(OddForm { start: at, end: at + 2, message, help: help.to_owned() });
            }
            ('"', _) => {
                let message = "a quote in a text is written `\\\"`, not twice".to_owned();
                return Err(OddForm { start: at, end: at + 2, message, help: help.to_owned() });
            }
            _ => 1,
        };
        at += length;
    }
    Ok(())
}

/// Whether four hexadecimal digits of a character stand there.
fn code_unit(characters: &[char], at: usize) -> bool {
    let digits: String = characters[at..].iter().take(4).collect();
    let number = Some(digits).filter(|digits| digits.len() == 4 && !digits.starts_with('+'));
    number.and_then(|digits| u32::from_str_radix(&digits, 16).ok()).and_then(char::from_u32).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), OddForm> {
        check(&text.chars().collect::<Vec<_>>())
    }

    #[test]
    fn decimal_numbers_and_simple_escapes_are_the_forms() {
        for text in [
            "0",
            "10",
            "0.05",
            "-12.5",
            "a1 + b_2",
            "inputs.list[0].x2",
            "1..3",
            "10.5.5",
            "f(1,2.5)",
            "é1",
            "\"\"",
            "\"0xff 1_000 007\"",
            r#""\"\\\n\r\t\u00e9\u2192""#,
            r#"f("", "")"#,
            r#""a\\" + "b""#,
        ] {
            assert_eq!(checked(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn other_numbers_are_refused_with_the_number_to_write() {
        for (text, written, help) in [
            ("a == 0xff", "0xff", "`255`"),
            ("0XFF", "0XFF", "`255`"),
            ("0o17", "0o17", "`15`"),
            ("0b11", "0b11", "`3`"),
            ("1_000 + 1", "1_000", "`1000`"),
            ("1e3", "1e3", "`1000.0`"),
            ("1.5e-2", "1.5e-2", "`0.015`"),
            ("2E+1", "2E+1", "`20.0`"),
            ("1e300", "1e300", "`0.5`"),
            ("007", "007", "`0.5`"),
            ("00.5", "00.5", "`0.5`"),
            ("1.0x5", "1.0x5", "`0.5`"),
            ("1a", "1a", "`0.5`"),
            ("0x", "0x", "`0.5`"),
            ("1_", "1_", "`1`"),
        ] {
            let odd = checked(text).unwrap_err();
            let found: String = text.chars().skip(odd.start).take(odd.end - odd.start).collect();
            assert_eq!(found, written, "{text}");
            assert!(odd.help.contains(help), "{text}: {}", odd.help);
        }
    }

    #[test]
    fn other_escapes_are_refused_where_they_stand() {
        for (text, place) in [
            (r#""a\x41""#, 2),
            (r#""\U0001F600""#, 1),
            (r#""\u12""#, 1),
            (r#""\ud800""#, 1),
            (r#""\'""#, 1),
            (r#""\0""#, 1),
            (r#""a""b""#, 2),
            (r#"a + "\z" + "\x41""#, 5),
        ] {
            let odd = checked(text).unwrap_err();
            assert_eq!((odd.start, odd.end), (place, place + 2), "{text}");
        }
    }
}
