//! Looks up the host that a tenant named before Git does, and holds Git to the answer.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use engine_ports::{ActionError, StepSettings};

use super::host::forbidden;
use super::location::{Endpoint, Location, out_of_reach};
use super::url::Transport;

/// Time for one lookup.
const PATIENCE: Duration = Duration::from_secs(30);
/// Addresses of one host that Git is told.
const MOST: usize = 16;

/// Configuration of Git's for the way to `location`: where its host is, and whether it may lead elsewhere.
pub(super) async fn configuration(
    location: &Location,
    settings: &StepSettings,
) -> Result<String, ActionError> {
    // Only the operator's own mirrors are trusted with where they lead.
    if location.vouched {
        return Ok(String::new());
    }
    let mut config = String::from("[http]\n\tfollowRedirects = false\n");
    if let Some(endpoint) = &location.lookup {
        let addresses = look_up(endpoint).await;
        // A name that only the proxy can look up is the proxy's to allow or refuse.
        let proxied = location.transport == Transport::Https && settings.https_proxy.is_some()
            || location.transport == Transport::Http && settings.http_proxy.is_some();
        match addresses {
            Err(_) if proxied => {}
            found => hold(&mut config, endpoint, &found?)?,
        }
    }
    Ok(config)
}

async fn look_up(endpoint: &Endpoint) -> Result<Vec<IpAddr>, ActionError> {
    let failed = |why: &str| {
        ActionError::transient(format!(
            "the repository's host `{}` cannot be looked up: {why}",
            endpoint.name
        ))
        .help("look whether the name is right and the worker's resolver works, or add a `retry`")
    };
    let lookup = tokio::net::lookup_host((endpoint.name.as_str(), endpoint.port));
    let found = tokio::time::timeout(PATIENCE, lookup).await.map_err(|_| failed("no answer in time"))?;
    let found = found.map_err(|error| failed(&error.to_string()))?;
    let addresses: Vec<_> = found.map(|found| found.ip()).collect();
    if addresses.is_empty() { Err(failed("it has no address")) } else { Ok(addresses) }
}

/// Refuses a host with an address that is out of reach, and ties the others to its name (Git 2.37 or later obeys).
fn hold(config: &mut String, endpoint: &Endpoint, addresses: &[IpAddr]) -> Result<(), ActionError> {
    let Endpoint { name, port } = endpoint;
    if let Some((address, why)) =
        addresses.iter().find_map(|address| forbidden(*address).map(|why| (address, why)))
    {
        return Err(out_of_reach(&format!("the repository's host `{name}` is {address}, {why}")));
    }
    let written = addresses.iter().take(MOST).map(|address| match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    });
    let written = written.collect::<Vec<_>>().join(",");
    // Writing into a string does not fail.
    let _ = writeln!(config, "\tcurloptResolve = \"{name}:{port}:{written}\"");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::location::locate;
    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint { name: "git.example".to_owned(), port: 8443 }
    }

    #[test]
    fn git_is_held_to_the_addresses_that_were_found() {
        let mut config = String::new();
        let addresses = ["10.0.0.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
        hold(&mut config, &endpoint(), &addresses).unwrap();
        assert_eq!(config, "\tcurloptResolve = \"git.example:8443:10.0.0.7,[2001:db8::7]\"\n");
    }

    #[test]
    fn one_address_out_of_reach_refuses_the_host() {
        let addresses = ["9.9.9.9".parse().unwrap(), "169.254.169.254".parse().unwrap()];
        let error = hold(&mut String::new(), &endpoint(), &addresses).unwrap_err();
        let said = format!("{}; {}", error.message, error.help.unwrap());
        assert!(said.contains("`git.example` is 169.254.169.254, a link-local"), "{said}");
        assert!(said.contains("steps.git_local_hosts"), "{said}");
    }

    #[tokio::test]
    async fn a_name_that_is_not_found_stops_git_unless_a_proxy_may_know_it() {
        let mut settings = StepSettings::default();
        let location = locate("https://nowhere.invalid/x", &settings).unwrap();
        let error = configuration(&location, &settings).await.unwrap_err();
        assert_eq!(error.class, vocab::ErrorClass::Transient, "{error}");
        settings.https_proxy = Some("http://proxy:3128".to_owned());
        let config = configuration(&location, &settings).await.unwrap();
        assert!(config.contains("followRedirects = false") && !config.contains("curloptResolve"), "{config}");
    }
}
