//! steps-kit
