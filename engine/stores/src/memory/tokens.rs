//! Tokens in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use engine_ports::{StoreError, Token, TokenStore};

/// Tokens in memory, by hash.
#[derive(Debug, Default)]
pub struct MemoryTokenStore {
    tokens: Mutex<BTreeMap<String, Token>>,
}

impl MemoryTokenStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl TokenStore for MemoryTokenStore {
    async fn add_token(&self, token: Token) -> Result<(), StoreError> {
        // A map of whole tokens is sound after any panic.
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.contains_key(&token.hash) {
            return Err(StoreError::Exists("token with that hash".to_owned()));
        }
        tokens.insert(token.hash.clone(), token);
        Ok(())
    }

    async fn replace_tokens(&self, token: Token) -> Result<(), StoreError> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |other: &Token| other.tenant == token.tenant && other.user == token.user;
        if tokens.get(&token.hash).is_some_and(|other| !same(other)) {
            return Err(StoreError::Exists("token with that hash".to_owned()));
        }
        tokens.retain(|hash, other| *hash == token.hash || !same(other));
        tokens.entry(token.hash.clone()).or_insert(token);
        Ok(())
    }

    async fn token(&self, hash: &str) -> Result<Option<Token>, StoreError> {
        Ok(self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(hash).cloned())
    }
}
