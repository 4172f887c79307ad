//! Flags of instructions: only those that are known, and only in a form that no program reads in another way.

use super::error::{ContainerfileError, short};

/// An instruction, cut up.
#[derive(Debug)]
pub(super) struct Instruction<'a> {
    pub(super) keyword: &'static str,
    /// In order: `--name` and its value.
    pub(super) flags: Vec<(&'a str, &'a str)>,
    /// What follows the flags.
    pub(super) rest: &'a str,
}

/// Every instruction with the flags that it may have.
const KNOWN: [(&str, &[&str]); 18] = [
    ("ADD", &["--chown", "--chmod"]),
    ("ARG", &[]),
    ("CMD", &[]),
    ("COPY", &["--from", "--chown", "--chmod"]),
    ("ENTRYPOINT", &[]),
    ("ENV", &[]),
    ("EXPOSE", &[]),
    ("FROM", &["--platform"]),
    ("HEALTHCHECK", &["--interval", "--timeout", "--start-period", "--retries"]),
    ("LABEL", &[]),
    ("MAINTAINER", &[]),
    ("ONBUILD", &[]),
    ("RUN", &[]),
    ("SHELL", &[]),
    ("STOPSIGNAL", &[]),
    ("USER", &[]),
    ("VOLUME", &[]),
    ("WORKDIR", &[]),
];

impl<'a> Instruction<'a> {
    /// Cuts up `text`, which stands in `line`.
    pub(super) fn of(text: &'a str, line: usize) -> Result<Self, ContainerfileError> {
        let (word, mut rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let known = KNOWN.iter().find(|(keyword, _)| keyword.eq_ignore_ascii_case(word));
        let Some((keyword, allowed)) = known else {
            return Err(ContainerfileError::Instruction { line, word: short(word) });
        };
        let mut flags = Vec::new();
        loop {
            rest = rest.trim();
            if !rest.starts_with("--") {
                break;
            }
            let (flag, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
            flags.push(checked(keyword, allowed, flag, line)?);
            rest = after;
        }
        let own_files = matches!(*keyword, "ADD" | "COPY" | "RUN");
        if let Some(word) = rest.split_whitespace().find(|word| own_files && is_here_document(word)) {
            return Err(ContainerfileError::HereDocument { line, text: short(word) });
        }
        Ok(Self { keyword, flags, rest })
    }

    /// In one line, as every program reads it.
    pub(super) fn written(&self, flags: &[String], rest: &str) -> String {
        let words = std::iter::once(self.keyword).chain(flags.iter().map(String::as_str));
        words.chain(std::iter::once(rest)).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

fn checked<'a>(
    keyword: &'static str,
    allowed: &[&str],
    flag: &'a str,
    line: usize,
) -> Result<(&'a str, &'a str), ContainerfileError> {
    // buildah 1.28 follows links out of the container (CVE-2024-1753), and removes the whole root after a mount of
    // `type=tmpfs`.
    if keyword == "RUN" && flag.starts_with("--mount") {
        return Err(ContainerfileError::Mount { line, flag: short(flag) });
    }
    if !flag.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./:@,=+-".contains(&b)) {
        return Err(ContainerfileError::FlagText { line, flag: short(flag) });
    }
    let unknown = || ContainerfileError::Flag { line, keyword, flag: short(flag) };
    let (name, value) = flag.split_once('=').filter(|(_, value)| !value.is_empty()).ok_or_else(unknown)?;
    if !allowed.contains(&name) {
        return Err(unknown());
    }
    Ok((name, value))
}

/// `<<EOF`, `3<<-"EOF"`.
fn is_here_document(word: &str) -> bool {
    let after = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<");
    let name = after.map(|name| name.strip_prefix('-').unwrap_or(name).trim_matches(['"', '\'']));
    name.is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_are_not_known_or_can_be_misread_are_refused() {
        for text in [
            "COPY --fr\\om=x / /",
            "COPY \"--from\"=x --from=\"x\" / /",
            "COPY --from=$X / /",
            "COPY --from / /",
            "COPY --from= / /",
            "COPY -- --from=x /",
            "COPY\u{a0}--link=true / /",
            "ADD --from=x / /",
            "RUN --security=insecure true",
            "RUN --network=host true",
            "RUN --device=/dev/x true",
            "USER --x",
            "FRO\\M x",
            "\"FROM\" x",
            "INCLUDE x",
        ] {
            let refused = Instruction::of(text, 1);
            assert!(refused.is_err() || refused.is_ok_and(|one| one.rest.starts_with('"')), "{text}");
        }
        assert!(Instruction::of("COPY --from=x --chown=1:1\t--chmod=0755 a b", 1).is_ok());
        assert!(Instruction::of("HEALTHCHECK --interval=5m CMD --x", 1).is_ok());
    }

    #[test]
    fn nothing_is_mounted() {
        for mount in [
            "=type=bind,source=/,target=/x",
            "=type=bind,from=tools,target=/x",
            "=type=cache,target=/x",
            "=type=secret,id=x",
            "=type=tmpfs,target=/x",
            "=\"type=bind\",target=$X",
            "",
        ] {
            let text = format!("RUN --mount{mount} true");
            let error = Instruction::of(&text, 3).unwrap_err();
            assert!(matches!(error, ContainerfileError::Mount { line: 3, .. }), "{text}: {error}");
        }
    }

    #[test]
    fn a_here_document_is_told_from_a_shift_and_a_quoted_script() {
        for text in ["RUN cat <<EOF", "RUN cat 3<<-'E'", "COPY <<\"a.txt\" /x"] {
            let error = Instruction::of(text, 1).unwrap_err();
            assert!(matches!(error, ContainerfileError::HereDocument { .. }), "{text}");
        }
        for text in ["RUN echo $((1<<2)) $(( 1 << 2 ))", "RUN cat <<<x", r"RUN bash -c $'cat <<E\nx\nE\n'"] {
            assert!(Instruction::of(text, 1).is_ok(), "{text}");
        }
    }
}
