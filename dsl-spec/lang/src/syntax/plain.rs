//! What an unquoted scalar means, by the core schema of YAML 1.2: `on`, `yes` and `no` are texts.

use vocab::Value;

use super::{Scalar, ScalarForm};

impl Scalar {
    /// The value that stands there. Quoted and block scalars are texts.
    pub(crate) fn value(&self) -> Value {
        if self.form == ScalarForm::Plain {
            match self.text.as_str() {
                "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
                "true" | "True" | "TRUE" => return Value::Bool(true),
                "false" | "False" | "FALSE" => return Value::Bool(false),
                text => {
                    if let Some(number) = integer(text).or_else(|| fraction(text)) {
                        return number;
                    }
                }
            }
        }
        Value::String(self.text.clone())
    }

    /// What stands there, in words.
    pub(crate) fn describe(&self) -> String {
        match self.value() {
            Value::Null => "nothing".to_owned(),
            Value::String(text) => format!("the text `{}`", cut(&text)),
            other => format!("the {} `{}`", other.kind(), cut(&self.text)),
        }
    }
}

/// The start of a text, short enough for a message.
pub(crate) fn cut(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST).chain(['…']).collect()
}

fn integer(text: &str) -> Option<Value> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x', rest @ ..] if rest.iter().all(u8::is_ascii_hexdigit) => (&text[2..], 16),
        [b'0', b'o', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => (&text[2..], 8),
        _ => (text, 10),
    };
    i64::from_str_radix(digits, radix).ok().map(Value::Integer)
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, where it is finite.
fn fraction(text: &str) -> Option<Value> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let starts = body.strip_prefix('.').unwrap_or(body).starts_with(|c: char| c.is_ascii_digit());
    let shaped = body.contains(['.', 'e', 'E'])
        && body.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'));
    if !starts || !shaped {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Value {
        Scalar { text: text.to_owned(), form: ScalarForm::Plain }.value()
    }

    #[test]
    fn on_and_no_are_texts() {
        for text in
            ["on", "no", "yes", "off", "y", "n", "0x", "1e999", "12e", "1_000", "0b1", "99999999999999999999"]
        {
            assert_eq!(plain(text), Value::from(text), "{text}");
        }
    }

    #[test]
    fn numbers_follow_the_core_schema() {
        assert_eq!(plain("0x1F"), Value::Integer(31));
        assert_eq!(plain("0o17"), Value::Integer(15));
        assert_eq!(plain("-12"), Value::Integer(-12));
        assert_eq!(plain("1.10"), Value::Number(1.1));
        assert_eq!(plain(".5e1"), Value::Number(5.0));
        assert_eq!(Scalar { text: "12".into(), form: ScalarForm::SingleQuoted }.value(), Value::from("12"));
    }
}
