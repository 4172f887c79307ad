//! What a script says about its results: `NAME=value` lines, or one JSON object.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use engine_ports::ActionError;
use steps_kit::io_failed;
use vocab::StepPath;

/// Bytes of the file: an event has room for no more.
const BYTES: u64 = 48 * 1024;

/// Reads the file. One that the script removed or never wrote is no result; one that is too large is an error.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, String>, ActionError> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(ActionError::permanent("$FACTORY_OUTPUTS is no longer a file")),
        Err(_) => return Ok(BTreeMap::new()),
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io_failed("open", path))?;
    file.take(BYTES + 1).read_to_end(&mut bytes).map_err(io_failed("read", path))?;
    if bytes.len() as u64 > BYTES {
        return Err(ActionError::permanent(format!(
            "the script wrote more than {BYTES} bytes to $FACTORY_OUTPUTS"
        ))
        .help("put files into the folder `output_path`"));
    }
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Result<BTreeMap<String, String>, ActionError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ActionError::permanent(format!("$FACTORY_OUTPUTS holds no text: {error}")))?;
    let values = if text.trim_start().starts_with('{') { json(text)? } else { lines(text)? };
    match values.keys().find(|name| !StepPath::is_name(name)) {
        Some(name) => {
            Err(ActionError::permanent(format!("the script gave a value the name `{}`", name.escape_debug()))
                .help("names begin with a lower-case letter, then lower-case letters, digits and `_`"))
        }
        None => Ok(values),
    }
}

fn json(text: &str) -> Result<BTreeMap<String, String>, ActionError> {
    serde_json::from_str(text).map_err(|error| {
        ActionError::permanent(format!("$FACTORY_OUTPUTS is no JSON object of texts: {error}"))
            .help("write values as texts: {\"count\": \"3\"}")
    })
}

fn lines(text: &str) -> Result<BTreeMap<String, String>, ActionError> {
    let mut values = BTreeMap::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let Some((name, value)) = line.split_once('=') else {
            return Err(ActionError::permanent(format!(
                "line {} of $FACTORY_OUTPUTS has no `=`",
                number + 1
            ))
            .help("write NAME=value; a value with line ends needs JSON"));
        };
        // As in a shell, a later line wins.
        values.insert(name.trim().to_owned(), value.to_owned());
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_json_say_the_same() {
        let wanted =
            BTreeMap::from([("a".to_owned(), "1 = one".to_owned()), ("b".to_owned(), String::new())]);
        assert_eq!(parse(b"a=0\na=1 = one\n\nb=\n").unwrap(), wanted);
        assert_eq!(parse(br#" {"a": "1 = one", "b": ""}"#).unwrap(), wanted);
        assert_eq!(parse(b"").unwrap(), BTreeMap::new());
    }

    #[test]
    fn what_cannot_be_read_is_an_error_that_helps() {
        for wrong in
            [&b"no sign"[..], b"{\"a\": 1}", b"{", b"A=1", b"=1", b"../x=1", b"\xff=1", b"$artifact=1"]
        {
            assert!(parse(wrong).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
        assert!(parse(b"ok=1\nbroken\n").unwrap_err().message.contains("line 2"));
    }
}
