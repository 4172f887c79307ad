//! Takes out of a line what would drive a terminal.

use std::borrow::Cow;

/// `text` without escape sequences and control characters; tabs stay. A progress bar that rewrites its line with
/// carriage returns comes out as its last state.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c.is_control() && c != '\t') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next_if(|next| matches!(next, '[' | ']')) {
                // CSI: parameters up to a final byte.
                Some('[') => while chars.next().is_some_and(|part| !('\u{40}'..='\u{7e}').contains(&part)) {},
                // OSC: up to BEL or the string terminator.
                Some(_) => {
                    while let Some(part) = chars.next() {
                        if part == '\u{7}' || (part == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                None => {
                    chars.next();
                }
            },
            '\r' if chars.peek().is_some() => out.clear(),
            '\n' => out.push(' '),
            '\t' => out.push('\t'),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_drives_a_terminal_remains() {
        for (text, want) in [
            ("plain\ttext", "plain\ttext"),
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link", "link"),
            ("10%\r50%\r100%", "100%"),
            ("\u{9b}31mc1", "31mc1"),
            ("cut \u{1b}[", "cut "),
            ("a\u{8}\u{0}b", "ab"),
        ] {
            assert_eq!(clean(text), want, "{text:?}");
        }
    }
}
