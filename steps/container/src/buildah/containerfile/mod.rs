//! Which images a Containerfile reads, and the text that buildah is given in its place.
//!
//! Two programs that read one text never read it alike, so buildah gets no text that a tenant wrote: it gets what was
//! understood here, an instruction a line, without comments and continuations, each image and stage by the name that
//! was looked at. What could be read in another way, and what cannot be resolved, is an error.

mod error;
mod expand;
mod flags;
mod lines;

use std::collections::BTreeMap;

pub(crate) use self::error::ContainerfileError;
use self::error::short;
use self::expand::{expand, unquoted};
use self::flags::Instruction;
use super::reference::ImageName;

/// What a Containerfile asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Asked {
    /// Images that are not built by an earlier stage, in order, each once.
    pub(crate) images: Vec<ImageName>,
    /// What to build: the same instructions in a form that has one meaning.
    pub(crate) text: String,
}

/// Reads a Containerfile; `given` are the values of its arguments.
pub(crate) fn read(text: &str, given: &BTreeMap<String, String>) -> Result<Asked, ContainerfileError> {
    let mut reader = Reader { given, asked: Asked::default(), global: BTreeMap::new(), stages: Vec::new() };
    for (line, text) in lines::instructions(text)? {
        let written = reader.instruction(&text, line)?;
        reader.asked.text.push_str(&written);
        reader.asked.text.push('\n');
    }
    if reader.stages.is_empty() { Err(ContainerfileError::NoFrom) } else { Ok(reader.asked) }
}

/// What is known in front of an instruction.
struct Reader<'a> {
    given: &'a BTreeMap<String, String>,
    asked: Asked,
    /// Values in the scope in front of the first FROM, the only one that FROM sees.
    global: BTreeMap<String, Option<String>>,
    /// Names in lower case.
    stages: Vec<Option<String>>,
}

impl Reader<'_> {
    /// Reads one instruction; gives what to write in its place.
    fn instruction(&mut self, text: &str, line: usize) -> Result<String, ContainerfileError> {
        let one = Instruction::of(text, line)?;
        let mut flags = Vec::new();
        for (name, value) in &one.flags {
            let value = if *name == "--from" { self.other(value, line)? } else { (*value).to_owned() };
            flags.push(format!("{name}={value}"));
        }
        match one.keyword {
            "ARG" => self.argument(one.rest, line)?,
            "FROM" => {
                let rest = self.stage(one.rest, line)?;
                return Ok(one.written(&flags, &rest));
            }
            "ONBUILD" => {
                let inner = Instruction::of(one.rest, line)?;
                if matches!(inner.keyword, "FROM" | "ONBUILD" | "MAINTAINER") {
                    return Err(ContainerfileError::syntax(line, text));
                }
                let rest = self.instruction(one.rest, line)?;
                return Ok(one.written(&[], &rest));
            }
            _ => {}
        }
        Ok(one.written(&flags, one.rest))
    }

    fn argument(&mut self, rest: &str, line: usize) -> Result<(), ContainerfileError> {
        for word in rest.split_whitespace().filter(|_| self.stages.is_empty()) {
            let (name, default) = word.split_once('=').map_or((word, None), |(n, d)| (n, Some(d)));
            let default = default.map(|text| expand(unquoted(text), &self.global, line)).transpose()?;
            self.global.insert(name.to_owned(), self.given.get(name).cloned().or(default));
        }
        Ok(())
    }

    /// `IMAGE` or `IMAGE AS NAME` behind FROM.
    fn stage(&mut self, rest: &str, line: usize) -> Result<String, ContainerfileError> {
        let syntax = || ContainerfileError::syntax(line, &format!("FROM {rest}"));
        let mut words = rest.split_whitespace();
        let image = expand(unquoted(words.next().ok_or_else(syntax)?), &self.global, line)?;
        let named = match (words.next(), words.next(), words.next()) {
            (Some(word), Some(name), None) if word.eq_ignore_ascii_case("as") => Some(name.to_lowercase()),
            (None, None, None) => None,
            _ => return Err(syntax()),
        };
        // A stage is found by its name before an image is, so its name must be none that an image could have.
        if named.as_ref().is_some_and(|name| !is_stage(name)) {
            return Err(syntax());
        }
        let image = self.image(&image, line)?;
        let written = named.as_ref().map_or_else(|| image.clone(), |name| format!("{image} AS {name}"));
        self.stages.push(named);
        Ok(written)
    }

    /// What `--from=` names: an earlier stage by name or number, or an image.
    fn other(&mut self, name: &str, line: usize) -> Result<String, ContainerfileError> {
        let earlier = self.stages.len().saturating_sub(1);
        match name.parse::<usize>() {
            Ok(index) if index < earlier => Ok(index.to_string()),
            _ => self.image(name, line),
        }
    }

    /// The name to build with; an image that no stage makes is one that is asked for.
    fn image(&mut self, image: &str, line: usize) -> Result<String, ContainerfileError> {
        let stage = image.to_lowercase();
        if stage == "scratch" || self.stages.iter().flatten().any(|known| *known == stage) {
            return Ok(stage);
        }
        let name: ImageName =
            image.parse().map_err(|reason| ContainerfileError::Name { line, name: short(image), reason })?;
        let written = name.to_string();
        if !self.asked.images.contains(&name) {
            self.asked.images.push(name);
        }
        Ok(written)
    }
}

