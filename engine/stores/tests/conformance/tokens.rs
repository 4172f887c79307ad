//! Claims about tokens.

use engine_ports::{StoreError, Token};
use vocab::TenantName;

use crate::Stores;
use crate::sample::at;

fn token(hash: &str) -> Token {
    Token {
        hash: hash.to_owned(),
        user: "admin".to_owned(),
        tenant: TenantName::default_tenant(),
        created_at: at(1),
    }
}

pub(crate) async fn a_token_is_found_by_its_hash_only(stores: &Stores) {
    stores.tokens.add_token(token("abcd")).await.unwrap();
    assert_eq!(stores.tokens.token("abcd").await.unwrap(), Some(token("abcd")));
    for other in ["", "abc", "ABCD", "%"] {
        assert_eq!(stores.tokens.token(other).await.unwrap(), None);
    }
}

pub(crate) async fn a_hash_is_taken_once(stores: &Stores) {
    stores.tokens.add_token(token("abcd")).await.unwrap();
    let second = Token { user: "other".to_owned(), ..token("abcd") };
    assert!(matches!(stores.tokens.add_token(second).await, Err(StoreError::Exists(_))));
    assert_eq!(stores.tokens.token("abcd").await.unwrap(), Some(token("abcd")));
}
