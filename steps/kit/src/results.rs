//! What a script says about its results, in the file that `$FACTORY_OUTPUTS` names.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use engine_ports::ActionError;
use nix::fcntl::OFlag;
use vocab::{StepPath, Value};

use crate::io_failed;

/// Bytes of the file. What of it becomes outputs is bounded by the limit `value_bytes`, which is as large by default.
const BYTES: u64 = 1024 * 1024;

const HELP: &str = "write `name=value`; or `name<<WORD`, the lines of the value, and `WORD` alone; or one JSON \
                    object of texts. Names begin with a lower-case letter, then letters, digits and `_`";

/// Reads what a script wrote: `name=value` lines, `name<<WORD` with lines up to `WORD`, or one JSON object of texts.
///
/// The script could put anything in the file's place, so no link is followed and no pipe waited for. A file that
/// is gone says nothing. Blocks for as long as 1 MiB takes.
pub fn read_results(path: &Path) -> Result<BTreeMap<String, Value>, ActionError> {
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        file => {
            file.map_err(|error| ActionError::permanent(format!("cannot read $FACTORY_OUTPUTS: {error}")))?
        }
    };
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return Err(ActionError::permanent("$FACTORY_OUTPUTS is no file any more"));
    }
    let mut bytes = Vec::new();
    file.take(BYTES + 1).read_to_end(&mut bytes).map_err(io_failed("read", path))?;
    if bytes.len() as u64 > BYTES {
        return Err(ActionError::permanent(format!("$FACTORY_OUTPUTS holds more than {BYTES} bytes"))
            .help("have files collected as a tree instead"));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| ActionError::permanent(format!("$FACTORY_OUTPUTS holds no text: {error}")))?;
    let given = if text.trim_start().starts_with('{') { json(text)? } else { lines(text)? };
    if let Some(name) = given.keys().find(|name| !StepPath::is_name(name)) {
        let shown = name.escape_debug();
        return Err(
            ActionError::permanent(format!("$FACTORY_OUTPUTS gives a value the name `{shown}`")).help(HELP)
        );
    }
    Ok(given.into_iter().map(|(name, value)| (name, value.into())).collect())
}

fn json(text: &str) -> Result<BTreeMap<String, String>, ActionError> {
    serde_json::from_str(text).map_err(|error| {
        ActionError::permanent(format!("$FACTORY_OUTPUTS is no JSON object of texts: {error}")).help(HELP)
    })
}

fn lines(text: &str) -> Result<BTreeMap<String, String>, ActionError> {
    let mut given = BTreeMap::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        let refuse = |why: &str| {
            ActionError::permanent(format!("line {} of $FACTORY_OUTPUTS {why}", index + 1)).help(HELP)
        };
        // Whichever sign comes first: a value may hold the other.
        let (name, value) = match (line.split_once('='), line.split_once("<<")) {
            (Some((name, value)), _) if !name.contains("<<") => (name, value.to_owned()),
            (_, Some((name, word))) => {
                let word = word.trim();
                let mut value = Vec::new();
                loop {
                    match lines.next() {
                        None => return Err(refuse("begins a value that does not end")),
                        Some((_, end)) if end.trim() == word => break,
                        Some((_, part)) => value.push(part),
                    }
                }
                (name, value.join("\n"))
            }
            _ => return Err(refuse("has no `=`")),
        };
        // As in a shell, a later value wins.
        given.insert(name.trim().to_owned(), value);
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<BTreeMap<String, Value>, ActionError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outputs");
        std::fs::write(&path, text).unwrap();
        read_results(&path)
    }

    #[test]
    fn lines_blocks_and_json_say_the_same() {
        let wanted =
            BTreeMap::from([("a".to_owned(), "1 = <<one".into()), ("b".to_owned(), "x\n\ny=".into())]);
        assert_eq!(read(b"a=0\na=1 = <<one\n\nb<<END\nx\n\ny=\nEND\n").unwrap(), wanted);
        assert_eq!(read(br#" {"a": "1 = <<one", "b": "x\n\ny="}"#).unwrap(), wanted);
        assert_eq!(read(b"").unwrap(), BTreeMap::new());
    }

    #[test]
    fn what_cannot_be_read_is_an_error_that_helps() {
        for wrong in [
            &b"no sign"[..],
            b"{\"a\": 1}",
            b"{",
            b"A=1",
            b"=1",
            b"../x=1",
            b"\xff=1",
            b"$artifact=1",
            b"a<<END\nx\n",
            &vec![b'x'; 50_000],
        ] {
            let error = read(wrong).unwrap_err();
            assert_eq!(error.class, vocab::ErrorClass::Permanent);
        }
        assert!(read(b"ok=1\nbroken\n").unwrap_err().message.contains("line 2"));
    }

    #[test]
    fn a_link_or_a_pipe_in_its_place_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outputs");
        assert_eq!(read_results(&path).unwrap(), BTreeMap::new());
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(read_results(&path).is_err());
        std::fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(read_results(&path).is_err());
    }
}
