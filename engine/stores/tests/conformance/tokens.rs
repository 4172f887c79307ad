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

pub(crate) async fn replacing_ends_every_other_token_of_the_user(stores: &Stores) {
    let guest = Token { user: "guest".to_owned(), ..token("guest") };
    let elsewhere = Token { tenant: "other".parse().unwrap(), ..token("elsewhere") };
    for token in [token("first"), token("second"), guest.clone(), elsewhere.clone()] {
        stores.tokens.add_token(token).await.unwrap();
    }
    stores.tokens.replace_tokens(token("third")).await.unwrap();
    for gone in ["first", "second"] {
        assert_eq!(stores.tokens.token(gone).await.unwrap(), None, "{gone}");
    }
    for kept in [token("third"), guest, elsewhere] {
        assert_eq!(stores.tokens.token(&kept.hash).await.unwrap(), Some(kept));
    }
}

pub(crate) async fn replacing_a_token_by_itself_keeps_it(stores: &Stores) {
    stores.tokens.add_token(token("abcd")).await.unwrap();
    let later = Token { created_at: at(9), ..token("abcd") };
    stores.tokens.replace_tokens(later).await.unwrap();
    assert_eq!(stores.tokens.token("abcd").await.unwrap(), Some(token("abcd")));
}

pub(crate) async fn replacing_by_the_hash_of_somebody_else_changes_nothing(stores: &Stores) {
    let guest = Token { user: "guest".to_owned(), ..token("taken") };
    for token in [token("abcd"), guest.clone()] {
        stores.tokens.add_token(token).await.unwrap();
    }
    let refused = stores.tokens.replace_tokens(token("taken")).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    for kept in [token("abcd"), guest] {
        assert_eq!(stores.tokens.token(&kept.hash).await.unwrap(), Some(kept));
    }
}
