//! The server that a client command talks to, and which token it may be shown.
//!
//! Whoever is shown the admin's token may do everything. The token of a data folder is for the server of that folder;
//! a URL out of an argument or a variable says nothing about who answers there.

use super::Failure;
use crate::data::{AdminToken, DataFolder};

/// A server, and how it was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    /// Its URL.
    pub(super) url: &'a str,
    /// Whether the server of the data folder wrote the URL down itself.
    pub(super) announced: bool,
    /// Whether the data folder was named on the command line.
    pub(super) folder_named: bool,
    /// Whether a token may pass in the clear.
    pub(super) insecure: bool,
}

impl Target<'_> {
    /// Refuses a way on which others read along. The address that a server of this machine wrote down is its own.
    pub(super) fn check_channel(self) -> Result<(), Failure> {
        if self.announced || self.insecure || is_loopback(self.url) || is_https(self.url) {
            return Ok(());
        }
        let text = format!("{} is not reached through TLS, and the token would pass in the clear", self.url);
        Err(Failure::usage(text).help("name the server with an https URL, or say --insecure"))
    }

    /// The token of the folder, where it may be shown.
    pub(super) fn token_of(self, folder: Option<&DataFolder>) -> Result<String, Failure> {
        let url = self.url;
        let ours = self.announced || (self.folder_named && is_loopback(url));
        if !ours {
            let text = format!(
                "no token is known for {url}: that of the data folder is shown only to the server that serves it"
            );
            let help = "set IMAGE_FACTORY_TOKEN to a token of the server";
            return Err(Failure::usage(text).help(if is_loopback(url) {
                format!("{help}, or name the server's data folder with --data-dir")
            } else {
                help.to_owned()
            }));
        }
        let token = folder.map(AdminToken::load).transpose()?.flatten();
        token.map(|token| token.expose().to_owned()).ok_or_else(|| {
            Failure::usage(format!("no token is known for {url}"))
                .help("set IMAGE_FACTORY_TOKEN, or name the server's data folder with --data-dir")
        })
    }
}

fn is_https(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| url.scheme() == "https")
}

/// Whether a URL leads to this machine.
pub(super) fn is_loopback(url: &str) -> bool {
    let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELSEWHERE: &str = "https://factory.example";
    const HERE: &str = "http://127.0.0.1:8080";

    fn target(url: &str) -> Target<'_> {
        Target { url, announced: false, folder_named: false, insecure: false }
    }

    #[test]
    fn the_token_of_a_folder_is_for_the_server_of_that_folder() {
        let outer = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(outer.path()).unwrap();
        let token = AdminToken::ensure(&folder).unwrap().expose().to_owned();
        let shown = |target: Target<'_>| target.token_of(Some(&folder)).ok().as_ref() == Some(&token);
        assert!(shown(Target { announced: true, ..target(HERE) }));
        assert!(shown(Target { announced: true, ..target(ELSEWHERE) }));
        assert!(shown(Target { folder_named: true, ..target(HERE) }));
        assert!(!shown(target(HERE)));
        assert!(!shown(Target { folder_named: true, insecure: true, ..target(ELSEWHERE) }));
        for url in ["http://127.0.0.1@evil.example", "http://localhost.evil.example", "http://10.0.0.1"] {
            assert!(!shown(Target { folder_named: true, ..target(url) }), "{url}");
        }
    }

    #[test]
    fn no_token_passes_in_the_clear_unless_it_was_said() {
        for url in [ELSEWHERE, HERE, "http://localhost:1", "http://[::1]:1"] {
            assert!(target(url).check_channel().is_ok(), "{url}");
        }
        let open = target("http://factory.example");
        assert!(open.check_channel().is_err());
        assert!(Target { insecure: true, ..open }.check_channel().is_ok());
        assert!(Target { announced: true, ..open }.check_channel().is_ok());
    }
}