/// A letter, then letters, digits and `-_.`.
fn is_stage(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
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
                    COPY --from=tools /t /t\n";
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
            "docker-daemon:x:latest",
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
                // Joined without a space.
                format!("FROM scratch\nCOPY --fr\\\nom={name} / /"),
                format!("FROM scratch\nCO\\\nPY --from=\\\n{name} / /"),
                // A comment ends the directives for some and not for others.
                format!("# c\n# escape=`\nFROM scratch\nCOPY \\\n--from={name} / /"),
                format!("# c\n# escape=`\nFROM scratch\nRUN echo `\nCOPY --from={name} / /"),
                // A mark of the byte order.
                format!("\u{feff}FROM {name}"),
                format!("\u{feff}# escape=`\nFROM scratch\nCOPY `\n--from={name} / /"),
                // Quotes and escapes inside of flags.
                format!("FROM scratch\nCOPY --fr\\om={name} / /"),
                format!("FROM scratch\nCOPY --\"from\"={name} / /"),
                format!("FROM scratch\nCOPY --from='{name}' / /"),
                format!("FROM scratch\nRUN --mount=type=bind,\"from={name}\",target=/x true"),
                format!("ARG X={name}\nFROM scratch\nARG X\nCOPY --from=${{X}} / /"),
                // Spaces that only some take for spaces.
                format!("FROM scratch\nCOPY\u{a0}--from={name} / /"),
                format!("FROM scratch\nCOPY\u{b}--from={name} / /"),
                format!("FROM scratch\nRUN true\rCOPY --from={name} / /"),
                // A stage of the same name.
                format!("FROM scratch AS {name}\nFROM scratch\nCOPY --from={name} / /"),
                format!("FROM scratch AS {}\nFROM scratch\nCOPY --from={name} / /", name.to_uppercase()),
            ] {
                assert!(images(&text, &[]).is_err(), "{text}");
            }
        }
    }

    #[test]
    fn buildah_is_given_what_was_understood_and_nothing_else() {
        let text = "\u{feff}# syntax=x\narg BASE\n\nFROM ${BASE} As Build\nRUN  echo  \\\n  # c\n  a \\\n&& b\n\
                    FROM debian\nCOPY  --from=BUILD   --chown=1:1 [\"a\", \"b\"]\nCOPY --fr\\\nom=0 c d\n\
                    ONBUILD COPY --from=debian:12 e f\nCMD [\"x\"]";
        let given = BTreeMap::from([("BASE".to_owned(), "localhost/base".to_owned())]);
        let expected = "ARG BASE\nFROM localhost/base:latest AS build\nRUN echo    a && b\n\
                        FROM docker.io/library/debian:latest\nCOPY --from=build --chown=1:1 [\"a\", \"b\"]\n\
                        COPY --from=0 c d\nONBUILD COPY --from=docker.io/library/debian:12 e f\nCMD [\"x\"]\n";
        let written = read(text, &given).unwrap().text;
        assert_eq!(written, expected);
        assert_eq!(read(&written, &given).unwrap().text, written);
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
        for text in
            ["FROM", "FROM a b c", "FROM ${", "FROM ${a?b}", "FROM scratch\nONBUILD FROM x", "FROM x AS 0"]
        {
            assert!(images(text, &[]).is_err(), "{text}");
        }
    }
}
