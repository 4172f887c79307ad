//! The host in a repository's URL, and which addresses a tenant may not reach through the worker.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A host as a URL names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// A name, in lower case. None ends in a dot: programs do not agree whether that is the same name.
    Name(String),
    Address(IpAddr),
}

impl Host {
    /// Reads what stands between user and port; IPv6 in brackets.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        if let Some(inner) = text.strip_prefix('[') {
            let address = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
            return address.map(|address| Self::Address(address.into())).ok_or("has no proper host");
        }
        let name = text.to_ascii_lowercase();
        if let Ok(address) = name.parse::<Ipv4Addr>() {
            return Ok(Self::Address(address.into()));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.starts_with('-') || name.ends_with('.') || !name.bytes().all(plain) {
            return Err("has no proper host");
        }
        if ends_in_a_number(&name) {
            return Err("has a number for a host that is no address; write all four parts, in decimal");
        }
        Ok(Self::Name(name))
    }

    /// Why a tenant may not go there, as far as the text tells.
    pub(super) fn forbidden(&self) -> Option<&'static str> {
        match self {
            Self::Address(address) => forbidden(*address),
            Self::Name(name) => {
                let own = name == "localhost" || name.ends_with(".localhost");
                own.then_some(LOOPBACK)
            }
        }
    }

    /// Whether it stands in the operator's list, written the same way or as the same address.
    pub(super) fn is_listed(&self, list: &[String]) -> bool {
        list.iter().any(|entry| {
            // In a list, IPv6 needs no brackets.
            let bare = entry.parse().ok().map(Self::Address);
            bare.or_else(|| Self::read(entry).ok()).as_ref() == Some(self)
        })
    }
}

/// What programs take for an address in one of its odd forms: `2130706433`, `127.1`, `0x7f.1`.
fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x");
    last.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

const LOOPBACK: &str = "a loopback address of the worker";
const LINK_LOCAL: &str = "a link-local address, where clouds keep their metadata";
const METADATA: &str = "an address where a cloud keeps its metadata";
const NO_HOST: &str = "no address of a host";

/// Metadata of clouds outside of the link-local ranges.
const METADATA_V4: &[Ipv4Addr] =
    &[Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];
const METADATA_V6: &[Ipv6Addr] =
    &[Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

/// Why a tenant may not reach an address. Private ranges are allowed: that is where a company's Git hosts are.
pub(super) fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => forbidden_v4(address),
        IpAddr::V6(address) if address.is_loopback() || address.is_unspecified() => Some(LOOPBACK),
        IpAddr::V6(address) if address.is_unicast_link_local() => Some(LINK_LOCAL),
        IpAddr::V6(address) if METADATA_V6.contains(&address) => Some(METADATA),
        IpAddr::V6(address) if address.is_multicast() => Some(NO_HOST),
        IpAddr::V6(address) => embedded(address).and_then(forbidden_v4),
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<&'static str> {
    // All of 0.0.0.0/8 means this machine, to those who let it mean anything.
    if address.is_loopback() || address.octets()[0] == 0 {
        Some(LOOPBACK)
    } else if address.is_link_local() {
        Some(LINK_LOCAL)
    } else if METADATA_V4.contains(&address) {
        Some(METADATA)
    } else if address.is_multicast() || address.is_broadcast() {
        Some(NO_HOST)
    } else {
        None
    }
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, behind NAT64 or 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let parts = address.segments();
    let two = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match parts {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(two(high, low))
        }
        [0x2002, high, low, ..] => Some(two(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> Option<&'static str> {
        Host::read(text).unwrap().forbidden()
    }

    #[test]
    fn loopback_link_local_and_metadata_are_out_of_reach_in_every_spelling() {
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "localhost",
            "LocalHost",
            "x.localhost",
            "169.254.169.254",
            "100.100.100.200",
            "224.0.0.1",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[febf::1]",
            "[fd00:ec2::254]",
            "[ff02::1]",
            "[::ffff:127.0.0.1]",
            "[::127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
        ] {
            assert!(why(text).is_some(), "{text}");
        }
    }

    #[test]
    fn private_ranges_and_the_world_are_reached() {
        for text in ["10.1.2.3", "172.16.0.1", "192.168.0.1", "[fd12::1]", "[2001:db8::1]", "9.9.9.9"] {
            assert_eq!(why(text), None, "{text}");
        }
        for text in ["git.example", "git_1", "a-b.c", "localhost.example", "cafe.0xfg", "v2"] {
            assert_eq!(why(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_in_odd_forms_and_broken_hosts_are_refused() {
        for text in ["2130706433", "127.1", "0177.0.0.1", "0x7f.1", "0x7f000001", "1.2.3.4.5", "a.1", "0x"] {
            assert!(Host::read(text).is_err(), "{text}");
        }
        for text in [
            "",
            ".",
            "-x",
            "a.",
            "127.0.0.1.",
            "a b",
            "[::1",
            "::1",
            "[127.0.0.1]",
            "[fe80::1%eth0]",
            "a%41",
            "a@b",
        ] {
            assert!(Host::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_listed_host_is_meant_as_it_is_written() {
        let list = ["Git.Local".to_owned(), "::1".to_owned(), "[fe80::2]".to_owned(), "127.0.0.1".to_owned()];
        for text in ["git.local", "[::1]", "[0:0::1]", "[fe80::2]", "127.0.0.1"] {
            assert!(Host::read(text).unwrap().is_listed(&list), "{text}");
        }
        for text in ["localhost", "x.git.local", "127.0.0.2"] {
            assert!(!Host::read(text).unwrap().is_listed(&list), "{text}");
        }
    }
}
