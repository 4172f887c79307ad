//! The mirrors of apt with the worker's own apt, outside a container.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::*;

const HELPER: &str = "/usr/lib/apt/apt-helper";

/// A server that answers each path with `path` as the content, remembers what it was asked for, sends `/debian/moved/…`
/// on to `/debian/…`, and has nothing below `/debian/none`.
fn server() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (heard, own) = (asked.clone(), address.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (heard, own) = (heard.clone(), own.clone());
            std::thread::spawn(move || {
                let mut waiting = Vec::new();
                let mut some = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut some) {
                    waiting.extend(&some[..count]);
                    while let Some(end) = waiting.windows(4).position(|four| four == b"\r\n\r\n") {
                        let request = String::from_utf8(waiting.drain(..end + 4).collect()).unwrap();
                        let path = request.split(' ').nth(1).unwrap().to_owned();
                        let answer = match path.strip_prefix("/debian/moved/") {
                            Some(rest) => format!(
                                "HTTP/1.1 302 Found\r\nLocation: http://{own}/debian/{rest}\r\nContent-Length: 0\r\n\r\n"
                            ),
                            None if path.starts_with("/debian/none") => {
                                "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned()
                            }
                            None => {
                                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len())
                            }
                        };
                        heard.lock().unwrap().push(path);
                        stream.write_all(answer.as_bytes()).unwrap();
                    }
                }
            });
        }
    });
    (address, asked)
}

/// What apt says and makes of fetching `urls`, one file each.
fn fetch(mirrors: &MirrorMap, urls: &[&str]) -> (bool, String, Vec<Option<String>>) {
    let folder = tempfile::tempdir().unwrap();
    let lent = folder.path().join("apt");
    write(&lent, lent.to_str().unwrap(), &mirrored(mirrors).unwrap(), None).unwrap();
    let files: Vec<PathBuf> = (0..urls.len()).map(|index| folder.path().join(index.to_string())).collect();
    let mut command = test_parts::tool(HELPER, "apt").unwrap().command();
    command.env("APT_CONFIG", lent.join(CONFIGURATION)).arg("download-file");
    for (url, file) in urls.iter().zip(&files) {
        command.arg(url).arg(file).arg("");
    }
    let output = command.output().unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text, files.iter().map(|file| fs::read_to_string(file).ok()).collect())
}

#[test]
fn apt_asks_the_mirrors_and_knows_the_archives_alone_with_apt_helper() {
    const TEST: &str = "apt_asks_the_mirrors_and_knows_the_archives_alone_with_apt_helper";
    if test_parts::tool(HELPER, TEST).is_none() {
        return;
    }
    let (address, asked) = server();
    let mirrors = MirrorMap {
        apt: Some(format!("http://{address}/debian/")),
        apt_archives: BTreeMap::from([
            ("http://archive.test/a.b".to_owned(), format!("http://{address}/other&|x/")),
            ("https://archive.test/".to_owned(), format!("http://{address}/rest")),
        ]),
        ..MirrorMap::default()
    };
    let pairs = [
        ("http://deb.debian.org/debian/dists/x/InRelease", "/debian/dists/x/InRelease"),
        ("https://deb.debian.org/debian/pool/a~b%2b1.deb", "/debian/pool/a~b%2b1.deb"),
        ("http://deb.debian.org/debian-security/a", "/debian-security/a"),
        ("http://security.debian.org/debian-security/b", "/debian-security/b"),
        ("http://archive.test/a.b/c", "/other&|x/c"),
        ("http://archive.test/aXb/c", "/rest/aXb/c"),
        ("http://deb.debian.org/debian/moved/d", "/debian/d"),
    ];
    let urls: Vec<_> = pairs.iter().map(|(url, _)| *url).collect();
    let (success, said, files) = fetch(&mirrors, &urls);
    assert!(success, "{said}");
    for ((url, path), file) in pairs.iter().zip(files) {
        assert_eq!(file.as_deref(), Some(*path), "{url}: {said}");
        assert!(asked.lock().unwrap().iter().any(|one| one == path), "{url}");
    }
    assert!(said.contains("http://deb.debian.org/debian") && !said.contains(&address), "{said}");
}

#[test]
fn many_files_of_archives_that_share_a_mirror_keep_their_names_with_apt_helper() {
    const TEST: &str = "many_files_of_archives_that_share_a_mirror_keep_their_names_with_apt_helper";
    if test_parts::tool(HELPER, TEST).is_none() {
        return;
    }
    let (address, _) = server();
    let mirrors = MirrorMap { apt: Some(format!("http://{address}/debian")), ..MirrorMap::default() };
    let hosts = ["http://deb", "https://deb", "http://security", "https://security"];
    let urls: Vec<String> = (0..200)
        .map(|number| format!("{}.debian.org/debian-security/{number}", hosts[number % hosts.len()]))
        .collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let (success, said, files) = fetch(&mirrors, &urls);
    assert!(success, "{said}");
    for (number, file) in files.iter().enumerate() {
        assert_eq!(file.as_deref(), Some(&*format!("/debian-security/{number}")), "{said}");
    }
}

