//! Which images a Containerfile reads: as much of its grammar as that takes, and no more.
//!
//! Every line counts as an instruction, also in a here-document, and what cannot be resolved is an error: nothing
//! may be read that nobody looked at.

use std::collections::{BTreeMap, BTreeSet};

use super::reference::{ImageName, NameError};

/// Why the images cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ContainerfileError {
    #[error("line {line}: `{name}` {reason}")]
    Name { line: usize, name: String, reason: NameError },
    #[error("line {line}: the variable `{variable}` in `{text}` has no value")]
    NoValue { line: usize, variable: String, text: String },
    #[error("line {line}: `{text}` cannot be read")]
    Syntax { line: usize, text: String },
    #[error("it has no FROM")]
    NoFrom,
}

/// What a Containerfile asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Asked {
    /// Images that are not built by an earlier stage, in order, each once.
    pub(crate) images: Vec<ImageName>,
    /// Names of all `ARG`s, wherever they stand.
    pub(crate) args: BTreeSet<String>,
}

/// Reads a Containerfile; `given` are the values of its arguments.
pub(crate) fn read(text: &str, given: &BTreeMap<String, String>) -> Result<Asked, ContainerfileError> {
    let mut asked = Asked::default();
    // Values in the scope in front of the first FROM, the only one that FROM sees.
    let mut global: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut stages: Vec<Option<String>> = Vec::new();
    for (line, instruction) in instructions(text) {
        let (keyword, rest) = instruction.split_once(char::is_whitespace).unwrap_or((&instruction, ""));
        match keyword.to_ascii_uppercase().as_str() {
            "ARG" => {
                for word in rest.split_whitespace() {
                    let (name, default) = word.split_once('=').map_or((word, None), |(n, d)| (n, Some(d)));
                    asked.args.insert(name.to_owned());
                    if stages.is_empty() {
                        let default =
                            default.map(|text| expand(unquoted(text), &global, line)).transpose()?;
                        global.insert(name.to_owned(), given.get(name).cloned().or(default));
                    }
                }
            }
            "FROM" => {
                let mut words = rest.split_whitespace().filter(|word| !word.starts_with("--"));
                let image = words
                    .next()
                    .ok_or_else(|| ContainerfileError::Syntax { line, text: short(&instruction) })?;
                let image = expand(unquoted(image), &global, line)?;
                let named = match (words.next(), words.next()) {
                    (Some(word), Some(name)) if word.eq_ignore_ascii_case("as") => Some(name.to_lowercase()),
                    (None, None) => None,
                    _ => return Err(ContainerfileError::Syntax { line, text: short(&instruction) }),
                };
                add(&mut asked, &stages, &image, line)?;
                stages.push(named);
            }
            // `ONBUILD` and whatever else may carry one of these inside.
            _ => {
                for image in other_images(rest) {
                    let all = given.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect();
                    let image = expand(unquoted(image), &all, line)?;
                    if image.parse::<usize>().is_ok_and(|index| index < stages.len()) {
                        continue;
                    }
                    add(&mut asked, &stages, &image, line)?;
                }
            }
        }
    }
    if stages.is_empty() { Err(ContainerfileError::NoFrom) } else { Ok(asked) }
}

fn add(
    asked: &mut Asked,
    stages: &[Option<String>],
    image: &str,
    line: usize,
) -> Result<(), ContainerfileError> {
    let is_stage = stages.iter().flatten().any(|stage| *stage == image.to_lowercase());
    if is_stage || image == "scratch" {
        return Ok(());
    }
    let name =
        image.parse().map_err(|reason| ContainerfileError::Name { line, name: short(image), reason })?;
    if !asked.images.contains(&name) {
        asked.images.push(name);
    }
    Ok(())
}

/// What `COPY --from=…`, `ADD --from=…` and `RUN --mount=…,from=…` name.
fn other_images(rest: &str) -> impl Iterator<Item = &str> {
    rest.split_whitespace().filter(|word| word.starts_with("--")).flat_map(|flag| {
        let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
        let from = (name == "--from").then_some(value);
        let mounts =
            (name == "--mount").then(|| value.split(',').filter_map(|part| part.strip_prefix("from=")));
        from.into_iter().chain(mounts.into_iter().flatten())
    })
}

/// Logical lines with the number of their first line: comments gone, continuations joined.
fn instructions(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let escape = escape_character(text);
    let mut open: Option<(usize, String)> = None;
    for (index, raw) in text.lines().enumerate() {
        let trimmed = raw.trim();
        if trimmed.starts_with('#') || (trimmed.is_empty() && open.is_none()) {
            continue;
        }
        let (number, mut joined) = open.take().unwrap_or((index + 1, String::new()));
        if let Some(part) = trimmed.strip_suffix(escape) {
            joined.push_str(part);
            joined.push(' ');
            open = Some((number, joined));
        } else {
            joined.push_str(trimmed);
            found.push((number, joined.trim().to_owned()));
        }
    }
    found.extend(open.map(|(number, joined)| (number, joined.trim().to_owned())));
    found
}

