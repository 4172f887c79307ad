//! steps-registry
