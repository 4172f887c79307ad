//! image-factory
