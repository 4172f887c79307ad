//! Repositories, tags and references as workflows write them.

use engine_ports::{ActionError, Repository};
use steps_kit::fail;
use vocab::{Digest, TenantName};

/// The tenant's repository `name`, which is written without the tenant.
pub(crate) fn repository(tenant: &TenantName, name: &str) -> Result<Repository, ActionError> {
    Repository::new(tenant, name).map_err(fail)
}

/// A tag as the OCI distribution specification has it.
pub(crate) fn tag(text: &str) -> Result<String, ActionError> {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let fits = text.len() <= 128
        && text.bytes().all(rest)
        && text.bytes().next().is_some_and(|first| first != b'.' && first != b'-');
    if fits {
        return Ok(text.to_owned());
    }
    let shown: String = text.chars().take(140).flat_map(char::escape_debug).collect();
    Err(ActionError::permanent(format!("`{shown}` is not a tag"))
        .help("use at most 128 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`"))
}

/// A digest, alone or behind the repository that `registry/push` published it in.
pub(crate) fn reference(
    tenant: &TenantName,
    text: &str,
) -> Result<(Option<Repository>, Digest), ActionError> {
    let shown = || text.chars().take(300).flat_map(char::escape_debug).collect::<String>();
    let help = "give a digest `sha256:…`, or the output `reference` of registry/push@v1";
    let (place, digest) = match text.rsplit_once('@') {
        Some((place, digest)) => (Some(place), digest),
        None => (None, text),
    };
    let digest = digest.parse().map_err(|error| {
        ActionError::permanent(format!("`{}` is no reference: {error}", shown())).help(help)
    })?;
    let Some(place) = place else { return Ok((None, digest)) };
    let repository: Repository = place.parse().map_err(fail)?;
    if repository.tenant() == tenant {
        return Ok((Some(repository), digest));
    }
    // Another tenant's is not told from one that is not there.
    Err(ActionError::permanent(format!("there is no image {}", shown())).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_no_client_could_write_are_refused() {
        for text in ["latest", "v1.2-rc_1", "_x", "12"] {
            assert!(tag(text).is_ok(), "{text}");
        }
        for text in ["", ".x", "-x", "a/b", "a:b", "a b", "ü", &"a".repeat(129)] {
            assert!(tag(text).is_err(), "{text}");
        }
    }

    #[test]
    fn another_tenants_reference_looks_like_none() {
        let tenant = "acme".parse().unwrap();
        let digest = Digest::of("x");
        let (place, found) = reference(&tenant, &format!("acme/golden/debian@{digest}")).unwrap();
        assert_eq!((place.unwrap().name(), found), ("golden/debian", digest.clone()));
        assert_eq!(reference(&tenant, &digest.to_string()).unwrap(), (None, digest.clone()));
        let other = reference(&tenant, &format!("other/x@{digest}")).unwrap_err();
        assert!(other.message.contains("there is no"), "{other}");
        for text in ["", "latest", "acme/x:latest", "acme/x@latest", "@"] {
            assert!(reference(&tenant, text).is_err(), "{text}");
        }
    }
}
