//! The lines of a Containerfile, joined to instructions as buildah joins them.

use super::error::ContainerfileError;

/// The longest instruction, in bytes: buildah reads no longer line.
const LONGEST: usize = 60_000;

/// Each instruction with the number of its first line: comments gone, continuations joined.
///
/// What follows a `\` at the end of a line is joined without a space, so that a word may go on in the next line. A
/// byte order mark in front of the text is dropped.
pub(super) fn instructions(text: &str) -> Result<Vec<(usize, String)>, ContainerfileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    no_escape_directive(text)?;
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, raw) in text.lines().enumerate() {
        let trimmed = raw.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let (number, mut joined) = open.take().unwrap_or((index + 1, String::new()));
        if let Some(part) = raw.trim_end().strip_suffix('\\') {
            joined.push_str(part);
            open = Some((number, joined));
        } else {
            joined.push_str(raw);
            found.push(whole(number, &joined)?);
        }
    }
    if let Some((number, joined)) = open.filter(|(_, joined)| !joined.trim().is_empty()) {
        found.push(whole(number, &joined)?);
    }
    Ok(found)
}

/// The instruction, if it stays one when it stands in a line of its own.
fn whole(line: usize, joined: &str) -> Result<(usize, String), ContainerfileError> {
    let text = joined.trim();
    if text.len() > LONGEST {
        return Err(ContainerfileError::Long { line });
    }
    if text.ends_with('\\') || text.starts_with('#') || text.contains(|c: char| c.is_control() && c != '\t') {
        return Err(ContainerfileError::syntax(line, text));
    }
    Ok((line, text.to_owned()))
}

/// Programs differ in where they look for this directive, so it may stand nowhere in front of the instructions.
fn no_escape_directive(text: &str) -> Result<(), ContainerfileError> {
    let comments = text.lines().map(str::trim).enumerate();
    for (index, line) in comments.take_while(|(_, line)| line.is_empty() || line.starts_with('#')) {
        let directive = line.trim_start_matches('#').split_once('=');
        if directive.is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case("escape")) {
            return Err(ContainerfileError::Escape { line: index + 1 });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuations_are_joined_as_buildah_joins_them() {
        let text = "\u{feff}RUN a \\\n  # c\n\n\tb\\ \t\nc\r\n# d\n  COPY x y\nRUN z \\";
        let found: Vec<_> = instructions(text).unwrap();
        let expected = [(1, "RUN a \tbc"), (7, "COPY x y"), (8, "RUN z")];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn what_would_not_stay_one_line_is_refused() {
        for text in ["RUN a\\\\\n", "RUN a\rCOPY b", "RUN a\u{b}b", "R\\\n\0", "\\\n#\\\n"] {
            let found = instructions(text);
            let is_alone = found.as_ref().is_ok_and(|all| all.iter().all(|(_, one)| !one.ends_with('\\')));
            assert!(found.is_err() || is_alone, "{text:?}: {found:?}");
        }
        assert!(instructions("RUN a\rb").is_err() && instructions("RUN a\u{b}b").is_err());
        assert!(instructions("RUN a\\\\\n").is_err());
        let long = format!("RUN {}", "x".repeat(LONGEST));
        assert_eq!(instructions(&long), Err(ContainerfileError::Long { line: 1 }));
    }

    #[test]
    fn another_escape_character_is_refused_wherever_somebody_may_look_for_it() {
        for text in ["# escape=`\nFROM x", "# c\n#Escape = `\nFROM x", "\u{feff}\n# escape=\\\nFROM x"] {
            assert!(matches!(instructions(text), Err(ContainerfileError::Escape { .. })), "{text}");
        }
        assert!(instructions("FROM x\n# escape=`\nRUN y").is_ok());
    }
}
