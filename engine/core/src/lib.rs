//! engine-core
