//! engine-stores