#[test]
fn what_a_mirror_does_not_have_fails_under_the_name_of_the_archive_with_apt_helper() {
    const TEST: &str = "what_a_mirror_does_not_have_fails_under_the_name_of_the_archive_with_apt_helper";
    if test_parts::tool(HELPER, TEST).is_none() {
        return;
    }
    let (address, _) = server();
    let mirrors = MirrorMap { apt: Some(format!("http://{address}/debian")), ..MirrorMap::default() };
    let (success, said, _) = fetch(&mirrors, &["http://deb.debian.org/debian/none"]);
    assert!(!success && said.contains("http://deb.debian.org/debian/none") && said.contains("404"), "{said}");
    let dead = MirrorMap { apt: Some("http://127.0.0.1:9/debian".to_owned()), ..MirrorMap::default() };
    let (success, said, _) = fetch(&dead, &["http://deb.debian.org/debian/x"]);
    assert!(!success && said.contains("127.0.0.1:9"), "{said}");
}

/// Runs the method as apt would, with `method` in place of apt's own.
fn method(true_method: &str, requests: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    fs::write(
        place("http"),
        METHOD.replace("/usr/lib/apt/methods/", &format!("{}/true-", folder.path().display())),
    )
    .unwrap();
    fs::write(place("archives"), "a.test/x http://m.test/y\n").unwrap();
    fs::write(place("true-http"), true_method).unwrap();
    fs::set_permissions(place("true-http"), Permissions::from_mode(0o755)).unwrap();
    let mut child = test_parts::tool("sh", "apt")
        .unwrap()
        .command()
        .arg(place("http"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut way = child.stdin.take().unwrap();
    way.write_all(requests.as_bytes()).unwrap();
    let mut said = String::new();
    // The way to it stays open: it has to end by itself, as apt waits for that before it closes anything.
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let code = child.wait().unwrap().code();
    drop(way);
    (code, said)
}

#[test]
fn a_method_that_dies_ends_all_of_it_at_once() {
    let (code, said) = method("#!/bin/sh\necho '100 Capabilities'\nexit 7\n", "601 Configuration\n\n");
    assert_eq!((code, said.as_str()), (Some(7), "100 Capabilities\n"));
}

#[test]
fn only_the_lines_that_name_what_is_fetched_are_changed() {
    let echo = "#!/bin/sh\nwhile read -r line && [ \"$line\" != end ]; do printf '%s\\n' \"$line\" | tee -a \"$0.log\"; done\n\
                grep -q 'URI: http://m.test/y/\\\\a' \"$0.log\" && grep -q 'Other: http://a.test/x/b' \"$0.log\"\n";
    let said = "URI: http://a.test/x/\\a  b\nOther: http://a.test/x/b\nNew-URI: http://m.test/y/c\n\
                Message: http://m.test/y/d\nURI: http://a.test/xy\n\n";
    let (code, heard) = method(echo, &format!("{said}end\n"));
    assert_eq!(heard, said.replace("New-URI: http://m.test/y/c", "New-URI: http://a.test/x/c"));
    assert_eq!(code, Some(0));
}

#[test]
fn a_table_of_archives_goes_before_the_mirror_of_debian() {
    let mirrors = MirrorMap {
        apt: Some("http://m.test/debian/".to_owned()),
        apt_archives: BTreeMap::from([
            ("deb.debian.org/debian-security/".to_owned(), "https://m.test/sec".to_owned()),
            ("http://archive.ubuntu.com/ubuntu".to_owned(), "https://m.test/ubuntu".to_owned()),
        ]),
        ..MirrorMap::default()
    };
    let all = mirrored(&mirrors).unwrap();
    let of = |archive: &str| &*all.iter().find(|one| one.archive == archive).unwrap().mirror;
    assert_eq!(of("deb.debian.org/debian"), "http://m.test/debian");
    assert_eq!(of("deb.debian.org/debian-security"), "https://m.test/sec");
    assert_eq!(of("security.debian.org/debian-security"), "http://m.test/debian-security");
    assert_eq!(of("archive.ubuntu.com/ubuntu"), "https://m.test/ubuntu");
    assert_eq!(all.len(), 4);
    assert_eq!(mirrored(&MirrorMap::default()), Ok(Vec::new()));
}

#[test]
fn what_is_no_url_is_refused_without_showing_a_password() {
    for (written, used) in [
        ("http://a.test/x", "ftp://u:w0rd@m.test/x"),
        ("http://a.test/x", "http://u:w0rd@m.test/x y"),
        ("http://a.test/x", "http:///"),
        ("http://a.test/x\nURI: y", "http://m.test/x"),
        ("http://", "http://m.test/x"),
    ] {
        let mut mirrors = MirrorMap::default();
        mirrors.apt_archives.insert(written.to_owned(), used.to_owned());
        let error = mirrored(&mirrors).unwrap_err();
        assert!(error.help.as_deref().unwrap().contains("mirrors.apt"), "{error}");
        assert!(!error.message.contains("w0rd"), "{error}");
    }
}
