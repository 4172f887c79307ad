//! Where the worker itself gets its Debian packages from: the mirror that holds where the operator names none.

use std::fs;
use std::path::Path;

/// A source of binary packages: a base URL and the suites taken from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The base URL, without a slash at its end.
    pub(crate) url: String,
    pub(crate) suites: Vec<String>,
}

/// The sources of the system whose `/etc/apt` is `apt`, in the order in which apt reads them. Blocks.
///
/// Files that cannot be read are passed over: apt itself would complain about them.
pub(crate) fn read(apt: &Path) -> Vec<Source> {
    let mut files = vec![apt.join("sources.list")];
    if let Ok(entries) = fs::read_dir(apt.join("sources.list.d")) {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    files[1..].sort();
    let mut sources = Vec::new();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        match file.extension().and_then(|ext| ext.to_str()) {
            Some("sources") => sources.extend(paragraphs(&text)),
            Some("list") => sources.extend(text.lines().filter_map(one_line)),
            _ => {}
        }
    }
    sources
}

/// The source that offers `suite`, or else the first that looks like a Debian archive, or else the first.
pub(crate) fn pick<'a>(sources: &'a [Source], suite: &str) -> Option<&'a Source> {
    let offers = |source: &&Source| source.suites.iter().any(|name| name == suite);
    let archive = |source: &&Source| source.url.ends_with("/debian");
    sources.iter().find(offers).or_else(|| sources.iter().find(archive)).or_else(|| sources.first())
}

/// `deb [options] URL SUITE COMPONENT…`
fn one_line(line: &str) -> Option<Source> {
    let rest = line.trim().strip_prefix("deb")?;
    let rest = rest.strip_prefix(char::is_whitespace)?.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']')?.1,
        None => rest,
    };
    let mut words = rest.split_whitespace();
    let source = source(words.next()?, vec![words.next()?.to_owned()]);
    Some(source)
}

/// Paragraphs of `Key: value` lines, as in `debian.sources`.
fn paragraphs(text: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines.chain([""]) {
        if line.trim().is_empty() {
            found.extend(paragraph(&fields));
            fields.clear();
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((key, value)) = line.split_once(':') {
            fields.push((key.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    found
}

fn paragraph(fields: &[(String, String)]) -> Vec<Source> {
    let words = |key: &str| -> Vec<String> {
        let value = fields.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        value.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let off = words("enabled").first().is_some_and(|word| word.eq_ignore_ascii_case("no"));
    if off || !words("types").iter().any(|word| word == "deb") {
        return Vec::new();
    }
    words("uris").iter().map(|url| source(url, words("suites"))).collect()
}

fn source(url: &str, suites: Vec<String>) -> Source {
    Source { url: url.trim_end_matches('/').to_owned(), suites }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_are_read_and_the_suite_decides() {
        let apt = tempfile::tempdir().unwrap();
        let parts = apt.path().join("sources.list.d");
        fs::create_dir(&parts).unwrap();
        fs::write(
            apt.path().join("sources.list"),
            "# deb http://no.test/debian bookworm main\ndeb [arch=amd64 signed-by=/k] http://other.test/apt/ stable main\n\
             deb-src http://no.test/debian bookworm main\n",
        )
        .unwrap();
        fs::write(
            parts.join("debian.sources"),
            "Types: deb deb-src\n# a comment\nURIs: http://mirror.test/debian/\nSuites: bookworm\n bookworm-updates\n\n\
             Types: deb\nEnabled: no\nURIs: http://off.test/debian\nSuites: trixie\n",
        )
        .unwrap();
        let sources = read(apt.path());
        assert_eq!(sources.len(), 2, "{sources:?}");
        assert_eq!(pick(&sources, "bookworm").unwrap().url, "http://mirror.test/debian");
        assert_eq!(pick(&sources, "bookworm-updates").unwrap().url, "http://mirror.test/debian");
        assert_eq!(pick(&sources, "trixie").unwrap().url, "http://mirror.test/debian");
        assert_eq!(pick(&sources[..1], "trixie").unwrap().url, "http://other.test/apt");
    }

    #[test]
    fn a_worker_without_sources_has_none() {
        assert_eq!(read(Path::new("/nowhere")), []);
        assert_eq!(pick(&[], "bookworm"), None);
    }
}
