//! The functions of the language: names, arity, types. How they compute stands in `eval`.

use serde::{Deserialize, Serialize};
use vocab::Type;

macro_rules! functions {
    ($($(#[doc = $doc:literal])+ $function:ident $name:literal $least:literal..=$most:literal => $ty:expr;)+) => {
        /// A function that expressions may call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Function { $($(#[doc = $doc])+ $function,)+ }

        impl Function {
            /// Every function, in the order of the reference.
            pub const ALL: &[Self] = &[$(Self::$function,)+];

            /// How it is written.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$function => $name,)+ }
            }

            /// How many arguments it takes, at least and at most.
            pub const fn arity(self) -> (usize, usize) {
                match self { $(Self::$function => ($least, $most),)+ }
            }

            /// The type of what it gives.
            pub fn ty(self) -> Type {
                match self { $(Self::$function => $ty,)+ }
            }
        }
    };
}

functions! {
    /// `short(text)`: the first twelve characters of a commit or a digest, its algorithm left out.
    Short "short" 1..=1 => Type::String;
    /// `len(value)`: characters of a text, items of a list, entries of a map.
    Len "len" 1..=1 => Type::Integer;
    /// `contains(whole, part)`: a part of a text, an item of a list, a key of a map.
    Contains "contains" 2..=2 => Type::Boolean;
    /// `starts_with(text, start)`.
    StartsWith "starts_with" 2..=2 => Type::Boolean;
    /// `ends_with(text, end)`.
    EndsWith "ends_with" 2..=2 => Type::Boolean;
    /// `format(pattern, value, …)`: each `{}` of the pattern becomes the next value; `{{` and `}}` are braces.
    Format "format" 1..=16 => Type::String;
    /// `join(list, between)`: the items as one text.
    Join "join" 2..=2 => Type::String;
    /// `lower(text)`.
    Lower "lower" 1..=1 => Type::String;
    /// `upper(text)`.
    Upper "upper" 1..=1 => Type::String;
    /// `string(value)`: a number or a boolean as text.
    String "string" 1..=1 => Type::String;
    /// `integer(value)`: a text of digits, or a number without a fraction, as a whole number.
    Integer "integer" 1..=1 => Type::Integer;
}

impl Function {
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|function| function.name() == name)
    }
}

/// Splits a pattern at its `{}`. `None` when a brace stands alone.
pub(crate) fn split_pattern(pattern: &str) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        match (character, rest.peek()) {
            ('{', Some('}')) => {
                rest.next();
                parts.push(String::new());
            }
            ('{', Some('{')) | ('}', Some('}')) => {
                rest.next();
                parts.last_mut()?.push(character);
            }
            ('{' | '}', _) => return None,
            _ => parts.last_mut()?.push(character),
        }
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_splits_at_its_places() {
        assert_eq!(split_pattern("a{}-{{{}}}"), Some(vec!["a".into(), "-{".into(), "}".into()]));
        assert_eq!(split_pattern("a{"), None);
        assert_eq!(split_pattern("}"), None);
    }
}