/// The escape character, which a directive in the first comment lines may change.
fn escape_character(text: &str) -> char {
    text.lines()
        .map_while(|line| line.trim().strip_prefix('#'))
        .find_map(|directive| {
            let (name, value) = directive.split_once('=')?;
            name.trim().eq_ignore_ascii_case("escape").then(|| value.trim().chars().next())?
        })
        .unwrap_or('\\')
}

/// Puts values for `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME-default}`.
fn expand(
    text: &str,
    values: &BTreeMap<String, Option<String>>,
    line: usize,
) -> Result<String, ContainerfileError> {
    let syntax = || ContainerfileError::Syntax { line, text: short(text) };
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (body, after) = match rest.strip_prefix('{') {
            Some(inner) => {
                let end = inner.find('}').ok_or_else(syntax)?;
                (&inner[..end], &inner[end + 1..])
            }
            None => rest.split_at(rest.find(|c: char| !is_name(c)).unwrap_or(rest.len())),
        };
        rest = after;
        let end = body.find(|c: char| !is_name(c)).unwrap_or(body.len());
        let (name, operator) = body.split_at(end);
        let value = values.get(name).cloned().flatten();
        let value = match operator {
            "" => value,
            _ => match (operator.strip_prefix(":-"), operator.strip_prefix('-')) {
                (Some(default), _) => {
                    value.filter(|value| !value.is_empty()).or_else(|| Some(default.to_owned()))
                }
                (None, Some(default)) => value.or_else(|| Some(default.to_owned())),
                (None, None) => return Err(syntax()),
            },
        };
        out.push_str(&value.ok_or_else(|| ContainerfileError::NoValue {
            line,
            variable: name.to_owned(),
            text: short(text),
        })?);
    }
    out.push_str(rest);
    Ok(out)
}

const fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn unquoted(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

fn short(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(text: &str, args: &[(&str, &str)]) -> Result<Vec<String>, ContainerfileError> {
        let args = args.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        read(text, &args).map(|asked| asked.images.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn stages_are_no_images_and_arguments_are_put_in() {
        let text = "# syntax=x\nARG BASE\nARG GO=golang:1.22\n\nFROM ${GO} AS Build\nRUN true \\\n  # a comment\n  && true\n\
                    FROM $BASE\nCOPY --from=build /a /a\nCOPY --from=0 /b /b\nCOPY --from=quay.io/x/y:1 /c /c\n\
                    RUN --mount=type=bind,from=tools,target=/t true\n";
        let found = images(text, &[("BASE", "localhost/base:latest")]).unwrap();
        assert_eq!(
            found,
            [
                "docker.io/library/golang:1.22",
                "localhost/base:latest",
                "quay.io/x/y:1",
                "docker.io/library/tools:latest"
            ]
        );
    }

    #[test]
    fn a_file_of_the_host_is_no_image() {
        for name in [
            "oci:/etc",
            "oci-archive:/var/x.tar",
            "docker-archive:x",
            "dir:/x",
            "containers-storage:x",
            "docker://x",
        ] {
            for text in [
                format!("FROM {name}"),
                format!("FROM scratch\nCOPY --from={name} / /"),
                format!("FROM scratch\nRUN --mount=type=bind,from={name},target=/x true"),
                format!("FROM scratch\nRUN cat <<E\nE\nONBUILD COPY --from={name} / /"),
                format!("# escape=`\nFROM `\n{name}"),
            ] {
                assert!(images(&text, &[]).is_err(), "{text}");
            }
        }
    }

    #[test]
    fn defaults_hold_where_nothing_is_given() {
        assert_eq!(images("ARG A=x\nFROM ${A:-y}", &[]).unwrap(), ["docker.io/library/x:latest"]);
        assert_eq!(images("FROM ${A:-y}", &[]).unwrap(), ["docker.io/library/y:latest"]);
        assert_eq!(images("ARG A=x\nFROM $A", &[("A", "z")]).unwrap(), ["docker.io/library/z:latest"]);
        let error = images("FROM scratch\nFROM ${NO}", &[]).unwrap_err();
        assert_eq!(error.to_string(), "line 2: the variable `NO` in `${NO}` has no value");
    }

    #[test]
    fn what_is_no_containerfile_is_refused() {
        assert_eq!(images("", &[]), Err(ContainerfileError::NoFrom));
        for text in ["FROM", "FROM a b c", "FROM ${", "FROM ${a?b}"] {
            assert!(images(text, &[]).is_err(), "{text}");
        }
    }
}
