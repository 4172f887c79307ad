//! The table of codes: `IF0001`, whether it is an error, its title, its page. A code is never used again for
//! something else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Severity;

macro_rules! codes {
    ($($code:ident $variant:ident $severity:ident $title:literal;)+) => {
        /// A kind of problem. Its name (`IF0001`) is stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            /// Every code, in the order of the numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The stable name: `IF0001`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($code),)+ }
            }

            /// The title of its page.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// Whether a file with it fails to compile.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// Its page, in Markdown.
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$variant => include_str!(concat!("../../../codes/", stringify!($code), ".md")),)+
                }
            }
        }
    };
}

codes! {
    IF0001 FileTooLarge Error "the file is too large";
    IF0002 NotText Error "the file is not UTF-8 text";
    IF0003 NotYaml Error "the file is not YAML";
    IF0004 Empty Error "the file is empty";
    IF0005 TooDeep Error "nested too deeply";
    IF0006 TooManyNodes Error "too many values once aliases are expanded";
    IF0007 BadAlias Error "an alias refers to itself";
    IF0008 DuplicateKey Error "a key stands twice";
    IF0009 MergeKey Error "merge keys are not part of the language";
    IF0010 Tag Error "tags are not part of the language";
    IF0011 SeveralDocuments Error "more than one document in a file";
    IF0012 KeyNotText Error "a key is not a text";
    IF0013 WrongShape Error "a different kind of value belongs here";
    IF0014 UnknownKey Error "unknown key";
    IF0015 MissingKey Error "a key is missing";
    IF0016 UnknownVersion Error "unknown `apiVersion` or `kind`";
    IF0017 BadName Error "not a valid name";
    IF0018 NameTaken Error "a name is used twice";
    IF0019 BadDuration Error "not a duration";
    IF0020 BadValue Error "a value outside what is allowed";
    IF0021 BadPattern Error "not a valid pattern";
    IF0022 BadActionRef Error "not the name of an action";
    IF0023 UnknownType Error "unknown type of an input";
    IF0024 BadDefault Error "a default that does not fit its type";
    IF0025 ContradictoryInput Error "an input that contradicts itself";
    IF0026 PushCannotGive Error "a push cannot give a required input";
    IF0027 UnknownAction Error "unknown action";
    IF0028 UnknownActionVersion Error "unknown version of an action";
    IF0029 UnknownActionInput Error "the action has no such input";
    IF0030 MissingActionInput Error "an input of the action is missing";
    IF0031 WrongType Error "a value of the wrong type";
    IF0032 HostIsolation Error "execution on the host without trust";
    IF0033 IsolationNotLiteral Error "the isolation must be written out";
    IF0034 UnknownStep Error "unknown step";
    IF0035 UnknownOutput Error "unknown output of a step";
    IF0036 UnknownInput Error "unknown input of the workflow";
    IF0037 UnknownReference Error "unknown name in an expression";
    IF0038 NotAvailable Error "not available in this place";
    IF0039 SelfNeed Error "a step needs itself";
    IF0040 Cycle Error "steps need each other in a circle";
    IF0041 PivotOrder Error "a step beside the pivot";
    IF0042 FinallyEffects Error "a `finally` step with effects that would have to be undone";
    IF0043 BadExpression Error "not an expression";
    IF0044 ExpressionTooLarge Error "an expression is too large";
    IF0045 NotInExpressions Error "not part of the expression language";
    IF0046 UnknownFunction Error "unknown function or wrong arguments";
    IF0047 UnlikeTypes Error "an operator between types that do not go together";
    IF0048 MaybeNull Error "a value may be null here";
    IF0049 SecretInText Error "a secret inside a text or a comparison";
    IF0050 OpenExpression Error "an expression is not closed";
    IF0051 AlwaysFails Error "an expression that always fails";
    IF0052 TooManySteps Error "too many steps";
    IF0053 ConstantCondition Warning "a condition that is always the same";
    IF0054 UnusedInput Warning "an input is never used";
    IF0055 ImpliedNeed Warning "a need that is already implied";
    IF0056 NeverHolds Warning "a condition that never holds";
    IF0057 NeverNull Warning "a fallback that is never used";
    IF0058 ValueTooLarge Error "more than a step may take or give";
    IF0059 NoEffect Warning "a setting without effect";
    IF0060 OddForm Error "a number or a text in a form that expressions do not have";
    IF0061 Link Error "the file is a symbolic link";
}

impl FromStr for Code {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|code| code.name().eq_ignore_ascii_case(text)).ok_or(())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(|()| serde::de::Error::custom(format!("there is no code `{name}`")))
    }
}

/// The page of a code: what happened, an example, how to mend it.
pub const fn explain(code: Code) -> &'static str {
    code.page()
}
