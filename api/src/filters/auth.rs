//! Who is asking: a bearer token, or the same token as a Basic password.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_ports::{StoreError, TokenStore};
use subtle::ConstantTimeEq as _;
use vocab::TenantName;
use warp::{Filter, Rejection};

use crate::data::token_hash;
use crate::problem::{Problem, ProblemKind};
use crate::rejection::reject;

/// A token is short; a longer text is not worth hashing.
const MOST_TOKEN: usize = 512;

/// Somebody whose token was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Who.
    pub(crate) user: String,
    /// In which tenant they act.
    pub(crate) tenant: TenantName,
}

/// Checks tokens.
#[derive(Clone)]
pub(crate) struct Tokens(Arc<dyn TokenStore>);

impl Tokens {
    pub(crate) fn new(store: Arc<dyn TokenStore>) -> Self {
        Self(store)
    }

    /// Who stands behind an `Authorization` header; `None` when nobody does.
    async fn check_header(&self, authorization: &str) -> Result<Option<Caller>, StoreError> {
        let Some((user, token)) = credentials(authorization) else { return Ok(None) };
        self.check(user.as_deref(), &token).await
    }

    /// Who stands behind a token; `None` when nobody does, or somebody else than `user`.
    pub(crate) async fn check(&self, user: Option<&str>, token: &str) -> Result<Option<Caller>, StoreError> {
        if token.is_empty() || token.len() > MOST_TOKEN {
            return Ok(None);
        }
        let hash = token_hash(token);
        let Some(row) = self.0.token(&hash).await? else { return Ok(None) };
        // The database has compared already, in its own way; this comparison is the one that counts.
        let same = bool::from(row.hash.as_bytes().ct_eq(hash.as_bytes()));
        let same_user = user.is_none_or(|user| user == row.user);
        Ok((same && same_user).then_some(Caller { user: row.user, tenant: row.tenant }))
    }
}

/// User (of Basic) and token of a header.
fn credentials(authorization: &str) -> Option<(Option<String>, String)> {
    let (scheme, rest) = authorization.split_once(' ')?;
    let rest = rest.trim();
    let found = if scheme.eq_ignore_ascii_case("bearer") {
        (None, rest.to_owned())
    } else if scheme.eq_ignore_ascii_case("basic") && rest.len() <= 2 * MOST_TOKEN {
        let text = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        let (user, token) = text.split_once(':')?;
        (Some(user.to_owned()), token.to_owned())
    } else {
        return None;
    };
    (!found.1.is_empty()).then_some(found)
}

/// The caller, or 401.
pub(crate) fn caller(
    tokens: Tokens,
) -> impl Filter<Extract = (Caller,), Error = Rejection> + Clone + Send + Sync {
    warp::header::optional::<String>("authorization").and_then(move |header: Option<String>| {
        let tokens = tokens.clone();
        async move {
            let refuse = |detail: &str| {
                reject(
                    Problem::new(ProblemKind::Unauthenticated, detail)
                        .help("send `Authorization: Bearer TOKEN`; the admin's token is in `admin.token` of the data folder"),
                )
            };
            let Some(header) = header else { return Err(refuse("no token was sent")) };
            match tokens.check_header(&header).await {
                Ok(Some(caller)) => Ok(caller),
                Ok(None) => Err(refuse("the token is not known")),
                Err(error) => Err(reject(error.into())),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_as_bearer_or_as_a_password() {
        assert_eq!(credentials("Bearer abc"), Some((None, "abc".into())));
        let basic = format!("Basic {}", STANDARD.encode("admin:abc"));
        assert_eq!(credentials(&basic), Some((Some("admin".into()), "abc".into())));
        for wrong in ["", "Bearer", "Bearer ", "Digest abc", "Basic !!!", "Basic YWRtaW4="] {
            assert_eq!(credentials(wrong), None, "{wrong}");
        }
    }
}
